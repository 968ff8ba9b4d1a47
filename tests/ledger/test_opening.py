"""Accounts open once, and floors keep their history."""

import threading

import pytest

from hub import ledger
from hub.kernel.errors import AmountOverflow
from hub.ledger import Account, AccountConflict, AccountInvalid, AccountMissing
from hub.storage import Database, Work
from tests.ledger.support import NOW, balance_of, booked, differences, opened, post_of


def test_opening_again_changes_nothing_not_even_the_floor(database: Database) -> None:
    opened(database, {"a": -10})

    opened(database, {"a": -99, "b": None})

    assert balance_of(database, "a").floor == -10
    assert balance_of(database, "b").floor is None
    assert differences(database) == []


def test_opening_a_batch_that_exists_takes_one_statement(database: Database) -> None:
    wanted = [Account(f"a{number}", "USD", None) for number in range(50)]
    with database.work() as work:
        ledger.open_accounts(work, wanted, now=NOW)

    with database.work() as work:
        statements: list[str] = []
        fetch = work.fetch
        work.fetch = lambda sql, parameters=(): (statements.append(sql), fetch(sql, parameters))[1]  # type: ignore[method-assign, assignment]
        ledger.open_accounts(work, wanted, now=NOW)

    assert len(statements) == 1


@pytest.mark.parametrize(
    ("account", "refusal"),
    [
        (Account("a", "mile", None), AccountConflict),
        (Account("", "USD", None), AccountInvalid),
        (Account("nul\x00", "USD", None), AccountInvalid),
        (Account("new", "", None), AccountInvalid),
        (Account("new", "half \ud800", None), AccountInvalid),
        (Account("x" * 501, "USD", None), AccountInvalid),
        (Account("new", "USD", 2**63), AmountOverflow),
    ],
)
def test_what_cannot_be_opened_is_refused(database: Database, account: Account, refusal: type[Exception]) -> None:
    opened(database, {"a": None})

    with pytest.raises(refusal), database.work() as work:
        ledger.open_accounts(work, [Account("b", "USD", None), account], now=NOW)

    with database.read() as work:
        assert [one.account for one in ledger.accounts(work, "")] == ["a"]


def test_one_account_with_two_units_in_one_call_is_refused(database: Database) -> None:
    with pytest.raises(AccountConflict), database.work() as work:
        ledger.open_accounts(work, [Account("a", "USD", None), Account("a", "mile", None)], now=NOW)


def test_two_that_open_at_once_both_find_it_open(database: Database) -> None:
    gate = threading.Barrier(2)

    def wait_then_open(codes: list[str]) -> None:
        with database.work() as work:
            gate.wait()
            ledger.open_accounts(work, [Account(code, "USD", 0) for code in codes], now=NOW)

    threads = [threading.Thread(target=wait_then_open, args=(codes,)) for codes in (["a", "b", "c"], ["c", "b", "d"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with database.read() as work:
        assert [one.account for one in ledger.accounts(work, "")] == ["a", "b", "c", "d"]
    assert differences(database) == []


def _set(database: Database, **floors: int | None) -> None:
    def change(work: Work) -> None:
        ledger.set_floors(work, floors, now=NOW)

    with database.work() as work:
        change(work)


def test_a_floor_above_what_is_available_is_what_is_available_and_never_breaks_a_promise(database: Database) -> None:
    opened(database, {"a": None, "b": None})
    with booked(database, "a b", "1 2") as book:
        book.post(post_of("1", ("b", "a", 10)))
        book.hold(post_of("2", ("a", "b", 4)))

    _set(database, a=100)

    assert balance_of(database, "a").floor == 6
    assert differences(database) == []


def test_floors_rise_fall_and_vanish_and_every_change_is_kept(database: Database) -> None:
    opened(database, {"a": -5, "b": None})

    for floor in (-7, -7, None, -3, 0):
        _set(database, a=floor)

    assert balance_of(database, "a").floor == 0
    with database.read() as work:
        history = work.fetch("SELECT number, target FROM ledger_floor WHERE account = 1 ORDER BY number")
    assert history == [(1, -5), (2, -7), (3, None), (4, -3), (5, 0)]
    assert differences(database) == []


@pytest.mark.parametrize(
    ("floors", "refusal"), [({"a": 1, "nobody": 1}, AccountMissing), ({"a": -(2**63)}, AmountOverflow)]
)
def test_a_floor_that_cannot_be_set_changes_none(
    database: Database, floors: dict[str, int | None], refusal: type[Exception]
) -> None:
    opened(database, {"a": -5})

    with pytest.raises(refusal):
        _set(database, **floors)

    assert balance_of(database, "a").floor == -5
