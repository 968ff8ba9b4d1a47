"""The ground that measurements stand on: a hub of their own in a temporary folder, and servers on loopback."""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from hub.config import Settings, read_settings
from hub.wiring import Hub, opened_hub

_START_SECONDS_MAX = 60


@contextmanager
def bench_hub(**changed: Any) -> Iterator[Hub]:
    """A hub with an embedded database of its own; everything is gone afterwards. changed: settings of this one."""
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        port = _free_port()
        settings = replace(
            read_settings(),
            database_url="",
            data_dir=Path(folder),
            api_port=port,
            public_url=f"http://127.0.0.1:{port}",
            log_level="ERROR",
            **changed,
        )
        with opened_hub(settings) as hub:
            yield hub


@contextmanager
def serving(settings: Settings, target: str, ready_path: str) -> Iterator[int]:
    """The door's own server with another application, `module:factory`, at a port of its own; that port."""
    port = settings.api_port if target.startswith("hub.wiring") else _free_port()
    environment = {
        **os.environ,
        "HUB_DATA_DIR": str(settings.data_dir),
        "HUB_DATABASE_URL": "",
        "HUB_API_PORT": str(port),
        "HUB_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "HUB_LOG_LEVEL": "ERROR",
    }
    code = (
        "import sys; from hub.config import read_settings; from hub.gateway.server import serve;"
        " serve(read_settings(), sys.argv[1])"
    )
    process = subprocess.Popen([sys.executable, "-c", code, target], env=environment, process_group=0)
    try:
        _wait(f"http://127.0.0.1:{port}{ready_path}", process)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _START_SECONDS_MAX
    while True:
        with suppress(OSError):
            try:
                urllib.request.urlopen(url, timeout=2).close()  # noqa: S310 - our own loopback address
                return
            except urllib.error.HTTPError:
                return  # it answers, which is all that is asked
        assert process.poll() is None, "the measured server ended by itself; its messages are above"
        assert time.monotonic() < deadline, f"the measured server did not answer within {_START_SECONDS_MAX} s"
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
