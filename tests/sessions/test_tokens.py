"""Tokens are shared by all processes, sealed, and renewed once for all of them."""

import threading
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta

import pytest

from hub.access.vault import Vault
from hub.kernel.clock import ManualClock, SystemClock
from hub.sessions.tokens import DatabaseTokenStore
from hub.storage import Database
from hub.storage.locks import SharedLocks
from partners.base import Token
from partners.sandbox.faults import FaultPlan
from partners.sandbox.oauth import Credentials
from partners.sandbox.server import SimulatedPartner, serve
from tests.sessions.processes import others

MASTER = "a master key of more than thirty-two characters"
VALUE = "t0ken-value-that-nobody-may-read"


def store(database: Database, *, master: str = MASTER) -> DatabaseTokenStore:
    return DatabaseTokenStore(database, Vault(master), SharedLocks(database.url))  # it connects for renewals only


@pytest.fixture
def two_locks(database: Database) -> Iterator[tuple[SharedLocks, SharedLocks]]:
    """The locks of two processes."""
    one, two = SharedLocks(database.url), SharedLocks(database.url)
    yield one, two
    one.close()
    two.close()


def token(clock: ManualClock | SystemClock, *, seconds: int = 600) -> Token:
    now = clock.now()
    return Token(VALUE, now + timedelta(seconds=seconds // 2), now + timedelta(seconds=seconds), "holder")


def test_a_token_is_the_same_for_everybody(database: Database, clock: ManualClock) -> None:
    store(database).put("aerojet", "movements", token(clock))

    assert store(database).get("aerojet", "movements") == token(clock)
    assert store(database).get("aerojet", "members") is None
    assert store(database).get("staywell", "movements") is None


def test_a_new_token_replaces_the_old_one(database: Database, clock: ManualClock) -> None:
    store(database).put("aerojet", "", token(clock))

    store(database).put("aerojet", "", token(clock, seconds=900))

    assert store(database).get("aerojet", "") == token(clock, seconds=900)


def test_what_lies_in_the_database_does_not_show_the_token(database: Database, clock: ManualClock) -> None:
    shared = store(database)
    shared.put("aerojet", "", token(clock))

    with database.read() as work:
        ((sealed,),) = work.fetch("SELECT sealed FROM partner_token")

    assert VALUE.encode() not in sealed
    assert VALUE not in repr([shared, vars(shared), shared.get("aerojet", "")])


def test_a_sealed_token_cannot_be_given_to_another_partner(database: Database, clock: ManualClock) -> None:
    store(database).put("aerojet", "", token(clock))
    with database.work() as work:
        work.run("UPDATE partner_token SET partner = 'staywell'")

    assert store(database).get("staywell", "") is None


def test_a_token_of_another_master_key_is_none(database: Database, clock: ManualClock) -> None:
    store(database).put("aerojet", "", token(clock))

    assert store(database, master=MASTER[::-1]).get("aerojet", "") is None


def test_no_partner_is_shown_tokens_or_breakers(database: Database) -> None:
    with database.read() as work:
        rights = work.fetch(
            "SELECT has_any_column_privilege('hub_reader', t, 'SELECT, INSERT, UPDATE, REFERENCES') "
            "FROM unnest(ARRAY['partner_token', 'partner_breaker']) t"
        )

    assert rights == [(False,), (False,)]


def test_one_at_a_time_renews_and_another_token_does_not_wait(
    database: Database, two_locks: tuple[SharedLocks, SharedLocks]
) -> None:
    first, second = (DatabaseTokenStore(database, Vault(MASTER), locks) for locks in two_locks)
    order: list[str] = []

    def renew() -> None:
        with second.renewing("aerojet", ""):
            order.append("second")

    with first.renewing("aerojet", ""):
        waiting = threading.Thread(target=renew)
        waiting.start()
        with second.renewing("aerojet", "members"), second.renewing("staywell", ""):
            order.append("others")
        order.append("first")
    waiting.join()

    assert order == ["others", "first", "second"]


def test_a_lock_of_a_process_that_is_gone_is_free(two_locks: tuple[SharedLocks, SharedLocks]) -> None:
    gone, here = two_locks
    with gone.held("x", patience_seconds=0) as held:
        gone.close()
        with here.held("x", patience_seconds=5) as taken:
            both = (held, taken)

    assert both == (True, True)


def test_who_waits_too_long_for_a_lock_is_told(two_locks: tuple[SharedLocks, SharedLocks]) -> None:
    one, two = two_locks
    now = {"patience_seconds": 0}
    with one.held("x", **now) as first, two.held("x", **now) as other, one.held("x", **now) as again:
        told = (first, other, again)

    assert told == (True, False, False)


def test_a_lost_connection_is_made_again(database: Database, two_locks: tuple[SharedLocks, SharedLocks]) -> None:
    one, two = two_locks
    with one.held("x", patience_seconds=0):
        pass
    _end_lock_connections(database)

    with one.held("x", patience_seconds=0) as mine, two.held("x", patience_seconds=0) as theirs:
        told = (mine, theirs)

    assert told == (True, False)


def _end_lock_connections(database: Database) -> None:
    with database.work() as work:
        work.run(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND query LIKE '%%advisory%%' AND pid <> pg_backend_pid()"
        )


def test_two_processes_of_twenty_threads_renew_an_expired_token_once(database: Database) -> None:
    clock, credentials = SystemClock(), Credentials.fresh("hub")
    with serve("127.0.0.1", 0, [SimulatedPartner("p", credentials)], FaultPlan()) as running:
        expired = token(clock, seconds=-60)
        store(database).put("p", "movements", expired)
        connection = asdict(running.connection("p", credentials, timeout_seconds=5))
        told = {
            "work": "call",
            "database_url": database.url,
            "connection": connection,
            "master": MASTER,
            "threads": 20,
        }

        with others([told, told]) as (one, two):
            one.go()
            two.go()
            statuses = one.answers() + two.answers()

        assert statuses == [404] * 40
        assert running.tokens_issued("p") == 1
