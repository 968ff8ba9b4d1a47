"""The server: several processes on one port, counted together, and an end that answers what was begun."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.contract_client import ROOT

RUN = (
    "from hub.config import read_settings; from hub.gateway.server import serve; "
    "serve(read_settings(), 'tests.gateway.small:wsgi')"
)


def get(port: int, path: str) -> tuple[int, str]:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    link.request("GET", path, headers={"Connection": "close"})
    answer = link.getresponse()
    found = (answer.status, answer.read().decode())
    link.close()
    return found


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A server of two processes on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "HUB_API_PORT": str(port),
        "HUB_API_PROCESSES": "2",
        "HUB_API_THREADS": "4",
        "HUB_DATA_DIR": str(tmp_path),
        "PYTHONPATH": str(ROOT),
    }
    environment.pop("PROMETHEUS_MULTIPROC_DIR", None)
    process = subprocess.Popen([sys.executable, "-c", RUN], env=environment, cwd=ROOT)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            get(port, "/")
            break
        except OSError:
            time.sleep(0.05)
    yield port, process
    if process.poll() is None:
        process.terminate()  # killed, it would leave its own processes behind
    process.wait(30)


def test_several_processes_share_a_port_and_their_counters(served: tuple[int, subprocess.Popen[bytes]]) -> None:
    port, _ = served
    asked = 200

    pids = {get(port, "/")[1] for _ in range(asked)}
    deadline = time.monotonic() + 60
    while len(pids) < 2 and time.monotonic() < deadline:  # the second process may still be starting
        pids.add(get(port, "/")[1])
    texts = [get(port, "/metrics")[1] for _ in range(6)]

    totals = {re.search(r'hub_http_requests_total\{[^}]*route="/"[^}]*\} (\d+)', text)[1] for text in texts}  # type: ignore[index]
    assert len(pids) == 2
    assert len(totals) == 1
    assert int(totals.pop()) >= asked


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_what_was_begun_is_answered_before_the_server_ends(
    served: tuple[int, subprocess.Popen[bytes]], sign: signal.Signals
) -> None:
    port, process = served
    answers: list[tuple[int, str]] = []
    slow = [threading.Thread(target=lambda: answers.append(get(port, "/?ms=1000"))) for _ in range(3)]
    for thread in slow:
        thread.start()
    time.sleep(0.4)

    process.send_signal(sign)
    for thread in slow:
        thread.join(30)

    assert [status for status, _ in answers] == [200] * 3
    assert process.wait(30) == 0
    with pytest.raises(OSError):
        get(port, "/")
