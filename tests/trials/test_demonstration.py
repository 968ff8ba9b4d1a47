"""The whole hub as processes of this machine, converting against misbehaving partners, killed and started again."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from hub.commands.running import Running, running_hub
from hub.commands.supervisor import free_port
from hub.commands.trials import demonstrate
from hub.config import read_settings
from hub.kernel.errors import HubError
from hub.trials.demonstration import FAULTS_EACH

pytestmark = pytest.mark.timeout(900)

_brokers = ["memory://"] + ([os.environ["HUB_TEST_BROKER_URL"]] if os.environ.get("HUB_TEST_BROKER_URL") else [])


def _environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    return {**kept, "HUB_DATA_DIR": str(folder), "HUB_LOG_LEVEL": "ERROR"}


def test_a_thousand_conversions_end_and_every_book_agrees(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hub", "demo", "--once", "--json", "--conversions", "1200"]

    done = subprocess.run(
        command, env=_environment(tmp_path / "data"), capture_output=True, text=True, check=False, timeout=800
    )

    found = json.loads(done.stdout)
    assert done.returncode == 0, found
    assert found["conversions"] >= 1_000
    assert found["routes"] >= 20
    assert found["open"] == 0
    assert found["posted"] + found["voided"] + found["owed"] == found["conversions"]
    assert found["reversals"] > 0
    assert found["verify_ok"]
    assert found["simulators_agree"]
    assert len(found["faults"]) == 12
    assert min(found["faults"].values()) >= FAULTS_EACH


@contextmanager
def _killing(running: Running, names: list[str], seed: int) -> Iterator[list[str]]:
    """Kills one of the named processes every second and a half with SIGKILL; the supervisor starts it again."""
    draw = random.Random(seed)
    ended = threading.Event()
    killed: list[str] = []

    def kill() -> None:
        while not ended.wait(1.5) and len(killed) < 8:
            name = draw.choice(names)
            with suppress(ProcessLookupError):
                os.kill(running.supervisor.pid(name), signal.SIGKILL)
                killed.append(name)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("broker_url", _brokers)
def test_workers_killed_at_random_moments_lose_and_double_nothing(tmp_path: Path, broker_url: str) -> None:
    settings = replace(
        read_settings({}),
        data_dir=tmp_path / "data",
        broker_url=broker_url,
        broker_prefix=f"test-{uuid.uuid4().hex[:10]}",
        api_port=free_port(),
        sandbox_url=f"http://127.0.0.1:{free_port()}",
        log_level="ERROR",
    )

    with running_hub(settings, sandbox=True) as running:
        running.supervisor.start("worker-2", ["worker"])
        with _killing(running, ["worker", "worker-2"], seed=5) as killed:
            summary = demonstrate(running, conversions=300, seed=5, quiet=True)

    assert len(killed) == 8
    assert summary.conversions >= 300
    assert summary.open == 0
    assert summary.differences == 0
    assert summary.disagreements == []
    assert summary.double_applications == 0


_UP = """
import sys, time
from dataclasses import replace
from pathlib import Path
from hub.commands.running import running_hub
from hub.commands.supervisor import free_port
from hub.config import read_settings
settings = replace(read_settings({}), data_dir=Path(sys.argv[1]), api_port=free_port(), log_level="ERROR")
with running_hub(settings, sandbox=False) as running:
    print(*(running.supervisor.pid(name) for name in ("api", "worker", "scheduler")), flush=True)
    time.sleep(120)
"""


def test_nothing_is_left_behind_when_the_whole_hub_is_killed(tmp_path: Path) -> None:
    up = subprocess.Popen([sys.executable, "-c", _UP, str(tmp_path / "data")], stdout=subprocess.PIPE, text=True)
    assert up.stdout is not None
    pids = [int(pid) for pid in up.stdout.readline().split()]
    postmaster = int((tmp_path / "data" / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0])

    up.kill()
    up.wait()
    up.stdout.close()

    assert len(pids) == 3
    deadline = time.monotonic() + 60
    left = [*pids, postmaster]
    while left and time.monotonic() < deadline:
        left = [pid for pid in left if _runs(pid)]
        time.sleep(0.1)
    assert left == []


def _runs(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_taken_port_is_named_with_the_setting_to_change(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = replace(read_settings({}), data_dir=tmp_path, api_port=taken.getsockname()[1])

        with pytest.raises(HubError) as refusal, running_hub(settings, sandbox=False):
            raise AssertionError("it started on a taken port")

    assert refusal.value.code == "port_taken"
    assert "HUB_API_PORT" in refusal.value.detail
