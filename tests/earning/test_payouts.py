"""Accrued points on their way to the partner: once, at the accrual price, and back again when refunds say so."""

from dataclasses import replace
from datetime import timedelta

import pytest

from hub import chart, ledger
from hub.agreements.roster import roster
from hub.earning import service
from hub.earning.payouts import gather
from hub.earning.refusals import PayoutMissing, PayoutNotReturned
from hub.earning.verification import verify
from hub.hosted import verification as hosted
from hub.hosted.types import PointsKind, PointsRequest
from hub.kernel.clock import ManualClock
from hub.storage import Database
from partners.base import Reason
from tests.earning.paying import PARTNER, Payday
from tests.earning.support import BANK, PLAIN, UNIT, row
from tests.legs.fakes import Crash


def test_points_go_to_the_partner_at_the_price_they_accrued_at(database: Database, clock: ManualClock) -> None:
    day = Payday(database, clock)
    day.spend.take([row("p", "10.90"), row("q", "5.00", token="card-2")])
    day.link("card-1")

    day.pay()
    day.work()

    assert day.states() == [("paid", 10, ""), ("waiting", 5, "")]
    assert (day.airline.moved("AJ-card-1"), day.accrued(), day.arrived()) == (10, 5, 10)
    assert (
        day.spend.balance(chart.position(PARTNER, "USD")) * 15 == -day.spend.balance(chart.position(BANK, "USD")) * 10
    )
    assert day.events() == ["accrual.paid"]
    day.require_whole()


def test_what_waits_for_a_membership_goes_out_once_there_is_one(database: Database, clock: ManualClock) -> None:
    day = Payday(database, clock)
    day.spend.take([row("p", "10.00")])
    day.pay()
    day.spend.take([row("q", "7.00")])
    day.link("card-1")

    for _ in range(3):
        day.pay()
        day.work()

    assert day.states() == [("paid", 10, ""), ("paid", 7, "")]
    assert [verb for verb, _ in day.airline.calls] == ["credit"], "one call for both"
    assert day.airline.total() == 17
    day.require_whole()


def test_many_members_are_paid_in_one_call_where_the_partner_takes_many(database: Database, clock: ManualClock) -> None:
    day = Payday(database, clock, many=True)
    tokens = [f"card-{number}" for number in range(5)]
    day.spend.take([row(f"p{token}", "3.00", token=token) for token in tokens])
    day.link(*tokens)
    day.airline.then("ok", Reason.MEMBER_CLOSED, "deaf", "lost")

    day.pay()
    day.work(hours=1)

    verbs = [verb for verb, _ in day.airline.calls]
    assert verbs.count("credit_many") == 1
    assert sorted(day.states()) == [("paid", 3, "")] * 4 + [("returned", 3, "member_closed")]
    assert set(day.airline.effects.values()) == {1}
    assert day.accrued() == 3
    day.require_whole()


def test_a_refused_payout_is_the_members_again_and_goes_out_with_the_next(
    database: Database, clock: ManualClock
) -> None:
    day = Payday(database, clock)
    day.spend.take([row("p", "10.00")])
    day.link("card-1")
    day.airline.then(Reason.MEMBER_BLOCKED)

    day.pay()
    day.work()
    refused, kept = day.states(), day.accrued()
    day.pay()
    day.work()
    again = day.states()
    with database.work() as work:
        id = work.fetch("SELECT id FROM earn_payout")[0][0]
        with pytest.raises(PayoutMissing):
            service.retry(work, id, bank="staywell", now=clock.now())
        service.retry(work, id, bank=BANK, now=clock.now())
        with pytest.raises(PayoutNotReturned):
            service.retry(work, id, bank=BANK, now=clock.now())
    day.pay()
    day.work()

    assert refused == again == [("returned", 10, "member_blocked")]
    assert kept == 10
    assert day.states() == [("paid", 10, "")]
    assert day.events() == ["accrual.returned", "accrual.paid"]
    day.require_whole()


def test_without_proof_the_hub_inquires_and_pays_once(database: Database, clock: ManualClock) -> None:
    day = Payday(database, clock)
    day.spend.take([row("p", "10.00")])
    day.link("card-1")
    day.airline.then("deaf", "silent", "ok")

    day.pay()
    day.work()
    under_way = day.states()
    day.work(hours=1)

    assert under_way == [("sent", 10, "")]
    assert day.states() == [("paid", 10, "")]
    assert list(day.airline.effects.values()) == [1]
    day.require_whole()


def test_what_no_machine_can_prove_goes_to_a_person(database: Database, clock: ManualClock) -> None:
    day = Payday(database, clock)
    day.directory.profiles[PARTNER] = replace(day.directory.profiles[PARTNER], keys=False)
    day.airline.keys = False
    day.spend.take([row("p", "10.00")])
    day.link("card-1")
    day.airline.then("lost")

    day.pay()
    day.work(hours=1)

    assert day.states() == [("by_hand", 10, "partner_without_keys")]
    assert day.accrued() == 10


@pytest.mark.parametrize(("refunded", "left"), [("-4.00", 6), ("-10.00", 0)])
def test_a_refund_before_the_payout_is_set_off(
    database: Database, clock: ManualClock, refunded: str, left: int
) -> None:
    day = Payday(database, clock)
    day.spend.take([row("p", "10.00")])
    day.pay()
    day.spend.take([row("r", refunded, original="p")])
    day.link("card-1")

    day.pay()
    day.work()

    assert (day.airline.total(), day.accrued()) == (left, 0)
    assert {state for state, _, _ in day.states()} == {"paid" if left else "merged"}
    day.require_whole()


def test_refunds_and_chargebacks_after_the_payout_are_taken_back_at_the_partner(
    database: Database, clock: ManualClock
) -> None:
    day = Payday(database, clock)
    day.spend.take([row("p", "10.90"), row("q", "20.00")])
    day.link("card-1")
    day.pay()
    day.work()
    paid = day.spend.balance(chart.position(PARTNER, "USD"))

    day.spend.take([row("r", "-4.00", original="p"), row("c", "-20.00", original="q", kind="chargeback")])
    day.pay()
    day.work()

    assert day.states() == [("paid", 30, ""), ("paid", -24, "")]
    assert day.airline.moved("AJ-card-1") == 6
    assert (day.accrued(), day.arrived()) == (0, 6)
    assert day.spend.balance(chart.position(PARTNER, "USD")) * 30 == paid * 6
    assert day.spend.balance(chart.position(BANK, "USD")) == -day.spend.balance(chart.position(PARTNER, "USD"))
    day.require_whole()


def test_a_claw_back_that_the_partner_refuses_is_set_off_against_what_comes_next(
    database: Database, clock: ManualClock
) -> None:
    day = Payday(database, clock)
    day.spend.take([row("p", "10.00")])
    day.link("card-1")
    day.pay()
    day.work()
    day.spend.take([row("r", "-8.00", original="p")])
    day.airline.then(Reason.INSUFFICIENT_POINTS)
    day.pay()
    day.work()
    refused = day.states()

    day.spend.take([row("q", "20.00")])
    day.pay()
    day.work()

    assert refused == [("paid", 10, ""), ("returned", -8, "insufficient_points")]
    assert day.states() == [("paid", 10, ""), ("paid", -8, ""), ("paid", 20, "")]
    assert day.airline.moved("AJ-card-1") == 22
    day.require_whole()


def test_without_an_agreement_on_it_nothing_is_taken_back_at_the_partner(
    database: Database, clock: ManualClock
) -> None:
    day = Payday(database, clock)
    day.agree(reversals=False)
    day.spend.take([row("p", "10.00")])
    day.link("card-1")
    day.pay()
    day.work()
    day.spend.take([row("r", "-8.00", original="p")])

    day.pay()
    day.work()

    assert day.states() == [("paid", 10, ""), ("returned", -8, "no_debit_agreed")]
    assert (day.airline.total(), day.accrued()) == (10, -8)
    day.require_whole()


def test_payouts_wait_as_long_as_the_rules_say(database: Database, clock: ManualClock) -> None:
    day = Payday(database, clock, PLAIN + "[payout]\nafter_days = 14\n")
    day.spend.take([row("p", "10.00")])
    day.link("card-1")

    day.pay()
    early = day.states()
    clock.advance(timedelta(days=14))
    day.pay()
    day.work()

    assert early == []
    assert day.states() == [("paid", 10, "")]


def test_what_is_stopped_is_not_paid_out(database: Database, clock: ManualClock) -> None:
    day = Payday(database, clock)
    day.spend.take([row(f"t{number}", "99999999.00") for number in range(6)])
    day.link("card-1")

    day.pay()
    day.work()

    assert (day.states(), day.airline.calls) == ([], [])


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("step", ["gathered", "sent", "called", "answered"])
def test_a_process_that_dies_at_any_step_pays_once(
    database: Database, clock: ManualClock, step: str, many: bool
) -> None:
    day = Payday(database, clock, many=many)
    tokens = ["card-1", "card-2"]
    day.spend.take([row(f"p{token}", "3.00", token=token) for token in tokens])
    day.link(*tokens)

    if step == "gathered":
        with database.work() as work:
            gather(work, roster(work), BANK, now=clock.now())
    if step in ("called", "answered"):
        day.pay()
        day.airline.then("crash" if step == "called" else "ok")
        if step == "called":
            with pytest.raises(Crash):
                day.work()
        else:
            day.work()
    clock.advance(timedelta(minutes=5))
    for _ in range(2):
        day.pay()
        day.work(hours=1)

    assert day.states() == [("paid", 3, "")] * 2
    assert set(day.airline.effects.values()) == {1}
    assert day.airline.total() == 6
    day.require_whole()


def test_a_programme_that_the_hub_keeps_is_paid_at_once_with_its_lots(database: Database, clock: ManualClock) -> None:
    day = Payday(database, clock, hosted=True)
    day.spend.take([row("p", "10.90"), row("q", "5.00", token="card-2")])
    number = day.enrol("card-1")

    day.pay()
    first = day.states()
    day.spend.take([row("r", "-4.00", original="p")])
    day.pay()
    day.pay()

    assert first == [("paid", 10, ""), ("waiting", 5, "")]
    assert day.states() == [("paid", 10, ""), ("waiting", 5, ""), ("paid", -4, "")]
    assert day.spend.balance(chart.member(UNIT, number)) == 6
    assert (day.accrued(), day.airline.calls) == (5, [])
    assert day.events() == ["accrual.paid", "accrual.paid"]
    with database.read() as work:
        assert [*ledger.verify(work), *hosted.verify(work), *verify(work)] == []


def test_what_a_kept_programme_refuses_is_the_members_accrual_again(database: Database, clock: ManualClock) -> None:
    day = Payday(database, clock, hosted=True)
    day.spend.take([row("p", "10.00")])
    number = day.enrol("card-1")
    day.pay()
    with database.work() as work:
        spent = PointsRequest("a" * 64, UNIT, PointsKind.SPEND, number, 9)
        day.hosted.post(work, [spent], now=clock.now())
    day.spend.take([row("r", "-8.00", original="p")])

    day.pay()
    refused = day.states()
    day.spend.take([row("q", "20.00")])
    day.pay()

    assert refused == [("paid", 10, ""), ("returned", -8, "insufficient_points")]
    assert day.states() == [("paid", 10, ""), ("paid", -8, ""), ("paid", 20, "")]
    assert day.spend.balance(chart.member(UNIT, number)) == 1 + 12
    with database.read() as work:
        assert [*ledger.verify(work), *hosted.verify(work), *verify(work)] == []
