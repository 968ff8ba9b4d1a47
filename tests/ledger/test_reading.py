"""Balances, entries, postings and turnover are read without scanning a history."""

import json
from collections.abc import Sequence
from datetime import timedelta
from fractions import Fraction
from typing import LiteralString

import pytest

from hub import ledger
from hub.ledger import AccountMissing, Balance, Posted, Transfer, Turnover
from hub.storage import Database, Question, Work
from tests.ledger.support import NOW, booked, opened, post_of


def _history(database: Database, *, batches: int, postings: int) -> None:
    """Batches a minute apart; every posting moves 1 from a to b."""
    opened(database, {"a": None, "b": None, "c": None})
    for batch in range(batches):
        keys = [f"{batch}-{number}" for number in range(postings)]
        with booked(database, "a b", " ".join(keys), NOW + timedelta(minutes=batch)) as book:
            for key in keys:
                book.post(post_of(key, ("a", "b", 1)))


def test_a_balance_as_of_a_moment_is_the_one_after_the_last_entry_before_it(database: Database) -> None:
    _history(database, batches=7, postings=3)

    with database.read() as work:
        found = [ledger.balance_at(work, "b", NOW + timedelta(minutes=minutes)) for minutes in range(-1, 8)]
        between = ledger.balance_at(work, "b", NOW + timedelta(minutes=2, seconds=59))
        untouched = ledger.balance_at(work, "c", NOW)

    assert found == [0, 3, 6, 9, 12, 15, 18, 21, 21]
    assert between == 9
    assert untouched == 0


def test_an_account_that_was_never_opened_is_refused_or_absent(database: Database) -> None:
    with database.read() as work:
        for code in ("nobody", "nul\x00", ""):
            with pytest.raises(AccountMissing):
                ledger.balance_at(work, code, NOW)
            with pytest.raises(AccountMissing):
                ledger.entries(work, code, after=0, limit=1)
        assert ledger.balances(work, ["nobody", "nul\x00"]) == {}
        assert ledger.posting(work, "nothing") is None


def test_entries_come_by_version_from_where_the_reader_was(database: Database) -> None:
    _history(database, batches=2, postings=3)

    with database.read() as work:
        first = ledger.entries(work, "a", after=0, limit=4)
        rest = ledger.entries(work, "a", after=4, limit=4)

    assert [one.version for one in first + rest] == [1, 2, 3, 4, 5, 6]
    assert [one.balance_after for one in first + rest] == [-1, -2, -3, -4, -5, -6]
    assert (rest[-1].key, rest[-1].kind, rest[-1].recorded_at) == ("1-2", "test", NOW + timedelta(minutes=1))


def test_postings_of_a_period_come_in_pages(database: Database) -> None:
    opened(database, {"a": None, "b": None})
    ids = []
    for number in range(5):
        with booked(database, "a b", str(number)) as book:
            answer = book.post(post_of(str(number), ("a", "b", 1, "x"), ("b", "a", 2)))
            assert isinstance(answer, Posted)
            ids.append(answer.id)
        if number == 3:
            with database.work() as work:
                ledger.close_period(work, now=NOW)

    with database.read() as work:
        first = ledger.postings(work, 1, after=None, limit=3)
        rest = ledger.postings(work, 1, after=first[-1].id, limit=3)
        later = ledger.postings(work, 2, after=None, limit=3)

    assert {one.id for one in first + rest} == set(ids[:4])
    assert [one.key for one in later] == ["4"]
    assert later[0].transfers == (Transfer("a", "b", 1, "x"), Transfer("b", "a", 2, None))


def test_accounts_are_listed_by_prefix(database: Database) -> None:
    opened(database, {"position:a:USD": -5, "position:b:USD": None, "positions": None, "zeta": None, "position:ä": 0})

    with database.read() as work:
        found = ledger.accounts(work, "position:")

    assert [one.account for one in found] == ["position:a:USD", "position:b:USD", "position:ä"]
    assert found[0] == Balance("position:a:USD", "USD", 0, 0, -5, 0)


def test_turnover_is_by_account_and_label_of_one_period(database: Database) -> None:
    opened(database, {"a": None, "b": None})
    with booked(database, "a b", "1 2") as book:
        book.post(post_of("1", ("a", "b", 5, "x"), ("b", "a", 2, "x"), ("a", "b", 1)))
        book.post(post_of("2", ("a", "b", 5, "x")))
    with database.work() as work:
        ledger.close_period(work, now=NOW)
    with booked(database, "a b", "3") as book:
        book.post(post_of("3", ("a", "b", 7, "x")))

    with database.read() as work:
        first = ledger.turnover(work, 1, prefix="a")
        second = ledger.turnover(work, 2)

    assert first == [Turnover(1, "a", None, 1, 0, 1), Turnover(1, "a", "x", 10, 2, 3)]
    assert second == [Turnover(2, "a", "x", 7, 0, 1), Turnover(2, "b", "x", 0, 7, 1)]


def _buffers(work: Work, call: object) -> int:
    """Pages that the statements of a call touch, as the server counts them."""
    statements: list[tuple[str, object]] = []
    fetch = work.fetch

    def noted(sql: str, parameters: object = ()) -> list[tuple[object, ...]]:
        statements.append((sql, parameters))
        return fetch(sql, parameters)  # type: ignore[arg-type]

    work.fetch = noted  # type: ignore[method-assign, assignment]
    call()  # type: ignore[operator]
    work.fetch = fetch  # type: ignore[method-assign]
    total = 0
    for sql, parameters in statements:
        plan = fetch(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {sql}", parameters)[0][0]  # type: ignore[arg-type]
        top = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]
        total += top["Shared Hit Blocks"] + top["Shared Read Blocks"]
    return total


def test_reading_touches_as_few_pages_after_a_long_history_as_after_a_short_one(database: Database) -> None:
    _history(database, batches=3, postings=4)
    with database.work() as work:
        work.run("ANALYZE")
        short = [_buffers(work, call) for call in _reads(work)]
    for batch in range(3, 13):
        keys = [f"{batch}-{number}" for number in range(1_000)]
        with booked(database, "a b", " ".join(keys), NOW + timedelta(minutes=batch)) as book:
            for key in keys:
                book.post(post_of(key, ("a", "b", 1)))
    with database.work() as work:
        work.run("ANALYZE")
        long = [_buffers(work, call) for call in _reads(work)]

    balance, page, as_of = zip(short, long, strict=True)
    assert balance[1] <= balance[0] + 4
    assert page[1] <= page[0] + 40
    # 14 steps of a binary search over 10,012 entries, each two index lookups of at most 4 pages.
    assert as_of[1] <= 14 * 8 + 20


def _reads(work: Work) -> list[object]:
    return [
        lambda: ledger.balances(work, ["a", "b"]),
        lambda: ledger.entries(work, "a", after=5, limit=5),
        lambda: ledger.balance_at(work, "a", NOW + timedelta(minutes=1)),
    ]


class _CountedWork(Work):
    """Counts its statements, sent at once or later."""

    statements = 0

    def ask(self, sql: LiteralString, parameters: Sequence[object] = ()) -> Question:
        self.statements += 1
        return super().ask(sql, parameters)

    def run_later(self, sql: LiteralString, parameters: Sequence[object], *, rows: int | None = None) -> None:
        self.statements += 1
        super().run_later(sql, parameters, rows=rows)

    def append(self, table: str, columns: Sequence[str], lines: Sequence[str]) -> None:
        self.statements += 1 if lines else 0
        super().append(table, columns, lines)


def test_a_batch_takes_the_same_number_of_statements_whatever_its_size(database: Database) -> None:
    opened(database, {"a": None, "b": 0})
    counts = []
    for size in (1, 100):
        names = [f"{size}-{number}" for number in range(size)]
        with database.work() as plain:
            work = _CountedWork(plain.connection)
            ledger.enter(work)
            keys = [f"{verb}{name}" for verb in ("post", "hold", "open", "refused", "back") for name in names]
            book = ledger.lock(work, codes=["a", "b"], keys=keys, now=NOW)
            for name in names:
                book.post(post_of(f"post{name}", ("a", "b", 1)))
                book.hold(post_of(f"hold{name}", ("a", "b", 1)))
                book.post_hold(f"hold{name}", effective_at=NOW)
                book.hold(post_of(f"open{name}", ("a", "b", 1)))
                book.post(post_of(f"refused{name}", ("b", "a", 10_000)))
                book.reverse(f"back{name}", of=f"post{name}", share=Fraction(1), effective_at=NOW)
            book.write()
            work.flush()
            counts.append(work.statements)

    assert counts == [15, 15]
