"""What the ledger refuses, beyond the stories: malformed requests, overflow, and what a refusal leaves behind."""

from datetime import datetime, timedelta
from fractions import Fraction

import pytest

from hub import ledger
from hub.kernel.errors import AmountOverflow
from hub.kernel.limits import AMOUNT_LEDGER_MAX, LEDGER_TEXT_CHARS_MAX, POSTING_TRANSFERS_MAX
from hub.ledger import Account, LedgerRefusal, Posted, PostingInvalid, Transfer
from hub.storage import Database
from tests.ledger.support import NOW, balance_of, booked, differences, opened, post_of, word

ODD = "tab\t line\n return\r back\\slash \\N \\. quote' ü 🜚 \u2028 \x7f"
LONG = "x" * (LEDGER_TEXT_CHARS_MAX + 1)


@pytest.mark.parametrize(
    "posting",
    [
        post_of("1"),
        post_of("1", ("a", "b", 0)),
        post_of("1", ("a", "b", -1)),
        post_of("1", ("a", "b", True)),
        post_of("1", ("a", "b", 1.0)),
        post_of("1", ("a", "b", AMOUNT_LEDGER_MAX + 1)),
        post_of("1", ("a", "a", 1)),
        post_of("1", ("a", "b\x00", 1)),
        post_of("1", ("a", "b", 1, "")),
        post_of("1", ("a", "b", 1, "nul\x00")),
        post_of("1", ("a", "b", 1, LONG)),
        post_of("1", ("a", "b", 1), kind=""),
        post_of("1", ("a", "b", 1), kind="half \ud800"),
        post_of("1", ("a", "b", 1), reference=""),
        post_of("1", ("a", "b", 1), reference=LONG),
        post_of("1", ("a", "b", 1), metadata={"nul": "\x00"}),
        post_of("1", ("a", "b", 1), metadata={"half": "\ud800"}),
        post_of("1", ("a", "b", 1), metadata={"long": "x" * 20_000}),
        post_of("1", ("a", "b", 1), metadata={"number": 1}),
        post_of("1", *[("a", "b", 1)] * (POSTING_TRANSFERS_MAX + 1)),
    ],
)
def test_a_malformed_posting_is_refused_for_good(database: Database, posting: ledger.Posting) -> None:
    opened(database, {"a": None, "b": None})

    with booked(database, "a b", "1") as book:
        answers = [book.post(posting), book.post(posting)]
    with booked(database, "a b", "1") as book:
        answers.append(book.post(posting))

    assert [word(answer) for answer in answers] == ["posting_invalid"] * 3
    assert balance_of(database, "a").version == 0
    assert differences(database) == []


@pytest.mark.parametrize("key", ["", "nul\x00", "half \ud800", LONG])
def test_a_key_that_cannot_be_kept_is_refused_and_leaves_nothing(database: Database, key: str) -> None:
    opened(database, {"a": None, "b": None})
    with database.work() as work:
        ledger.enter(work)
        book = ledger.lock(work, codes=["a", "b"], keys=[key, "1"], now=NOW)

        answers = [
            book.post(post_of(key, ("a", "b", 1))),
            book.hold(post_of(key, ("a", "b", 1))),
            book.reverse(key, of="1", share=Fraction(1), effective_at=NOW),
        ]
        book.write()

    assert [type(answer) for answer in answers] == [PostingInvalid] * 3
    with database.read() as work:
        assert work.fetch("SELECT * FROM ledger_key") == []
        assert ledger.posting(work, key) is None


def test_every_text_that_can_be_kept_comes_back_as_it_was(database: Database) -> None:
    with database.work() as work:
        ledger.open_accounts(work, [Account(ODD, ODD, None), Account("b", ODD, None)], now=NOW)
        ledger.enter(work)
        book = ledger.lock(work, codes=[ODD, "b"], keys=[ODD, "h"], now=NOW)
        book.post(post_of(ODD, (ODD, "b", 1, ODD), kind=ODD, reference=ODD, metadata={ODD: ODD}))
        book.hold(post_of("h", (ODD, "b", 1, ODD), kind=ODD, reference=ODD, metadata={ODD: ODD}))
        book.write()

    with database.work() as work:
        ledger.enter(work)
        book = ledger.lock(work, codes=[], keys=["h"], now=NOW)
        book.post_hold("h", effective_at=NOW)
        book.write()

    with database.read() as work:
        for key in (ODD, "h"):
            found = ledger.posting(work, key)
            assert found is not None
            assert found.transfers == (Transfer(ODD, "b", 1, ODD),)
            assert (found.key, found.kind, found.reference, found.metadata) == (key, ODD, ODD, {ODD: ODD})
    assert differences(database) == []


def test_sums_beyond_64_bits_are_refused_and_never_wrap(database: Database) -> None:
    opened(database, {"a": None, "b": None})

    with booked(database, "a b", "1 2 3 4 5 6") as book:
        answers = [
            book.post(post_of("1", ("a", "b", AMOUNT_LEDGER_MAX))),
            book.post(post_of("2", ("a", "b", 1))),
            book.hold(post_of("3", ("a", "b", 1))),
            book.hold(post_of("4", ("b", "a", AMOUNT_LEDGER_MAX))),
            book.hold(post_of("5", ("b", "a", AMOUNT_LEDGER_MAX))),
            book.hold(post_of("6", ("b", "a", 1))),
        ]

    overflow = "amount_overflow"
    assert [word(one) for one in answers] == ["posted", overflow, overflow, "held", overflow, overflow]
    assert isinstance(answers[1], AmountOverflow)
    assert isinstance(answers[1], LedgerRefusal)
    assert balance_of(database, "b").available == 0
    assert differences(database) == []


def test_a_refusal_changes_nothing_but_its_own_row(database: Database) -> None:
    opened(database, {"a": 0, "b": None})
    before = _everything(database)

    with booked(database, "a b", "1") as book:
        book.post(post_of("1", ("a", "b", 1)))

    after = _everything(database)
    changed = {table for table, rows in after.items() if rows != before[table]}
    assert changed == {"ledger_key", "ledger_refusal", "ledger_seal"}


def test_a_batch_of_repeats_writes_nothing_at_all(database: Database) -> None:
    opened(database, {"a": None, "b": None})
    with booked(database, "a b", "1") as book:
        first = book.post(post_of("1", ("a", "b", 1)))
    before = _everything(database)

    with booked(database, "a b", "1", NOW + timedelta(days=1)) as book:
        again = book.post(post_of("1", ("a", "b", 1), effective_at=NOW + timedelta(days=1)))

    assert _everything(database) == before
    assert isinstance(first, Posted)
    assert isinstance(again, Posted)
    assert (again.id, again.recorded_at, again.period) == (first.id, first.recorded_at, first.period)
    assert again.replayed


def _everything(database: Database) -> dict[str, list[tuple[object, ...]]]:
    with database.read() as work:
        tables = work.fetch("SELECT table_name FROM information_schema.tables WHERE table_name LIKE 'ledger_%%'")
        return {
            table: work.fetch(f"SELECT * FROM {table} ORDER BY 1")  # type: ignore[arg-type]
            for (table,) in tables
        }


def test_the_refusal_says_what_was_available_and_is_the_same_again(database: Database) -> None:
    opened(database, {"a": -10, "b": None})

    with booked(database, "a b", "1") as book:
        first = book.post(post_of("1", ("a", "b", 11)))
    with booked(database, "a b", "1") as book:
        again = book.post(post_of("1", ("a", "b", 11)))

    assert isinstance(first, ledger.FloorBreached)
    assert first.facts == {"account": "a", "available": 10, "needed": 11}
    assert again == first


def test_a_fraction_of_a_hold_needs_whole_amounts(database: Database) -> None:
    opened(database, {"a": None, "b": None})

    with booked(database, "a b", "1") as book:
        book.hold(post_of("1", ("a", "b", 5)))
        answer = book.post_hold("1", effective_at=NOW, amounts=[2.5])  # type: ignore[list-item]

    assert word(answer) == "posting_invalid"


def test_a_caller_that_knows_only_the_key_can_end_a_hold(database: Database) -> None:
    opened(database, {"a": None, "b": None})
    with booked(database, "a b", "1 2") as book:
        book.hold(post_of("1", ("a", "b", 5)))
        book.post(post_of("2", ("a", "b", 5)))

    with booked(database, "", "1 2 3") as book:
        answers = [
            book.post_hold("1", effective_at=NOW),
            book.reverse("3", of="2", share=Fraction(1), effective_at=NOW),
        ]

    assert [word(one) for one in answers] == ["posted", "posted"]
    assert balance_of(database, "a").posted == -5


def test_recorded_at_never_falls_along_an_account_when_the_clock_jumps_back(database: Database) -> None:
    opened(database, {"a": None, "b": None, "c": None})
    moments: list[datetime] = []
    for number, jump in enumerate((0, -60, 30, -10)):
        with booked(database, "a b", str(number), NOW + timedelta(seconds=jump)) as book:
            answer = book.post(post_of(str(number), ("a", "b", 1)))
            assert isinstance(answer, Posted)
            moments.append(answer.recorded_at)

    assert moments == [NOW, NOW, NOW + timedelta(seconds=30), NOW + timedelta(seconds=30)]
    assert differences(database) == []


def test_a_repeat_after_the_clock_moved_is_the_same_request(database: Database) -> None:
    opened(database, {"a": None, "b": None})
    with booked(database, "a b", "1 2") as book:
        book.post(post_of("1", ("a", "b", 1), metadata={"x": "1", "y": "2"}))

        answers = [
            book.post(post_of("1", ("a", "b", 1), metadata={"y": "2", "x": "1"}, effective_at=NOW + timedelta(1))),
            book.post(post_of("1", ("a", "b", 1), metadata={"x": "1"})),
            book.post(post_of("1", ("a", "b", 1), metadata={"x": "1", "y": "2"}, kind="other")),
            book.post(post_of("1", ("a", "b", 1), metadata={"x": "1", "y": "2"}, reference="other")),
            book.post(post_of("1", ("a", "b", 1, "label"), metadata={"x": "1", "y": "2"})),
        ]

    assert [word(one) for one in answers] == ["posted again"] + ["key_reused"] * 4
