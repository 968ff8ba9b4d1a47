"""What is revoked at one process is refused by every process within five seconds: two real ones, over one database."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests
from requests.auth import HTTPBasicAuth

from hub.access.service import add_client, stop_client
from hub.access.types import AuthMethod, NewClient
from hub.kernel.clock import SystemClock
from hub.storage import Database
from tests.gateway.contract_client import MASTER, ROOT

PROMISED_SECONDS = 5


@contextmanager
def process(database: Database, folder: Path, port: int, issuer: int) -> Iterator[str]:
    """`hub api` with one serving process; its address."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HUB_", "PROMETHEUS_"))}
    environment = {
        **kept,
        "HUB_DATABASE_URL": database.url.replace("+psycopg", ""),
        "HUB_DATA_DIR": str(folder),
        "HUB_MASTER_KEY": MASTER,
        "HUB_PUBLIC_URL": f"http://127.0.0.1:{issuer}",
        "HUB_API_PORT": str(port),
        "HUB_API_PROCESSES": "1",
        "HUB_API_THREADS": "4",
        "HUB_LOG_LEVEL": "ERROR",
    }
    running = subprocess.Popen([sys.executable, "-m", "hub", "api"], env=environment, cwd=ROOT)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait(30)


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


@pytest.fixture
def two(database: Database, tmp_path: Path) -> Iterator[list[str]]:
    """The addresses of two processes that know nothing of each other but the database."""
    ports = free_ports(2)
    with ExitStack() as stack:
        urls = [stack.enter_context(process(database, tmp_path / str(port), port, issuer=ports[0])) for port in ports]
        for url in urls:
            _wait(url)
        yield urls


def _wait(url: str) -> None:
    for _ in range(1_000):
        try:
            requests.get(f"{url}/healthz", timeout=5)
            return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")


def program(database: Database) -> NewClient:
    with database.work() as work:
        return add_client(
            work,
            partner="aerojet",
            auth=AuthMethod.SECRET,
            jwks="",
            scopes=("units:read",),
            live=False,
            actor="alice",
            now=SystemClock().now(),
        )


def token_of(url: str, client: NewClient) -> str:
    form = {"grant_type": "client_credentials"}
    answer = requests.post(f"{url}/oauth/token", data=form, auth=HTTPBasicAuth(client.id, client.secret), timeout=20)
    return str(answer.json()["access_token"])


def statuses(urls: list[str], token: str) -> list[int]:
    headers = {"Authorization": f"Bearer {token}"}
    return [requests.get(f"{url}/v1/units", headers=headers, timeout=20).status_code for url in urls]


def test_a_revoked_token_and_those_of_a_stopped_client_end_on_every_process(database: Database, two: list[str]) -> None:
    first, second = program(database), program(database)
    revoked, kept, stopped = token_of(two[0], first), token_of(two[1], first), token_of(two[0], second)
    for token in (revoked, kept, stopped):  # each process has checked each token, and remembers it
        assert statuses(two, token) == [200, 200]

    answer = requests.post(
        f"{two[0]}/oauth/revoke", data={"token": revoked}, auth=HTTPBasicAuth(first.id, first.secret), timeout=20
    )
    with database.work() as work:
        stop_client(work, second.id, actor="alice", now=SystemClock().now())
    time.sleep(PROMISED_SECONDS)

    assert answer.status_code == 200
    assert statuses(two, revoked) == [401, 401]
    assert statuses(two, stopped) == [401, 401]
    assert statuses(two, kept) == [200, 200], "another token of the same client is good"
