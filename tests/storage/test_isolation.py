"""Reading on behalf of one partner: a role that sees nothing by itself, and rows of that partner only."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg
import pytest
from alembic import op
from alembic.migration import MigrationContext
from alembic.operations import Operations

from hub.storage import Database
from hub.storage.embedded import EmbeddedServer
from hub.storage.isolation import PARTNER, READER, Parent, ReaderMissing, protect, share, unprotect, unshare
from hub.storage.schema import upgrade

NOW = datetime(2026, 4, 6, tzinfo=UTC)


@pytest.fixture
def filled(database: Database) -> Database:
    """A member and a link for each of two partners."""
    with database.work() as work:
        for partner in ("aerojet", "staywell"):
            work.run("INSERT INTO member VALUES (%s, %s, 'customer', %s)", (f"mbr_{partner}", partner, NOW))
    return database


@contextmanager
def _migration(database: Database) -> Iterator[None]:
    """What a migration does inside the block."""
    with database.engine.connect() as connection, connection.begin():
        context = MigrationContext.configure(connection)
        with Operations.context(context):
            yield


def seen(database: Database, partner: str) -> list[tuple[str]]:
    with database.read(as_partner=partner) as work:
        return work.fetch("SELECT id FROM member ORDER BY id")


def test_a_query_without_a_filter_returns_one_partners_rows(filled: Database) -> None:
    assert seen(filled, "aerojet") == [("mbr_aerojet",)]
    assert seen(filled, "staywell") == [("mbr_staywell",)]
    assert seen(filled, "stranger") == []
    assert seen(filled, "") == [("mbr_aerojet",), ("mbr_staywell",)]


def test_the_partner_of_one_reading_is_forgotten_in_the_next(filled: Database) -> None:
    single = Database(filled.url, pool_size=1)

    for partner, rows in (("aerojet", 1), ("", 2), ("staywell", 1), ("", 2)):
        assert len(seen(single, partner)) == rows
    with single.work() as work:
        assert work.fetch("SELECT current_user <> %s", (READER,)) == [(True,)]
        assert work.fetch(f"SELECT {PARTNER}") == [(None,)]  # type: ignore[arg-type]

    single.close()


def test_the_reader_without_a_partner_sees_nothing(filled: Database) -> None:
    with filled.work() as work:
        work.run("INSERT INTO member VALUES ('mbr_hub', '', 'of the hub itself', %s)", (NOW,))

    with filled.work() as work:
        work.run(f"SET LOCAL ROLE {READER}")  # type: ignore[arg-type]
        never_set = work.fetch("SELECT id FROM member")
        work.run("SET LOCAL hub.partner = ''")
        empty = work.fetch("SELECT id FROM member")

    assert (never_set, empty) == ([], [])


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM audit_entry",
        "SELECT * FROM access_clients",
        "SELECT * FROM ledger_entry",
        "SELECT base_url FROM partner",
        "INSERT INTO member VALUES ('mbr_x', 'aerojet', 'x', '2026-04-06T00:00:00Z')",
        "UPDATE member SET reference = 'x'",
        "DELETE FROM member",
    ],
)
def test_what_is_not_for_partners_cannot_be_read_or_written_for_one(filled: Database, statement: str) -> None:
    with pytest.raises(psycopg.Error), filled.read(as_partner="aerojet") as work:
        work.run(statement)  # type: ignore[arg-type]


def test_a_partner_is_a_code_and_nothing_else(database: Database) -> None:
    for text in ("aerojet'; RESET ROLE; --", "Aerojet", "a b", "é"):
        with pytest.raises(AssertionError), database.read(as_partner=text):
            pass


def test_a_policy_leaves_the_index_usable(filled: Database) -> None:
    with filled.read(as_partner="aerojet") as work:
        work.run("SET LOCAL enable_seqscan = off")
        plan = work.fetch("EXPLAIN SELECT * FROM member WHERE reference = 'customer'")

    assert "Index Cond: ((partner = NULLIF(current_setting('hub.partner'" in "\n".join(line for (line,) in plan)


def test_a_child_is_seen_with_its_parent_and_both_can_be_unprotected(filled: Database) -> None:
    with _migration(filled):
        op.execute("CREATE TABLE card (id text PRIMARY KEY, member text NOT NULL)")
        op.execute("INSERT INTO card VALUES ('a', 'mbr_aerojet'), ('s', 'mbr_staywell')")
        protect("card", through=Parent("member", "member"))
    with filled.read(as_partner="aerojet") as work:
        of_aerojet = work.fetch("SELECT id FROM card")

    with _migration(filled):
        unprotect("card")

    with pytest.raises(psycopg.errors.InsufficientPrivilege), filled.read(as_partner="aerojet") as work:
        work.fetch("SELECT id FROM card")
    assert of_aerojet == [("a",)]


def test_what_is_shared_can_be_taken_back(filled: Database) -> None:
    with _migration(filled):
        unshare("unit")
    with pytest.raises(psycopg.errors.InsufficientPrivilege), filled.read(as_partner="aerojet") as work:
        work.fetch("SELECT code FROM unit")

    with _migration(filled):
        share("unit")

    with filled.read(as_partner="aerojet") as work:
        assert work.fetch("SELECT code FROM unit") == []


@pytest.fixture
def plain_user(embedded_server: EmbeddedServer) -> Iterator[str]:
    """URL of an empty database whose owner may not take on the reader's role."""
    name = f"hub_plain_{uuid.uuid4().hex[:12]}"
    identifier = psycopg.sql.Identifier(name)
    with psycopg.connect(embedded_server.admin_url().replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute(psycopg.sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'plain'").format(identifier))
        admin.execute(psycopg.sql.SQL("CREATE DATABASE {} OWNER {}").format(identifier, identifier))
        host = embedded_server.url(name).partition("?")[2]
        yield f"postgresql+psycopg://{name}:plain@/{name}?{host}"
        admin.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))
        admin.execute(psycopg.sql.SQL("DROP ROLE {}").format(identifier))


def test_a_user_who_may_not_take_on_the_role_is_told_what_an_administrator_has_to_do(plain_user: str) -> None:
    database = Database(plain_user)

    with pytest.raises(ReaderMissing, match="GRANT hub_reader TO"):
        upgrade(database)

    with database.read() as work:
        assert work.fetch("SELECT count(*) FROM pg_class WHERE relname = 'member'") == [(0,)]
    database.close()
