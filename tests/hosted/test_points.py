"""Earning, spending, adjusting, giving and reversing points of a hosted programme."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hub import chart, ledger
from hub.hosted.states import MembershipState
from hub.hosted.types import Enrolment, Membership, PointsPosted
from hub.kernel.clock import ManualClock
from hub.kernel.errors import HubError
from hub.storage import Database
from partners.hosted.programme import BalanceLimits
from tests.hosted.support import BLUEBEAN, UNIT, Cafe, rules


@pytest.fixture
def cafe(database: Database, clock: ManualClock) -> Cafe:
    return Cafe(database, clock)


def test_a_new_member_gets_a_number_whose_check_digit_holds(cafe: Cafe) -> None:
    [found] = cafe.enrol(Enrolment(UNIT, reference="shop-7-1"))

    assert isinstance(found, Membership)
    assert BLUEBEAN.numbers.knows(found.number)
    assert found.number.startswith("BB")
    assert cafe.statement(found).balance == 0


def test_a_number_or_reference_is_used_once(cafe: Cafe) -> None:
    number = BLUEBEAN.numbers.number(1)
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)

    answers = cafe.enrol(
        Enrolment(UNIT, number, "a"),
        Enrolment(UNIT, number, "b"),
        Enrolment(UNIT, reference="a"),
        Enrolment(UNIT, wrong),
        Enrolment("nobody.point"),
    )
    again = cafe.enrol(Enrolment(UNIT, number))

    codes = [one.code if isinstance(one, HubError) else one.number for one in [*answers, *again]]
    taken = "membership_taken"
    assert codes == [number, taken, taken, "number_invalid", "programme_missing", taken]


def test_points_are_earned_as_a_lot_and_spent_earliest_expiry_first(cafe: Cafe) -> None:
    member = cafe.member(100)
    cafe.clock.advance(timedelta(days=40))
    cafe.do("earn", member, 50)

    spent = cafe.do("spend", member, 120)

    assert spent.balance == 30
    assert cafe.lots(member) == [("2027-05-31", 30)]
    assert cafe.differences() == []


def test_more_than_there_is_cannot_be_spent_but_all_of_it_can(cafe: Cafe) -> None:
    member = cafe.member(100)

    assert cafe.refused("spend", member, 101) == "insufficient_points"
    assert cafe.do("spend", member, 100).balance == 0


def test_requests_of_one_batch_see_those_before_them(cafe: Cafe) -> None:
    member = cafe.member(100)

    answers = cafe.ask(*(cafe.request("spend", member, amount) for amount in (60, 50, 40, 1)))

    assert [isinstance(one, PointsPosted) for one in answers] == [True, False, True, False]
    assert cafe.differences() == []


def test_the_same_key_moves_points_once_and_another_content_is_refused(cafe: Cafe) -> None:
    member = cafe.member(100)

    first, again = cafe.ask(*[cafe.request("spend", member, 60, key="till-1")] * 2)
    later = cafe.do("spend", member, 60, key="till-1")

    assert isinstance(first, PointsPosted)
    assert first == again == later
    assert cafe.statement(member).balance == 40
    assert cafe.refused("spend", member, 30, key="till-1") == "key_reused"


def test_a_balance_keeps_within_its_limits(database: Database, clock: ManualClock) -> None:
    cafe = Cafe(database, clock, rules(balance=BalanceLimits(minimum=10, maximum=150)))
    member = cafe.member(100)

    assert cafe.refused("earn", member, 51) == "balance_above_maximum"
    assert cafe.refused("spend", member, 91) == "insufficient_points"
    assert cafe.do("earn", member, 50).balance == 150
    assert cafe.do("spend", member, 140).balance == 10
    assert cafe.do("adjust_down", member, 10).balance == 0


def test_points_that_lapsed_but_were_not_taken_yet_cannot_be_spent(cafe: Cafe) -> None:
    member = cafe.member(100)
    cafe.clock.advance(timedelta(days=400))
    cafe.do("earn", member, 5)

    assert cafe.refused("spend", member, 6) == "insufficient_points"
    assert cafe.do("spend", member, 5).balance == 100
    assert cafe.lapse() == 100


def test_reversing_a_spend_restores_the_lots_and_their_dates_in_parts(cafe: Cafe) -> None:
    member = cafe.member(100)
    cafe.clock.advance(timedelta(days=40))
    cafe.do("earn", member, 50)
    before = cafe.lots(member)
    spent = cafe.do("spend", member, 150)

    cafe.do("reverse", member, 70, of=spent.id)
    part = cafe.lots(member)
    cafe.do("reverse", member, None, of=spent.id)

    assert part == [("2027-04-30", 47), ("2027-05-31", 23)]
    assert cafe.lots(member) == before
    assert cafe.refused("reverse", member, 1, of=spent.id) == "reversal_exceeded"
    assert cafe.differences() == []


def test_reversing_a_reversal_key_again_is_answered_again(cafe: Cafe) -> None:
    member = cafe.member(100)
    spent = cafe.do("spend", member, 100)

    first = cafe.do("reverse", member, 40, of=spent.id, key="r")
    again = cafe.do("reverse", member, 40, of=spent.id, key="r")

    assert first == again
    assert cafe.statement(member).balance == 40


def test_reversing_what_was_earned_takes_its_own_lot_first(cafe: Cafe) -> None:
    member = cafe.member(100)
    cafe.clock.advance(timedelta(days=40))
    earned = cafe.do("earn", member, 50)

    cafe.do("reverse", member, 30, of=earned.id)
    cafe.do("spend", member, 110)

    assert cafe.lots(member) == [("2027-05-31", 10)]
    assert cafe.refused("reverse", member, 20, of=earned.id) == "insufficient_points"
    assert cafe.do("reverse", member, 10, of=earned.id).balance == 0
    assert cafe.differences() == []


def test_only_postings_of_this_membership_can_be_reversed_and_no_reversals(cafe: Cafe) -> None:
    member, other = cafe.member(100), cafe.member(100)
    spent = cafe.do("spend", member, 10)
    undone = cafe.do("reverse", member, 10, of=spent.id)

    assert cafe.refused("reverse", other, 10, of=spent.id) == "posting_foreign"
    assert cafe.refused("reverse", member, 10, of=undone.id) == "posting_foreign"
    assert cafe.refused("reverse", member, 10, of="nothing") == "posting_foreign"
    assert cafe.refused("reverse", member, 10, of="0199d0f0-0000-7000-8000-000000000000") == "posting_foreign"


@pytest.mark.parametrize(("keep", "expected"), [(True, "2027-04-30"), (False, "2027-05-31")])
def test_points_given_away_keep_their_dates_where_the_programme_says_so(
    database: Database, clock: ManualClock, keep: bool, expected: str
) -> None:
    cafe = Cafe(database, clock, rules(keep_expiry=keep))
    giver, taker = cafe.member(100), cafe.member()
    clock.advance(timedelta(days=40))

    given = cafe.do("transfer", giver, 60, to=taker)

    assert cafe.lots(taker) == [(expected, 60)]
    cafe.do("reverse", giver, 25, of=given.id)
    assert cafe.lots(giver) == [("2027-04-30", 65)]
    assert cafe.lots(taker) == [(expected, 35)]
    assert cafe.refused("transfer", giver, 1, to=giver) == "transfer_to_self"
    assert cafe.differences() == []


def test_a_blocked_membership_neither_earns_nor_spends_until_it_is_active_again(cafe: Cafe) -> None:
    member = cafe.member(100)
    _move(cafe, member, MembershipState.BLOCKED)

    assert cafe.refused("spend", member, 1) == "membership_not_active"
    assert cafe.refused("earn", member, 1) == "membership_not_active"
    _move(cafe, member, MembershipState.ACTIVE)
    assert cafe.do("spend", member, 1).balance == 99


def test_only_an_empty_membership_can_be_closed_and_it_stays_closed(cafe: Cafe) -> None:
    member = cafe.member(100)

    with pytest.raises(HubError) as full:
        _move(cafe, member, MembershipState.CLOSED)
    cafe.do("spend", member, 100)
    _move(cafe, member, MembershipState.CLOSED)

    assert full.value.code == "membership_not_empty"
    assert cafe.refused("earn", member, 1) == "membership_not_active"
    with pytest.raises(HubError):
        _move(cafe, member, MembershipState.ACTIVE)


def test_points_cannot_be_earned_in_the_future_or_too_long_ago(cafe: Cafe) -> None:
    member = cafe.member()
    now = cafe.clock.now()

    assert cafe.refused("earn", member, 1, earned_at=now + timedelta(seconds=1)) == "earned_at_invalid"
    assert cafe.refused("earn", member, 1, earned_at=datetime(2025, 3, 31, tzinfo=UTC)) == "earned_at_invalid"
    cafe.do("earn", member, 1, earned_at=datetime(2025, 4, 2, tzinfo=UTC))
    assert cafe.lots(member) == [("2026-04-30", 1)]


def test_history_is_newest_first_and_goes_on_where_it_ended(cafe: Cafe) -> None:
    member = cafe.member(100, 50)
    spent = cafe.do("spend", member, 120)
    cafe.do("reverse", member, 20, of=spent.id)

    with cafe.database.read() as work:
        first = cafe.hosted.history(work, member, before=None, limit=3)
        rest = cafe.hosted.history(work, member, before=first[-1].number, limit=3)

    lines = [(one.kind, one.amount, one.balance_after) for one in [*first, *rest]]
    assert lines == [("reverse", 20, 50), ("spend", -120, 30), ("earn", 50, 150), ("earn", 100, 100)]


def test_what_a_programme_owes_is_told_apart_from_what_lapsed_and_was_spent(cafe: Cafe) -> None:
    member = cafe.member(100)
    cafe.do("spend", member, 30)
    cafe.do("adjust_up", member, 5)
    cafe.clock.advance(timedelta(days=400))
    cafe.lapse()

    codes = (chart.issued(UNIT), chart.redeemed(UNIT), chart.adjusted(UNIT), chart.lapsed(UNIT))
    with cafe.database.read() as work:
        found = ledger.balances(work, codes)

    assert [found[code].posted for code in codes] == [-100, 30, -5, 75]


def test_a_single_changed_lot_is_found_by_verify(cafe: Cafe) -> None:
    member = cafe.member(100)
    assert cafe.differences() == []

    with cafe.database.work() as work:
        work.run("UPDATE hosted_lot SET remaining = remaining - 1 WHERE number = %s", (member.number,))

    assert len(cafe.differences()) == 2


def test_numbers_that_are_all_taken_are_drawn_again(database: Database, clock: ManualClock) -> None:
    draws = iter([7] * 10)
    cafe = Cafe(database, clock, replace(BLUEBEAN))
    cafe.enrol(Enrolment(UNIT, BLUEBEAN.numbers.number(7)))
    cafe.hosted = type(cafe.hosted)(cafe.hosted.programmes, draw=lambda _: next(draws))

    from hub.storage import KeyRaced

    with pytest.raises(KeyRaced):
        cafe.enrol(Enrolment(UNIT))


def _move(cafe: Cafe, member: Membership, to: MembershipState) -> None:
    with cafe.database.work() as work:
        cafe.hosted.move(work, UNIT, member.id, to, actor="operator:maya", now=cafe.clock.now())
