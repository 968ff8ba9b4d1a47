"""Transactions over real tables: what is taken, refused, repeated, undone, and what the ledger says."""

import logging
from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import polars as pl
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub import chart
from hub.earning.importing import FileImport
from hub.earning.pricing import chain_of, fitting, points_alone
from hub.earning.pricing_frame import price
from hub.earning.rules_document import read_rules
from hub.earning.types import Traits
from hub.kernel.clock import ManualClock
from hub.storage import Database
from tests.conftest import START
from tests.earning.support import BANK, PLAIN, UNIT, Spend, real_path, real_rows, row, whole

FUEL = PLAIN + '[[rules]]\ncode = "fuel"\nkind = "multiply"\ntimes = 2\ncategories = ["K020"]\n'
CARD_NUMBER = "4111111111111111"


def test_the_real_months_earn_what_a_plain_recomputation_says(
    database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    spend = Spend(database, clock, FUEL + '[refunds]\nmatch = "reference"\nunmatched = "refuse"\n')
    expected: defaultdict[tuple[str, str], int] = defaultdict(int)
    for month in ("2016-06", "2017-07"):
        for one in real_rows(month):
            if one["category_code"] != "nan" and not one["billed_amount"].startswith("-"):
                times = 2 if one["category_code"] == "K020" else 1
                expected[one["category_code"], one["card_last4"]] += whole(Fraction(one["billed_amount"]) * times)

    for month in ("2016-06", "2017-07"):
        attempt = FileImport(database, clock, real_path(month), bank=BANK, linking=None)
        done = attempt.run(tmp_path / month, progress=lambda *_: None, part_bytes=100_000)
        assert (done.counts.refunds, done.counts.clawed_back) == (0, 0)

    with database.read() as work:
        rows = work.fetch(
            "SELECT t.category, k.token, sum(t.points) FROM card_transaction t "
            "JOIN card_token k ON k.number = t.token GROUP BY 1, 2"
        )
    assert {(category, token): int(points) for category, token, points in rows} == dict(expected)
    assert spend.balance(chart.accrued(BANK, UNIT)) == sum(expected.values())
    assert spend.differences() == []


def test_refunds_of_real_months_leave_what_the_rest_would_have_earned(
    database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    spend = Spend(database, clock)

    done = FileImport(database, clock, real_path("2016-06"), bank=BANK, linking=None).run(
        tmp_path / "back", progress=lambda *_: None
    )

    with database.read() as work:
        kept = work.fetch("SELECT amount, refunded FROM card_transaction WHERE kind = 'purchase'")
        alone = work.fetch("SELECT amount FROM earn_refund WHERE state = 'alone'")
    net = sum(max(0, amount - refunded) // 100 for amount, refunded in kept) - sum(amount // 100 for (amount,) in alone)
    assert done.counts.refunds == 141
    assert len(alone) < 141 / 2
    assert done.counts.points == net == spend.balance(chart.accrued(BANK, UNIT))


BROKEN = [
    (row("b1", "12.345"), "amount_invalid"),
    (row("b2", "0.00"), "amount_invalid"),
    (row("b3", "ten"), "amount_invalid"),
    (row("b4", "1.00", currency="QQQ"), "currency_unknown"),
    (row("b5", "1.00", currency="USD"), "currency_unknown"),
    (row("b6", "1.00", time="2030-01-01"), "date_in_future"),
    (row("b7", "1.00", time="2016-02-30"), "date_invalid"),
    (row("b8", "1.00", time="2015-12-31"), "no_rules"),
    (row("b9", "1.00", token=CARD_NUMBER), "card_number"),
    (row("b10", "1.00", token="nobody"), "token_unknown"),
    (row("b11", "1.00", token="a b"), "token_invalid"),
    (row("b12", "1.00", category="nan"), "category_missing"),
    (row("b13", "1.00", kind="gift"), "kind_invalid"),
    (row("", "1.00"), "id_invalid"),
    (row("good", "2.00"), "id_reused"),
    (row("good", "1.00"), "duplicate"),
]


def test_broken_rows_are_refused_one_by_one_and_the_rest_goes_through(
    database: Database, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    spend = Spend(database, clock)
    spend.take([row("first", "5.00")])

    with caplog.at_level(logging.DEBUG):
        taken = spend.take([row("good", "1.00"), *(one for one, _ in BROKEN), row("last", "3.00")], linking=False)

    assert spend.codes(taken) == ["accepted", *(code for _, code in BROKEN), "accepted"]
    assert spend.points() == {"card-1": 9}
    assert CARD_NUMBER not in caplog.text + str(taken.frame.to_dicts())
    with database.read() as work:
        assert work.fetch("SELECT 1 FROM card_token WHERE token = %s", (CARD_NUMBER,)) == []


def test_what_comes_later_than_the_rules_allow_is_refused(database: Database, clock: ManualClock) -> None:
    spend = Spend(database, clock, PLAIN + "[intake]\nlate_days = 30\n")

    taken = spend.take([row("a", "1.00", time="2026-03-07"), row("b", "1.00", time="2026-03-06")])

    assert spend.codes(taken) == ["accepted", "too_late"]


def test_the_same_again_is_answered_as_before(database: Database, clock: ManualClock) -> None:
    spend = Spend(database, clock)
    first = spend.take([row("one", "7.50"), row("two", "2.50")])

    again = spend.take([row("two", "2.50"), row("one", "7.50")])

    assert spend.codes(again) == ["duplicate", "duplicate"]
    assert again.frame["points"].to_list() == [2, 7]
    assert set(again.frame["chunk"].to_list()) == {first.chunk}
    assert spend.points() == {"card-1": 9}


def test_rows_that_were_thought_to_be_new_cannot_be_taken_twice(database: Database, clock: ManualClock) -> None:
    spend = Spend(database, clock)
    spend.take([row("one", "7.50")])

    with pytest.raises(psycopg.errors.UniqueViolation):
        spend.take([row("one", "7.50")], fresh=True)

    assert spend.points() == {"card-1": 7}


def test_parts_of_a_refund_add_up_and_never_exceed_the_whole(database: Database, clock: ManualClock) -> None:
    spend = Spend(database, clock)
    spend.take([row("p", "10.90")])

    points = []
    for number, amount in enumerate(("-0.95", "-5.00", "-4.00", "-3.00")):
        spend.take([row(f"r{number}", amount, original="p")])
        points.append(spend.points().get("card-1", 0))

    assert points == [9, 4, 0, 0]


def test_a_refund_waits_for_its_purchase_when_the_rules_say_so(database: Database, clock: ManualClock) -> None:
    spend = Spend(database, clock, PLAIN + '[refunds]\nunmatched = "hold"\nhold_days = 3660\n')
    spend.take([row("r", "-4.00", original="p")])
    held = spend.points()

    spend.take([row("p", "10.90")])

    assert held == {}
    assert spend.points() == {"card-1": 6}


def test_an_unknown_purchase_is_no_reason_to_take_a_refund_when_the_rules_refuse(
    database: Database, clock: ManualClock
) -> None:
    spend = Spend(database, clock, PLAIN + '[refunds]\nunmatched = "refuse"\n')

    taken = spend.take([row("r", "-4.00", original="p"), row("x", "5.00", merchant="other")])

    assert spend.codes(taken) == ["refund_unmatched", "accepted"]


def test_a_bank_beyond_its_cap_stops_and_loses_nothing(database: Database, clock: ManualClock) -> None:
    spend = Spend(database, clock)
    too_much = [row(f"t{number}", "99999999.00") for number in range(6)]

    taken = spend.take(too_much)
    later = spend.take([row("later", "3.00")])

    assert (taken.stopped, later.stopped) == (True, True)
    assert taken.counts.accepted == 6
    assert spend.balance(chart.accrued(BANK, UNIT)) == 0
    with database.read() as work:
        assert work.fetch("SELECT state, reason FROM earn_bank") == [("stopped", "net_debit_cap_reached")]
        assert work.fetch("SELECT count(*) FROM outbox_message WHERE body::text LIKE '%%accruals.stopped%%'") == [(1,)]


POOLED = """
currency = "GBP"
target = "aerojet.mile"
effective_from = 2016-01-01
[statement]
minimum_spend = "20.00"
[refunds]
unmatched = "claw_back"
[[rules]]
code = "base"
earn = "1 per 3.00"
rounding = "statement"
[[rules]]
code = "double"
kind = "multiply"
times = 2
categories = ["K020"]
cap = 7
"""


@st.composite
def spending(draw: st.DrawFn) -> list[dict[str, str]]:
    rows = []
    for number in range(draw(st.integers(1, 9))):
        amount = draw(st.integers(1, 6_000))
        text = f"{amount // 100}.{amount % 100:02d}"
        day = draw(st.sampled_from(["2016-06-10", "2016-06-30", "2016-07-01"]))
        merchant, category = draw(st.sampled_from(["shop", "pub"])), draw(st.sampled_from(["K020", "L100"]))
        token = draw(st.sampled_from(["card-1", "card-2"]))
        if rows and draw(st.booleans()):
            original = draw(st.sampled_from(["", rows[draw(st.integers(0, len(rows) - 1))]["id"]]))
            rows.append(
                row(
                    f"r{number}",
                    f"-{text}",
                    token=token,
                    time=day,
                    merchant=merchant,
                    category=category,
                    original=original,
                )
            )
        else:
            rows.append(row(f"p{number}", text, token=token, time=day, merchant=merchant, category=category))
    return rows


def _cleared(database: Database) -> None:
    with database.work() as work:
        work.run("TRUNCATE card_transaction, earn_refund, earn_adjustment, earn_pool")


@pytest.mark.parametrize("rules", [FUEL, POOLED])
def test_order_splitting_and_repetition_do_not_change_the_points(database: Database, rules: str) -> None:
    spend = Spend(database, ManualClock(START), rules)

    @settings(max_examples=25, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(rows=spending(), random=st.randoms(use_true_random=False))
    def same(rows: list[dict[str, str]], random: object) -> None:
        _cleared(database)
        spend.take(rows)
        at_once = spend.points()
        _cleared(database)
        mixed = rows + rows[: len(rows) // 2]
        random.shuffle(mixed)  # type: ignore[attr-defined]
        while mixed:
            size = random.randint(1, 4)  # type: ignore[attr-defined]
            spend.take(mixed[:size])
            mixed = mixed[size:]

        assert spend.points() == at_once

    same()


def test_columns_are_priced_like_single_transactions(clock: ManualClock) -> None:
    rules = FUEL + '[[rules]]\ncode = "big"\nkind = "add"\nearn = "0.37 per 1.01"\nminimum_amount = "50.00"\n'
    ruleset = read_rules(rules, bank=BANK, id="r")
    amounts = [1, 4_999, 5_000, -5_000, 123_456, 2**52]
    days = [date(2016, 6, 1) + timedelta(days=number) for number in range(6)]
    frame = pl.DataFrame(
        {
            "rules": [0] * 6,
            "day": days,
            "category": ["K020", "L100"] * 3,
            "product": [""] * 6,
            "tier": [""] * 6,
            "unit": [UNIT] * 6,
            "merchant": ["x"] * 6,
            "amount": amounts,
        }
    )

    priced = price(frame, [ruleset], {UNIT: 0}).frame["points"].to_list()

    plain = []
    for place, amount in enumerate(amounts):
        traits = Traits(days[place], frame["category"][place], "", "", "x", UNIT, abs(amount))
        chain = chain_of(ruleset, fitting(ruleset, traits), unit=UNIT, unit_scale=0)
        plain.append(points_alone(chain, amount))
    assert priced == plain


def test_an_interrupted_file_goes_on_where_it_ended(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    spend = Spend(database, clock)
    whole_file = real_path("2016-06")
    attempt = FileImport(database, clock, whole_file, bank=BANK, linking=None)

    class Killed(Exception):
        pass

    def kill(done: int, total: int) -> None:
        if done > total // 2:
            raise Killed

    with pytest.raises(Killed):
        attempt.run(tmp_path / "back", progress=kill, part_bytes=60_000)
    done = FileImport(database, clock, whole_file, bank=BANK, linking=None).run(
        tmp_path / "back", progress=lambda *_: None, part_bytes=60_000
    )

    assert done.resumed
    assert (done.counts.rows, done.counts.accepted, done.counts.refused, done.counts.duplicates) == (4889, 4878, 11, 0)
    assert len((tmp_path / "back").read_text().splitlines()) == 4890
    assert spend.balance(chart.accrued(BANK, UNIT)) == done.counts.points
