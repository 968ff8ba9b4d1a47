"""The worlds of the gateway's tests: a fresh one, and one that many tests share because they write nothing."""

import uuid
from collections.abc import Iterator

import psycopg
import pytest

from hub.gateway.app import stop_app
from hub.kernel.clock import ManualClock
from hub.storage import Database
from hub.storage.embedded import EmbeddedServer
from hub.storage.schema import upgrade
from tests.conftest import START
from tests.gateway.contract_client import World, build_world


@pytest.fixture
def world(database: Database, clock: ManualClock) -> Iterator[World]:
    """Two brands, a bystander, rates, a linked member, and an application over real services."""
    world = build_world(database, clock)
    yield world
    stop_app(world.app)


@pytest.fixture(scope="session")
def still(embedded_server: EmbeddedServer) -> Iterator[World]:
    """A world that nobody changes, for the many tests that are refused before anything is written."""
    yield from _kept(embedded_server)


@pytest.fixture(scope="session")
def walked(embedded_server: EmbeddedServer) -> Iterator[World]:
    """A world in which every test makes what it needs, for those that walk the whole contract."""
    yield from _kept(embedded_server)


def _kept(embedded_server: EmbeddedServer) -> Iterator[World]:
    name = f"hub_kept_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(embedded_server.admin_url().replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute(psycopg.sql.SQL("CREATE DATABASE {} OWNER hub_owner").format(psycopg.sql.Identifier(name)))
    database = Database(embedded_server.url(name))
    upgrade(database)
    world = build_world(database, ManualClock(START))
    yield world
    stop_app(world.app)
    database.close()
