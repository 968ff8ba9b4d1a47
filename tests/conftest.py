"""Shared fixtures: a real PostgreSQL for every test, migrated once and copied per test."""

import os
import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from zlib import crc32

import psycopg
import pytest
from hypothesis import HealthCheck, settings

from hub.kernel.clock import ManualClock
from hub.storage import Database
from hub.storage.embedded import EmbeddedServer
from hub.storage.schema import upgrade
from tests.leaks import LEAKS, listen, look_into

START = datetime(2026, 4, 6, 9, 0, tzinfo=UTC)

# Durability against power loss is not what tests are about; `kill -9` of a process survives without it.
_FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_connections": "300"}

# The same examples every time, so that a red run is the change's own doing; `make explore` looks for new ones.
# No deadlines: how long an example takes says more about the machine than about the code.
_QUIET = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "print_blob": True}
settings.register_profile("steady", derandomize=True, **_QUIET)
settings.register_profile("explore", **_QUIET)
settings.load_profile(os.environ.get("HUB_TEST_EXAMPLES", "steady"))


def _required(name: str) -> bool:
    return os.environ.get("HUB_TEST_REQUIRE_SERVICES") == "1" and not os.environ.get(name)


def pytest_configure(config: pytest.Config) -> None:
    for name in ("HUB_TEST_DATABASE_URL", "HUB_TEST_BROKER_URL"):
        if _required(name):
            raise pytest.UsageError(f"HUB_TEST_REQUIRE_SERVICES=1, but {name} names no server")
    listen()
    os.environ.setdefault("HUB_TEST_RUN", uuid.uuid4().hex[:10])  # inherited by parallel test processes


def pytest_sessionfinish(session: pytest.Session) -> None:
    served = os.environ.get("HUB_TEST_DATABASE_URL")
    if served:
        _drop(served, _worn)
    if served and not os.environ.get("PYTEST_XDIST_WORKER"):
        template = psycopg.sql.Identifier(f"hub_template_{os.environ['HUB_TEST_RUN']}_ready")
        with psycopg.connect(_as_psycopg(served), autocommit=True) as admin:
            admin.execute(psycopg.sql.SQL("DROP DATABASE IF EXISTS {}").format(template))


# What stands above the flows reaches SQL only through them; its long runs need one server.
_EMBEDDED_ONLY = (
    "tests/gateway/",
    "tests/commands/",
    "tests/trials/",
    "tests/scenarios/",
    "tests/hosted/test_random.py",
    "tests/exchange/test_faults.py",
)
# Where locks, copying and isolation are decided, every test runs on both servers; elsewhere each runs on one of them.
_EVERY_SERVER = (
    "tests/storage/",
    "tests/ledger/",
    "tests/outbox/",
    "tests/conversion/",
    "tests/worker/",
    "tests/rates/",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the other server where one is enough."""
    if _servers[1:]:
        left_out = [item for item in items if not _is_wanted(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def _is_wanted(item: pytest.Item) -> bool:
    server = item.callspec.params.get("database_url") if hasattr(item, "callspec") else None
    if server is None or item.nodeid.startswith(_EVERY_SERVER):
        return True
    if item.nodeid.startswith(_EMBEDDED_ONLY):
        return bool(server == "embedded")
    name = item.nodeid.replace(f"[{server}", "[", 1)
    return bool(server == _servers[crc32(name.encode()) % 2])


def pytest_report_header(config: pytest.Config) -> list[str]:
    lines = []
    for name, what in (
        ("HUB_TEST_DATABASE_URL", "tests against a served PostgreSQL"),
        ("HUB_TEST_BROKER_URL", "tests against RabbitMQ"),
    ):
        lines.append(f"{what}: {'included' if os.environ.get(name) else f'LEFT OUT ({name} is not set)'}")
    for tool, what in (
        ("curl", "documented ways to send with curl"),
        ("node", "documented verifying in JavaScript"),
        ("java", "documented verifying in Java"),
    ):
        lines.append(f"{what}: {'included' if shutil.which(tool) else f'LEFT OUT (there is no {tool})'}")
    return lines


def _as_psycopg(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


@pytest.fixture(autouse=True)
def no_secret_shows() -> Iterator[None]:
    """Nothing that was logged, told as a problem or written for people to read shows a secret, whatever is tested."""
    yield
    found = LEAKS.found()
    assert not found, "\n".join(found)


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
    if owner:
        _drop(admin_url, [name])
        return
    with psycopg.connect(_as_psycopg(admin_url), autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
    _worn.append(name)
    if len(_worn) >= _WORN_MAX:
        _drop(admin_url, _worn)


# Dropping a database makes a server that syncs its files write a checkpoint: a second for each, or one for many.
_WORN_MAX = 20
_worn: list[str] = []


def _drop(admin_url: str, names: list[str]) -> None:
    """Drop these databases, whoever is still connected to them; the list is empty afterwards."""
    with psycopg.connect(_as_psycopg(admin_url), autocommit=True) as admin:
        while names:
            name = psycopg.sql.Identifier(names[-1])
            admin.execute(psycopg.sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            names.pop()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh, migrated database on each server under test."""
    database = Database(database_url)
    yield database
    look_into(database)
    database.close()


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands at a working Monday morning until it is moved."""
    return ManualClock(START)
