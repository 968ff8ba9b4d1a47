"""The database itself refuses what the ledger never does."""

import psycopg
import pytest

from hub import ledger
from hub.storage import Database
from tests.ledger.support import balance_of, booked, differences, opened, post_of

APPEND_ONLY = (
    "ledger_posting",
    "ledger_entry",
    "ledger_account",
    "ledger_floor",
    "ledger_key",
    "ledger_refusal",
    "ledger_reversal",
    "ledger_seal",
    "ledger_root",
)


@pytest.fixture
def posted(database: Database) -> Database:
    opened(database, {"a": 0, "b": None})
    with booked(database, "a b", "1 2") as book:
        book.post(post_of("1", ("b", "a", 10)))
        book.hold(post_of("2", ("a", "b", 5)))
    return database


def _run(database: Database, statement: str) -> None:
    with database.work() as work:
        work.run(statement)  # type: ignore[arg-type]


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("change", ["DELETE FROM {0}", "TRUNCATE {0} CASCADE", "UPDATE {0} SET {1} = {1}"])
def test_what_is_written_once_cannot_be_changed(posted: Database, table: str, change: str) -> None:
    with posted.read() as work:
        column = work.fetch(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_identity = 'NO' LIMIT 1",
            (table,),
        )[0][0]

    with pytest.raises(psycopg.errors.RestrictViolation):
        _run(posted, change.format(table, column))

    assert differences(posted) == []


def test_a_hold_cannot_be_deleted(posted: Database) -> None:
    with pytest.raises(psycopg.errors.RestrictViolation):
        _run(posted, "DELETE FROM ledger_hold")


@pytest.mark.parametrize(
    "values",
    [
        "(gen_random_uuid(), 0, 1, -5, 90, -5, 'USD', NULL)",
        "('00000000-0000-7000-8000-000000000001', 0, 1, -5, 90, -5, 'USD', NULL), "
        "('00000000-0000-7000-8000-000000000001', 1, 2, 4, 90, -5, 'USD', NULL)",
        "('00000000-0000-7000-8000-000000000001', 0, 1, -5, 90, -5, 'USD', NULL), "
        "('00000000-0000-7000-8000-000000000001', 1, 2, 5, 90, -5, 'EUR', NULL)",
    ],
)
def test_entries_that_do_not_balance_are_refused(posted: Database, values: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        _run(posted, f"INSERT INTO ledger_entry VALUES {values}")


def test_entries_that_balance_are_taken(posted: Database) -> None:
    _run(
        posted,
        "INSERT INTO ledger_entry VALUES ('00000000-0000-7000-8000-000000000001', 0, 1, -5, 90, -5, 'USD', NULL), "
        "('00000000-0000-7000-8000-000000000001', 1, 2, 5, 90, -5, 'USD', NULL)",
    )

    assert differences(posted)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger_balance SET posted = 4 WHERE floor = 0",
        "UPDATE ledger_balance SET held = 11 WHERE floor = 0",
        "UPDATE ledger_balance SET held = -1",
        "UPDATE ledger_balance SET floor = 6, floor_target = 6 WHERE floor = 0",
        "INSERT INTO ledger_entry VALUES (gen_random_uuid(), 0, 1, 0, 90, 0, 'USD', NULL)",
    ],
)
def test_a_balance_below_its_floor_and_an_entry_of_nothing_are_refused(posted: Database, change: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        _run(posted, change)


def test_a_version_of_an_account_is_used_once(posted: Database) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        _run(
            posted,
            "INSERT INTO ledger_entry SELECT gen_random_uuid(), line, account, amount, version, balance_after, "
            "unit, label FROM ledger_entry",
        )


def test_only_one_period_is_open(posted: Database) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        _run(posted, "INSERT INTO ledger_period VALUES (2, '2026-01-01')")


def test_a_book_is_written_once_and_one_at_a_time(posted: Database) -> None:
    with posted.work() as work, pytest.raises(AssertionError, match="enter"):
        ledger.lock(work, codes=["a"], keys=[], now=ledger.periods(work)[0].opened_at)

    with booked(posted, "a b", "3") as book, pytest.raises(AssertionError, match="named"):
        book.post(post_of("4", ("a", "b", 1)))

    assert balance_of(posted, "a").version == 1
