"""The embedded PostgreSQL: who may reach it, when it stops, and that it recovers."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from hub.storage import Database
from hub.storage.embedded import EmbeddedServer

_HOLD = """
import sys, time
from pathlib import Path
from hub.storage.embedded import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]))
server.start()
print("started", flush=True)
time.sleep(120)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"
    _wait_until(lambda: not _server_runs(tmp_path / "data"))


def _server_runs(data_dir: Path) -> bool:
    try:
        pid = int((data_dir / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, 0)
    except (OSError, ValueError, IndexError):
        return False
    return True


def _wait_until(fact: object) -> None:
    deadline = time.monotonic() + 30
    while not fact():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not come true within 30 s"
        time.sleep(0.05)


def _pid(data_dir: Path) -> int:
    return int(json.loads((data_dir / "postgres" / "ready.json").read_text())["pid"])


def _hold(folder: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen([sys.executable, "-c", _HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    return process


def _end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.communicate()


def test_it_stops_with_its_last_user_and_keeps_what_was_committed(folder: Path) -> None:
    first = EmbeddedServer(folder)
    database = Database(first.start())
    with database.work() as work:
        work.run("CREATE TABLE kept AS SELECT 42 AS number")
    database.close()
    second = EmbeddedServer(folder)
    second.start()

    first.close()
    still_up = _server_runs(folder)
    second.close()
    _wait_until(lambda: not _server_runs(folder))

    assert still_up
    again = EmbeddedServer(folder)
    database = Database(again.start())
    with database.read() as work:
        assert work.fetch("SELECT number FROM kept") == [(42,)]
    database.close()
    again.close()


def test_it_stops_when_its_only_user_is_killed(folder: Path) -> None:
    process = _hold(folder)

    _end(process)

    _wait_until(lambda: not _server_runs(folder))


def test_it_recovers_when_the_server_itself_is_killed(folder: Path) -> None:
    server = EmbeddedServer(folder)
    url = server.start()
    database = Database(url)
    with database.work() as work:
        work.run("CREATE TABLE kept AS SELECT 42 AS number")
    database.close()
    killed = _pid(folder)

    os.kill(killed, signal.SIGKILL)
    _wait_until(lambda: (folder / "postgres" / "ready.json").exists() and _pid(folder) != killed)

    database = Database(url)
    with database.read() as work:
        assert work.fetch("SELECT number FROM kept") == [(42,)]
    database.close()
    server.close()


def test_a_killed_keeper_is_followed_by_another_that_adopts_the_server(folder: Path) -> None:
    server = EmbeddedServer(folder)
    server.start()
    pid = _pid(folder)
    keeper = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])

    os.kill(keeper, signal.SIGKILL)
    (folder / "postgres" / "ready.json").unlink()
    other = EmbeddedServer(folder)
    other.start()

    assert _pid(folder) == pid
    server.close()
    other.close()


def test_nobody_else_can_reach_it(folder: Path) -> None:
    server = EmbeddedServer(folder)
    server.start()
    root = folder / "postgres"
    socket_dir = json.loads((root / "ready.json").read_text())["socket_dir"]

    modes = {path.name: path.stat().st_mode & 0o077 for path in (root, root / "data", Path(socket_dir))}
    secret_modes = {path.name: path.stat().st_mode & 0o077 for path in root.glob("*.password")}

    assert set(modes.values()) == {0}
    assert len(secret_modes) == 2
    assert set(secret_modes.values()) == {0}
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host=socket_dir, user="postgres", dbname="hub", password="guessed")
    with psycopg.connect(server.url("hub").replace("+psycopg", "")) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SHOW is_superuser").fetchone() == ("off",)
    server.close()


def test_no_folder_but_its_own_changes_permissions(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    folder = closed / "data"
    before = {path: (path.stat().st_mode, path.stat().st_uid) for path in (tmp_path, closed)}

    server = EmbeddedServer(folder)
    server.start()
    server.close()
    _wait_until(lambda: not _server_runs(folder))

    assert {path: (path.stat().st_mode, path.stat().st_uid) for path in before} == before
    assert folder.stat().st_uid == os.geteuid()


def test_a_data_folder_too_deep_for_a_socket_still_works(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 20) / "data"

    server = EmbeddedServer(folder)
    database = Database(server.start())

    with database.read() as work:
        assert work.fetch("SELECT 1") == [(1,)]
    database.close()
    server.close()
    _wait_until(lambda: not _server_runs(folder))
