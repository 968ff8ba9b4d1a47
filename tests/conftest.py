"""Shared fixtures: a real PostgreSQL for every test, migrated once and copied per test."""

import os
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest

from hub.kernel.clock import ManualClock
from hub.storage import Database
from hub.storage.embedded import EmbeddedServer
from hub.storage.schema import upgrade

START = datetime(2026, 4, 6, 9, 0, tzinfo=UTC)

# Durability against power loss is not what tests are about; `kill -9` of a process survives without it.
_FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_connections": "300"}


def _required(name: str) -> bool:
    return os.environ.get("HUB_TEST_REQUIRE_SERVICES") == "1" and not os.environ.get(name)


def pytest_configure(config: pytest.Config) -> None:
    for name in ("HUB_TEST_DATABASE_URL", "HUB_TEST_BROKER_URL"):
        if _required(name):
            raise pytest.UsageError(f"HUB_TEST_REQUIRE_SERVICES=1, but {name} names no server")
    os.environ.setdefault("HUB_TEST_RUN", uuid.uuid4().hex[:10])  # inherited by parallel test processes


def pytest_sessionfinish(session: pytest.Session) -> None:
    served = os.environ.get("HUB_TEST_DATABASE_URL")
    if served and not os.environ.get("PYTEST_XDIST_WORKER"):
        template = psycopg.sql.Identifier(f"hub_template_{os.environ['HUB_TEST_RUN']}_ready")
        with psycopg.connect(_as_psycopg(served), autocommit=True) as admin:
            admin.execute(psycopg.sql.SQL("DROP DATABASE IF EXISTS {}").format(template))


def pytest_report_header(config: pytest.Config) -> list[str]:
    lines = []
    for name, what in (
        ("HUB_TEST_DATABASE_URL", "tests against a served PostgreSQL"),
        ("HUB_TEST_BROKER_URL", "tests against RabbitMQ"),
    ):
        lines.append(f"{what}: {'included' if os.environ.get(name) else f'LEFT OUT ({name} is not set)'}")
    return lines


def _as_psycopg(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


@pytest.fixture(scope="session")
def embedded_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """One embedded PostgreSQL per test session, shared by all parallel test processes."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    server = EmbeddedServer(shared / "embedded", _FAST)
    server.start()
    yield server
    server.close()


def _make_template(admin_url: str, template: str, url: str, owner: str | None) -> None:
    """Create and migrate the database that each test copies; one process does it, the others wait."""
    with psycopg.connect(_as_psycopg(admin_url), autocommit=True) as admin:
        admin.execute("SELECT pg_advisory_lock(7201999)")
        ready = f"{template}_ready"
        if admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (ready,)).fetchone():
            return
        name = psycopg.sql.Identifier(template)
        admin.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(name))
        if owner:
            admin.execute(psycopg.sql.SQL("ALTER DATABASE {} OWNER TO {}").format(name, psycopg.sql.Identifier(owner)))
        database = Database(url)
        upgrade(database)
        database.close()
        admin.execute(psycopg.sql.SQL("ALTER DATABASE {} RENAME TO {}").format(name, psycopg.sql.Identifier(ready)))


_servers = ["embedded"] + (["served"] if os.environ.get("HUB_TEST_DATABASE_URL") else [])


@pytest.fixture(params=_servers)
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a fresh, migrated database that this test alone uses; dropped afterwards."""
    template = f"hub_template_{os.environ['HUB_TEST_RUN']}"
    name = f"hub_test_{uuid.uuid4().hex[:16]}"
    if request.param == "embedded":
        server: EmbeddedServer = request.getfixturevalue("embedded_server")
        admin_url = server.admin_url()
        owner: str | None = "hub_owner"
        urls = server.url
    else:
        served = os.environ["HUB_TEST_DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")
        admin_url, owner = served, None
        base, _, tail = served.rpartition("/")
        query = "?" + tail.split("?", 1)[1] if "?" in tail else ""
        urls = lambda database: f"{base}/{database}{query}"  # noqa: E731
    _make_template(admin_url, template, urls(template), owner)
    identifiers = (psycopg.sql.Identifier(name), psycopg.sql.Identifier(f"{template}_ready"))
    with psycopg.connect(_as_psycopg(admin_url), autocommit=True) as admin:
        # Copying files takes two checkpoints, which cost nothing where nothing is synced.
        strategy = psycopg.sql.SQL("FILE_COPY" if owner else "WAL_LOG")
        create = psycopg.sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY {}").format(*identifiers, strategy)
        admin.execute(create)
        if owner:
            admin.execute(
                psycopg.sql.SQL("ALTER DATABASE {} OWNER TO {}").format(identifiers[0], psycopg.sql.Identifier(owner))
            )
    yield urls(name)
    with psycopg.connect(_as_psycopg(admin_url), autocommit=True) as admin:
        admin.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifiers[0]))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh, migrated database on each server under test."""
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands at a working Monday morning until it is moved."""
    return ManualClock(START)
