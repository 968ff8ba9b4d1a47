"""`verify` is silent about a whole ledger and finds any single change, in any column of any row."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction

import psycopg
import pytest

from hub import ledger
from hub.ledger import Account, Reversal
from hub.storage import Database, Work
from tests.ledger.support import NOW, booked, differences, opened, post_of

TABLES = (
    "ledger_account",
    "ledger_balance",
    "ledger_entry",
    "ledger_floor",
    "ledger_hold",
    "ledger_key",
    "ledger_period",
    "ledger_posting",
    "ledger_refusal",
    "ledger_reversal",
    "ledger_root",
    "ledger_seal",
    "ledger_turnover",
)

# How to change one value a little, by type; nothing becomes something.
CHANGES = {
    "text": "CASE WHEN {0} IS NULL OR {0} = '' THEN 'x' ELSE overlay({0} PLACING "
    "CASE WHEN left({0}, 1) = 'x' THEN 'y' ELSE 'x' END FROM 1 FOR 1) END",
    "integer": "coalesce({0}, 0) + 1",
    "bigint": "coalesce({0}, 0) + 1",
    "numeric": "{0} + 1",
    "boolean": "NOT {0}",
    "bytea": "set_byte({0}, 0, get_byte({0}, 0) # 1)",
    "uuid": "CASE WHEN {0} IS NULL THEN '00000000-0000-0000-0000-000000000001' ELSE overlay({0}::text PLACING "
    "CASE WHEN {0}::text LIKE '%%0' THEN '1' ELSE '0' END FROM 36 FOR 1)::uuid END",
    "timestamp with time zone": "coalesce({0}, '2026-01-01T00:00:00Z') + interval '1 microsecond'",
    "jsonb": """CASE WHEN jsonb_typeof({0}) = 'array' THEN jsonb_set({0}, '{{0,2}}', '77') ELSE """
    """{0} || '{{"x": "y"}}' END""",
    "ARRAY": "coalesce({0}, '{{}}') || 1::bigint",
}


def _eventful(database: Database) -> None:
    """A ledger in which every table has rows of every kind."""
    opened(database, {"a": None, "b": -50, "c": 7})
    opened(database, {"m": None, "n": 0}, unit="mile")
    with booked(database, "a b c m n", "1 2 3 4 5 6 7 8") as book:
        book.post(post_of("1", ("a", "b", 10, "lab|el"), ("m", "n", 3), reference="ref\\1", metadata={"ä": "\t"}))
        book.post(post_of("2", ("b", "a", 999)))
        book.hold(post_of("3", ("b", "a", 5, "fee"), ("a", "b", 1)))
        book.hold(post_of("4", ("b", "a", 5), reference="kept", metadata={"why": "x"}))
        book.hold(post_of("5", ("b", "a", 2)))
        book.hold(post_of("6", ("b", "a", 2)), reverses=Reversal("1", Fraction(1, 5)))
    with booked(database, "a b c m n", "1 3 5 7 8", NOW + timedelta(seconds=1)) as book:
        book.post_hold("3", effective_at=NOW, amounts=[4, 0])
        book.void_hold("5")
        book.reverse("7", of="1", share=Fraction(1, 3), effective_at=NOW, reference="back")
        book.reverse("8", of="1", share=Fraction(1), effective_at=NOW)
    with database.work() as work:
        ledger.set_floors(work, {"b": -40, "n": 100}, now=NOW)
    with database.work() as work:
        ledger.close_period(work, now=NOW + timedelta(seconds=2))
    with booked(database, "a b", "6 9", NOW + timedelta(seconds=3)) as book:
        book.post_hold("6", effective_at=NOW)
        book.post(post_of("9", ("a", "b", 10, "lab|el")))
    with database.work() as work:
        ledger.seal_period(work, 1, ["a", "b", "n"])


def _columns(work: Work, table: str) -> dict[str, str]:
    return dict(
        work.fetch("SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s", (table,))
    )


def _rows(work: Work, table: str) -> list[str]:
    rows = work.fetch(f"SELECT ctid::text FROM {table} ORDER BY 1")  # type: ignore[arg-type]
    return [row for (row,) in rows]


def _tried(database: Database, table: str, statements: Iterator[str]) -> Iterator[str]:
    """Statements that changed one row and were neither refused by the database nor found."""
    with database.work() as work:
        work.run(f"ALTER TABLE {table} DISABLE TRIGGER USER")  # type: ignore[arg-type]
        for statement in statements:
            work.run("SAVEPOINT before")
            try:
                assert work.run(statement) == 1, statement  # type: ignore[arg-type]
            except (psycopg.IntegrityError, psycopg.errors.GeneratedAlways):
                pass
            else:
                if not ledger.verify(work):
                    yield statement
            work.run("ROLLBACK TO SAVEPOINT before")


def test_a_whole_ledger_has_no_differences(database: Database) -> None:
    _eventful(database)

    assert differences(database) == []


def test_an_empty_ledger_has_no_differences(database: Database) -> None:
    assert differences(database) == []


@pytest.mark.parametrize("table", TABLES)
def test_a_change_of_any_value_is_found(database: Database, table: str) -> None:
    _eventful(database)
    with database.read() as work:
        columns, rows = _columns(work, table), _rows(work, table)
    assert rows, "every table has rows"
    # The first, the last and some between: enough to meet every state, few enough to be quick.
    chosen = sorted({*rows[:3], *rows[len(rows) // 2 :][:2], rows[-1]})
    statements = (
        f"UPDATE {table} SET {column} = {CHANGES[kind].format(column)} WHERE ctid = '{row}'"
        for column, kind in columns.items()
        for row in chosen
    )

    assert list(_tried(database, table, statements)) == []


# Roots are built when somebody asks for them, so one that is absent is no difference.
@pytest.mark.parametrize("table", [table for table in TABLES if table != "ledger_root"])
def test_a_row_that_vanished_is_found(database: Database, table: str) -> None:
    _eventful(database)
    with database.read() as work:
        rows = _rows(work, table)

    assert list(_tried(database, table, (f"DELETE FROM {table} WHERE ctid = '{row}'" for row in rows))) == []


def test_a_row_that_was_added_is_found(database: Database) -> None:
    _eventful(database)
    statements = {
        "ledger_turnover": "INSERT INTO ledger_turnover VALUES (2, 3, 'x', 0, 0, 0)",
        "ledger_key": "INSERT INTO ledger_key VALUES ('extra')",
        "ledger_refusal": "INSERT INTO ledger_refusal SELECT 'extra', content, code, detail, facts, seal "
        "FROM ledger_refusal LIMIT 1",
        "ledger_entry": "INSERT INTO ledger_entry SELECT posting, 90, 3, 1, 90, 1, unit, label "
        "FROM ledger_entry LIMIT 1",
        "ledger_account": "INSERT INTO ledger_account (code, unit, opened_at) VALUES ('z', 'USD', '2026-01-01')",
    }

    for table, statement in statements.items():
        assert list(_tried(database, table, iter([statement]))) == []


def test_two_entries_that_cancel_each_other_do_not_hide(database: Database) -> None:
    _eventful(database)
    with database.work() as work:
        work.run("ALTER TABLE ledger_entry DISABLE TRIGGER USER")
        work.run("UPDATE ledger_entry SET amount = amount + sign(amount)::bigint WHERE line IN (0, 1)")

    assert differences(database)


def test_entries_alone_rebuild_balances_turnover_and_holds(database: Database) -> None:
    _eventful(database)

    posted: dict[str, int] = defaultdict(int)
    sums: dict[tuple[int, str, str | None], list[int]] = defaultdict(lambda: [0, 0, 0])
    with database.read() as work:
        balances = ledger.accounts(work, "")
        for one in balances:
            for entry in ledger.entries(work, one.account, after=0, limit=100):
                posted[one.account] += entry.amount
                assert (entry.balance_after, entry.account) == (posted[one.account], one.account)
                line = sums[entry.period, one.account, entry.label]
                line[entry.amount > 0] += abs(entry.amount)
                line[2] += 1
        turnover = [one for period in (1, 2) for one in ledger.turnover(work, period)]
        open_holds = work.fetch("SELECT key FROM ledger_hold WHERE state = 'pending'")

    assert {one.account: one.posted for one in balances} == {one.account: posted[one.account] for one in balances}
    assert {(one.period, one.account, one.label): [one.debits, one.credits, one.count] for one in turnover} == sums
    assert open_holds == [("4",)]
    assert {one.account: one.held for one in balances if one.held} == {"b": 5}


def test_a_seal_chain_goes_on_over_batches_and_hides_no_gap(database: Database) -> None:
    opened(database, {"a": None, "b": None})
    for number in range(4):
        with booked(database, "a b", str(number)) as book:
            book.post(post_of(str(number), ("a", "b", 1)))

    with database.read() as work:
        chains = work.fetch("SELECT writer, array_agg(number ORDER BY id) FROM ledger_seal GROUP BY writer")

    assert [numbers for _, numbers in chains] == [[1, 2, 3, 4]]


def test_accounts_opened_by_two_agree_on_the_unit(database: Database) -> None:
    opened(database, {"a": None})

    with pytest.raises(ledger.AccountConflict), database.work() as work:
        ledger.open_accounts(work, [Account("a", "mile", None)], now=NOW)
