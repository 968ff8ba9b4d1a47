"""Cancelling, review by two persons, who may see what, lists, and the sweep."""

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from hub import chart, ledger
from hub.agreements.refusals import FourEyes
from hub.conversion.errors import CannotCancel, ConversionMissing, NotInReview
from hub.conversion.risk import RiskAnswer, RiskOutcome, RiskQuestion
from hub.conversion.service import SweepReport
from hub.conversion.states import ConversionState
from hub.conversion.types import Cancellation, Conversion, ReversalRequest
from hub.kernel.clock import ManualClock
from hub.kernel.errors import HubError
from hub.legs.types import Over, Step
from hub.storage import Database, Work
from partners.base import Done, Reason
from tests.conversion.world import World


@pytest.fixture
def world(database: Database, clock: ManualClock) -> World:
    return World(database, clock)


def _cancel(world: World, conversion: Conversion, client: str = "") -> Conversion | HubError:
    with world.database.work() as work:
        return world.conversions.cancel(work, [Cancellation(conversion.id, client, live=False)], now=world.clock.now())[
            0
        ]


def _sweep(world: World) -> SweepReport:
    with world.database.work() as work:
        return world.conversions.sweep(work, now=world.clock.now(), limit=100)


def test_what_was_not_sent_can_be_cancelled_and_again(world: World) -> None:
    conversion = world.convert()

    first, again = _cancel(world, conversion), _cancel(world, conversion)
    world.run()

    assert isinstance(first, Conversion)
    assert (first.state, first.reason) == (ConversionState.VOIDED, "cancelled")
    assert again == first
    assert world.partners["aerojet"].calls == []
    world.require_nothing_under_way()


def test_what_was_sent_cannot_be_cancelled(world: World) -> None:
    conversion = world.convert()
    world.partners["aerojet"].then("lost")
    world.run()

    assert isinstance(_cancel(world, conversion), CannotCancel)
    assert world.state(conversion) is ConversionState.HELD


def test_an_ended_or_foreign_conversion_cannot_be_cancelled(world: World) -> None:
    conversion, other = world.convert(), world.convert()
    world.run()

    assert isinstance(_cancel(world, conversion), CannotCancel)
    assert isinstance(_cancel(world, other, "northbank"), ConversionMissing)
    with world.database.work() as work:
        missing = world.conversions.cancel(work, [Cancellation("cnv_0", "", live=False)], now=world.clock.now())
    assert isinstance(missing[0], ConversionMissing)


@pytest.mark.parametrize("round_", range(6))
def test_cancelling_and_sending_at_the_same_moment_one_of_them_wins(world: World, round_: int) -> None:
    conversion = world.convert()
    leg = world.leg_of(conversion, "debit")
    outcomes: dict[str, object] = {}

    def begin() -> None:
        with world.database.work() as work:
            outcomes["begin"] = world.legs.begin(work, [leg], now=world.clock.now())[0]

    threads = [
        threading.Thread(target=begin),
        threading.Thread(target=lambda: outcomes.update(cancel=_cancel(world, conversion))),
    ]
    for thread in threads if round_ % 2 else reversed(threads):
        thread.start()
    for thread in threads:
        thread.join()

    if isinstance(outcomes["begin"], Step):
        assert isinstance(outcomes["cancel"], CannotCancel)
    else:
        assert isinstance(outcomes["begin"], Over)
        assert isinstance(outcomes["cancel"], Conversion)


def _review(work: Work, questions: Sequence[RiskQuestion], *, now: datetime) -> Sequence[RiskAnswer]:
    return [RiskAnswer(RiskOutcome.REVIEW, "first_transfer") for _ in questions]


@pytest.fixture
def careful(database: Database, clock: ManualClock) -> World:
    return World(database, clock, risk=_review)


def test_a_conversion_under_review_is_reserved_and_goes_nowhere(careful: World) -> None:
    conversion = careful.convert()
    careful.run()

    assert (conversion.state, conversion.ball, conversion.reason) == ("review", "person", "first_transfer")
    assert careful.held(chart.position("aerojet", "USD")) > 0
    assert careful.partners["aerojet"].calls == []


def test_two_persons_release(careful: World) -> None:
    conversion, now = careful.convert(), careful.clock.now()

    with careful.database.work() as work:
        assert careful.conversions.release(work, conversion.id, actor="a", now=now).state == "review"
    with pytest.raises(FourEyes), careful.database.work() as work:
        careful.conversions.release(work, conversion.id, actor="a", now=now)
    with careful.database.work() as work:
        assert careful.conversions.deny(work, conversion.id, actor="b", now=now).state == "review"
    with careful.database.work() as work:
        assert careful.conversions.release(work, conversion.id, actor="c", now=now).state == "held"
    careful.run()

    assert careful.state(conversion) is ConversionState.POSTED
    with pytest.raises(NotInReview), careful.database.work() as work:
        careful.conversions.release(work, conversion.id, actor="d", now=now)


def test_two_persons_deny(careful: World) -> None:
    conversion, now = careful.convert(), careful.clock.now()

    for actor in ("a", "b"):
        with careful.database.work() as work:
            careful.conversions.deny(work, conversion.id, actor=actor, now=now)
    careful.run()

    after = careful.get(conversion)
    assert (after.state, after.reason) == (ConversionState.VOIDED, "risk_denied")
    careful.require_nothing_under_way()
    with pytest.raises(ConversionMissing), careful.database.work() as work:
        careful.conversions.deny(work, "cnv_0", actor="a", now=now)


def test_a_conversion_under_review_can_be_cancelled(careful: World) -> None:
    conversion = careful.convert()

    assert isinstance(_cancel(careful, conversion), Conversion)
    careful.require_nothing_under_way()


def test_each_partner_sees_its_own(world: World) -> None:
    conversion = world.convert()

    with world.database.read() as work:
        for client in ("", "aerojet", "staywell"):
            assert world.conversions.get(work, conversion.id, client_partner=client).id == conversion.id
            assert world.conversions.timeline(work, conversion.id, client_partner=client)
        with pytest.raises(ConversionMissing):
            world.conversions.get(work, conversion.id, client_partner="northbank")
        with pytest.raises(ConversionMissing):
            world.conversions.timeline(work, conversion.id, client_partner="northbank")


def test_a_client_of_the_other_kind_sees_and_cancels_and_reverses_nothing(world: World) -> None:
    conversion = world.convert()

    with world.database.work() as work:
        found = world.conversions.get(work, conversion.id, client_partner="", live=False)
        with pytest.raises(ConversionMissing):
            world.conversions.get(work, conversion.id, client_partner="", live=True)
        with pytest.raises(ConversionMissing):
            world.conversions.timeline(work, conversion.id, client_partner="aerojet", live=True)
        cancelled = world.conversions.cancel(
            work, [Cancellation(found.id, "aerojet", live=True)], now=world.clock.now()
        )
    world.run()
    with world.database.work() as work:
        request = ReversalRequest(world.key("r"), conversion.id, None, "staywell", live=True)
        reversed_ = world.conversions.reverse(work, [request], now=world.clock.now())

    assert [type(one) for one in cancelled + reversed_] == [ConversionMissing, ConversionMissing]


def test_lists_are_stable_pages_newest_first(world: World) -> None:
    member = world.member()
    made = []
    for number in range(5):
        source = "northbank" if number == 2 else "aerojet"
        made.append(world.convert(100, source=source, member=member).id)
        world.advance(seconds=1)

    def page(client: str = "", after: tuple[datetime, str] | None = None, **filters: object) -> list[Conversion]:
        wanted: dict[str, object] = {"state": None, "partner": None, "member": None, "since": None, "until": None}
        with world.database.read() as work:
            return world.conversions.list(
                work,
                client_partner=client,
                after=after,
                limit=2,
                **(wanted | filters),  # type: ignore[arg-type]
            )

    first = page()
    second = page(after=(first[-1].created_at, first[-1].id))

    assert [one.id for one in first + second] == [made[4], made[3], made[2], made[1]]
    assert [one.id for one in page("northbank")] == [made[2]]
    assert [one.id for one in page(partner="northbank")] == [made[2]]
    assert page(state=ConversionState.POSTED) == []
    assert page(member="mbr_0") == []
    assert page(live=True) == []
    assert [one.id for one in page(live=False)] == [made[4], made[3]]
    assert [one.id for one in page(until=world.clock.now() - timedelta(seconds=4))] == [made[0]]


def test_the_sweep_writes_a_lost_message_again(world: World) -> None:
    conversion = world.convert()
    with world.database.work() as work:
        work.run("DELETE FROM outbox_message")
    world.run(hours=1)
    assert world.state(conversion) is ConversionState.HELD
    world.advance(minutes=16)

    assert _sweep(world).announced == 1
    world.run()

    assert world.state(conversion) is ConversionState.POSTED


def test_the_sweep_tells_a_conversion_what_it_missed(world: World) -> None:
    conversion = world.convert()
    leg = world.leg_of(conversion, "debit")
    with world.database.work() as work:
        step = world.legs.begin(work, [leg], now=world.clock.now())[0]
    assert isinstance(step, Step)
    answer = world.legs.perform(step)
    with world.database.work() as work:
        world.legs.finish(work, [answer], now=world.clock.now())
    world.advance(minutes=16)

    assert _sweep(world).repaired == 1
    world.run()

    assert world.state(conversion) is ConversionState.POSTED
    assert _sweep(world).repaired == 0


def test_a_conversion_older_than_its_routes_alarm_gets_one_case_that_ends_with_it(world: World) -> None:
    for _ in range(20):
        world.convert(100)
    world.run()
    slow = world.convert()
    world.partners["aerojet"].then("pending")
    world.run()
    assert _sweep(world).late == ()
    world.advance(minutes=6)

    report = _sweep(world)

    assert report.late == (slow.id,)
    assert report.open == {"held": 1}
    assert _sweep(world).late == (slow.id,)
    assert world.cases() == [(slow.id, "late")]
    with world.database.read() as work:
        outlook = world.conversions.outlook(work, slow.id, client_partner="")
    assert outlook.ball == "aerojet"
    assert outlook.pace.samples == 20
    assert outlook.late_at is not None
    assert outlook.late_at < world.clock.now()
    world.partners["aerojet"].settle_pending()
    world.run(hours=1)
    assert world.state(slow) is ConversionState.POSTED
    assert world.cases() == []


def test_a_leg_that_waits_for_a_person_shows_who_has_the_ball(world: World) -> None:
    world.set_profile("aerojet", keys=False)
    conversion = world.convert()
    world.partners["aerojet"].then("deaf")
    world.run()
    assert world.get(conversion).ball == "person"
    assert [kind for _, kind in world.cases()] == ["by_hand"]
    leg, now = world.leg_of(conversion, "debit"), world.clock.now()

    with world.database.work() as work:
        ledger.enter(work)
        result = world.legs.decide_by_hand(work, leg, Done("seen"), actor="operator:maya", reason="console", now=now)
        world.conversions.settle_legs(work, [result], now=now)
    world.run()

    assert world.state(conversion) is ConversionState.POSTED
    assert world.cases() == []
    assert [verb for verb, _ in world.partners["aerojet"].calls] == ["debit"]
    world.require_books_agree()


def test_proof_that_contradicts_a_voided_conversion_opens_a_case_and_changes_nothing(world: World) -> None:
    conversion = world.convert()
    world.partners["aerojet"].then(Reason.MEMBER_BLOCKED)
    world.run()
    leg, now = world.leg_of(conversion, "debit"), world.clock.now()

    with world.database.work() as work:
        ledger.enter(work)
        result = world.legs.prove(work, leg, Done("on their list"), "list of April", now=now)
        world.conversions.settle_legs(work, [result], now=now)

    assert world.state(conversion) is ConversionState.VOIDED
    assert world.cases() == [(leg, "contradiction")]
    world.require_nothing_under_way()
