"""Schemathesis as a whole, over HTTP, as three callers: every operation, in sequences, with and without credentials.

Beside what `test_contract.py` asks of single requests, it takes credentials away and spoils them, and lets one partner
ask for what another made. That it would notice is shown on a door that is broken on purpose.
"""

import copy
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from hub.gateway.app import stop_app
from hub.kernel.clock import SystemClock
from hub.storage import Database
from tests.gateway.contract_client import World, build_world, contract
from tests.gateway.test_contract import operations

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "ignored_auth",
    "object_level_authorization",
)
PEERS = ["aerojet", "staywell"]

Environ = dict[str, Any]
Wsgi = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


@contextmanager
def served(database: Database, broken: Callable[[World], Wsgi]) -> Iterator[tuple[World, str]]:
    """A world behind a port of this machine."""
    world = build_world(database, SystemClock())
    server = make_server("127.0.0.1", 0, broken(world), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield world, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    stop_app(world.app)


def write_contract(path: Path) -> None:
    """The contract with its tokens as what they are on the wire: Schemathesis spoils bearer tokens, but not OAuth 2."""
    told = copy.deepcopy(contract())
    told["components"]["securitySchemes"]["oauth"] = {"type": "http", "scheme": "bearer"}
    path.write_text(json.dumps(told))


def run(world: World, url: str, folder: Path, seconds_max: int, *more: str) -> "subprocess.CompletedProcess[str]":
    """The command line, as a partner's engineer would run it."""
    callers = [
        {"name": who, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {world.tokens[who]}"}]}
        for who in (*PEERS, "hub")  # it goes on to the next where one is refused
    ]
    write_contract(folder / "openapi.json")
    (folder / "callers.json").write_text(json.dumps({"auth": callers}))
    (folder / "schemathesis.toml").write_text(f'[auth.wfc]\npath = "callers.json"\npeers = {json.dumps(PEERS)}\n')
    command = [
        *(str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(folder / "schemathesis.toml")),
        *("run", str(folder / "openapi.json"), "--url", url, "--checks", ",".join(CHECKS), "--seed", "1"),
        *("--max-examples", "2", "--max-time", str(seconds_max), "--continue-on-failure", "--no-shrink"),
        *("--warnings", "off", *more),
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_no_caller_gets_a_fault_or_anything_outside_the_contract_or_what_is_anothers(
    database: Database, tmp_path: Path
) -> None:
    with served(database, lambda world: world.app) as (world, url):
        done = run(
            # Without a worker nothing is carried, and /readyz says so with 503, as it must; it has tests of its own.
            *(world, url, tmp_path, 45, "--phases", "examples,fuzzing,stateful", "--exclude-path", "/readyz"),
        )

    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
    assert "No issues found" in done.stdout
    assert f"Selected: {len(list(operations())) - 1}/" in done.stdout


def open_to_all(world: World) -> Wsgi:
    """A door that lets in who shows nothing."""

    def application(environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        environ.setdefault("HTTP_AUTHORIZATION", f"Bearer {world.tokens['hub']}")
        return world.app(environ, start)

    return application


def mistaken(world: World) -> Wsgi:
    """A door that takes staywell for aerojet where an id is asked for."""

    def application(environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"].count("/") > 2 and environ.get("HTTP_AUTHORIZATION", "").endswith(
            world.tokens["staywell"]
        ):
            environ["HTTP_AUTHORIZATION"] = f"Bearer {world.tokens['aerojet']}"
        return world.app(environ, start)

    return application


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (open_to_all, "API accepts requests without authentication"),
        (mistaken, "`staywell` received the"),
    ],
)
def test_a_door_that_forgets_to_ask_is_noticed(
    database: Database, tmp_path: Path, broken: Callable[[World], Wsgi], said: str
) -> None:
    with served(database, broken) as (world, url):
        done = run(world, url, tmp_path, 20, "--phases", "fuzzing,stateful", "--include-path-regex", "^/v1/members")

    assert done.returncode == 1, done.stdout[-8_000:]
    assert said in done.stdout, done.stdout[-8_000:]
