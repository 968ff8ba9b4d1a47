"""Conversions from and to programmes that the hub keeps itself: lots move with the ledger, and nobody is called."""

from datetime import timedelta

import pytest

from hub import chart
from hub.conversion.states import ConversionState
from hub.conversion.types import Cancellation, Conversion
from hub.hosted.states import MembershipState
from hub.kernel.clock import ManualClock
from hub.kernel.errors import HubError
from hub.storage import Database
from partners.base import Reason, Refused
from partners.hosted.programme import BalanceLimits, BonusLot
from tests.conversion.world import World, unit_of
from tests.hosted.support import BY_ACTIVITY, day_of, rules

# Staywell is kept by the hub: miles to it at 5:2, and back at 5:2.
UNIT = unit_of("staywell")


@pytest.fixture
def world(database: Database, clock: ManualClock) -> World:
    return World(database, clock, hosted={"staywell": rules()})


def lots(world: World, member: str) -> list[tuple[str, int, int]]:
    """(last good day, remaining, held) of each lot, the first to lapse first."""
    return [(day_of(lot.expires_at), lot.remaining, lot.held) for lot in world.kept(member, "staywell").lots]


def code(answer: object) -> str:
    """What became of a request: the refusal's code, or `ok`."""
    return answer.code if isinstance(answer, HubError) else "ok"


def out(world: World, member: str, amount: int) -> Conversion:
    """Convert points of the kept programme to miles."""
    return world.convert(amount, source="staywell", target="aerojet", member=member)


def move(world: World, member: str, to: MembershipState) -> None:
    """Block, unblock or close a membership."""
    id_ = world.kept_at(member, "staywell").id
    with world.database.work() as work:
        world.hosted.move(work, UNIT, id_, to, actor="operator:maya", now=world.clock.now())


def take_and_refuse(world: World, conversion: Conversion) -> None:
    """Let the points leave, and the target refuse them where the hub will only hear of it when it asks."""
    world.partners["aerojet"].then("lost")
    world.run()
    assert world.state(conversion) is ConversionState.DEBITED
    world.partners["aerojet"].answers[world.leg_of(conversion, "credit")] = Refused(Reason.MEMBER_CLOSED)


def called(world: World) -> list[tuple[str, str]]:
    """Calls that the partner behind the kept programme would have had."""
    return world.partners["staywell"].calls


def test_points_that_arrive_are_a_lot_with_the_programmes_expiry_and_nobody_is_called(world: World) -> None:
    member = world.member()
    conversion = world.convert(10_000, member=member)

    world.run()

    assert world.state(conversion) is ConversionState.POSTED
    assert lots(world, member) == [("2027-04-30", 4_000, 0)]
    assert called(world) == []
    assert world.posted(chart.outside(UNIT)) == 0
    world.require_nothing_under_way()


def test_points_that_leave_are_reserved_at_once_and_taken_when_the_debit_posts(world: World) -> None:
    member = world.member()
    world.points("earn", member, "staywell", 3_000)
    world.advance(days=40)
    world.points("earn", member, "staywell", 3_000)

    conversion = out(world, member, 4_000)
    reserved = lots(world, member)
    world.run()

    assert reserved == [("2027-04-30", 3_000, 3_000), ("2027-05-31", 3_000, 1_000)]
    assert world.state(conversion) is ConversionState.POSTED
    assert lots(world, member) == [("2027-05-31", 2_000, 0)]
    assert world.partners["aerojet"].total() == 1_600
    assert called(world) == []
    world.require_nothing_under_way()


def test_what_is_reserved_cannot_be_taken_twice_in_one_batch_or_after(world: World) -> None:
    member = world.member()
    world.points("earn", member, "staywell", 4_000)

    requests = [world.request(member, n, source="staywell", target="aerojet") for n in (3_000, 1_500, 1_000, 5)]
    answers = world.accept(*requests)

    assert [code(one) for one in answers] == ["ok", "insufficient_points", "ok", "insufficient_points"]
    assert world.kept(member, "staywell").available == 0
    assert world.differences() == []


def test_points_that_lapsed_but_are_still_booked_cannot_be_converted(world: World) -> None:
    member = world.member()
    world.points("earn", member, "staywell", 4_000)
    world.advance(days=400)

    [answer] = world.accept(world.request(member, 1_000, source="staywell", target="aerojet"))

    assert code(answer) == "insufficient_points"


def test_what_the_programme_keeps_back_stays(database: Database, clock: ManualClock) -> None:
    world = World(database, clock, hosted={"staywell": rules(balance=BalanceLimits(100, 5_000))})
    member = world.member()
    world.points("earn", member, "staywell", 1_000)

    answers = world.accept(*(world.request(member, n, source="staywell", target="aerojet") for n in (905, 900)))

    assert [code(one) for one in answers] == ["insufficient_points", "ok"]


def test_a_cancelled_conversion_gives_the_very_lots_back(world: World) -> None:
    member = world.member()
    world.points("earn", member, "staywell", 1_000)
    before = lots(world, member)
    conversion = out(world, member, 1_000)

    with world.database.work() as work:
        asked = Cancellation(conversion.id, "", live=False)
        world.conversions.cancel(work, [asked], now=world.clock.now())
    world.run()

    assert world.state(conversion) is ConversionState.VOIDED
    assert lots(world, member) == before
    world.require_nothing_under_way()


def test_points_that_the_target_refuses_come_back_with_their_dates(world: World) -> None:
    member = world.member()
    world.points("earn", member, "staywell", 1_000)
    world.advance(days=40)
    world.points("earn", member, "staywell", 1_000)
    before = lots(world, member)
    world.partners["aerojet"].then(Reason.LIMIT_REACHED)

    conversion = out(world, member, 1_500)
    world.advance(days=10)
    world.run()

    assert world.state(conversion) is ConversionState.VOIDED
    assert lots(world, member) == before
    world.require_nothing_under_way()


def test_points_that_do_not_fit_go_back_to_the_source(database: Database, clock: ManualClock) -> None:
    world = World(database, clock, hosted={"staywell": rules(balance=BalanceLimits(0, 5_000))})
    member = world.member()

    fits, exceeds = (world.convert(10_000, member=member) for _ in range(2))
    world.run()

    assert [world.state(one) for one in (fits, exceeds)] == [ConversionState.POSTED, ConversionState.VOIDED]
    assert world.get(exceeds).reason == "limit_reached"
    assert world.kept(member, "staywell").balance == 4_000
    assert world.partners["aerojet"].total() == -10_000
    world.require_nothing_under_way()


@pytest.mark.parametrize(
    ("state", "reason"),
    [(MembershipState.BLOCKED, "member_blocked"), (MembershipState.CLOSED, "member_closed")],
)
def test_nothing_arrives_at_a_membership_that_was_ended_meanwhile(
    world: World, state: MembershipState, reason: str
) -> None:
    member = world.member()
    conversion = world.convert(10_000, member=member)
    move(world, member, state)

    world.run()

    assert world.state(conversion) is ConversionState.VOIDED
    assert world.get(conversion).reason == reason
    assert world.partners["aerojet"].total() == 0
    world.require_nothing_under_way()


def test_what_could_not_arrive_is_not_begun(world: World) -> None:
    member = world.member()
    move(world, member, MembershipState.BLOCKED)

    [refused] = world.accept(world.request(member, 10_000))

    assert code(refused) == "membership_not_active"
    assert world.held(chart.outside(unit_of("aerojet"))) == 0


def test_nothing_leaves_a_blocked_membership(world: World) -> None:
    member = world.member()
    world.points("earn", member, "staywell", 2_000)
    before = lots(world, member)
    conversion = out(world, member, 1_000)
    move(world, member, MembershipState.BLOCKED)

    [refused] = world.accept(world.request(member, 1_000, source="staywell", target="aerojet"))
    world.run()

    assert code(refused) == "membership_not_active"
    assert world.state(conversion) is ConversionState.VOIDED
    assert lots(world, member) == before


def test_a_membership_with_points_reserved_is_not_closed_and_one_emptied_is_owed_what_comes_back(
    world: World,
) -> None:
    member = world.member()
    world.points("earn", member, "staywell", 1_000)
    conversion = out(world, member, 1_000)
    with pytest.raises(HubError, match="Points are left"):
        move(world, member, MembershipState.CLOSED)
    take_and_refuse(world, conversion)

    move(world, member, MembershipState.CLOSED)
    world.run(hours=1)

    assert world.state(conversion) is ConversionState.OWED
    assert world.posted(chart.owed(UNIT)) == 1_000
    assert world.cases() == [(conversion.id, "owed")]
    world.require_nothing_under_way()


def test_a_blocked_membership_gets_back_what_was_its_own(world: World) -> None:
    member = world.member()
    world.points("earn", member, "staywell", 1_000)
    before = lots(world, member)
    conversion = out(world, member, 1_000)
    take_and_refuse(world, conversion)
    move(world, member, MembershipState.BLOCKED)

    world.run(hours=1)

    assert world.state(conversion) is ConversionState.VOIDED
    assert lots(world, member) == before


def test_reversing_restores_the_lots_that_left_in_parts_that_add_up(world: World) -> None:
    member = world.member(debit_by=("staywell",))
    world.points("earn", member, "staywell", 1_000)
    world.advance(days=40)
    world.points("earn", member, "staywell", 1_000)
    before = lots(world, member)
    conversion = out(world, member, 2_000)
    world.run()
    world.advance(days=100)

    seen = []
    for part in (333, 333, None):
        assert isinstance(world.reverse(conversion, part), Conversion)
        world.run()
        seen.append([remaining for _, remaining, _ in lots(world, member)])

    assert world.get(conversion).target_amount == 800
    assert [sum(one) for one in seen] == [832, 1_665, 2_000]
    assert seen[0] == [416, 416]
    assert lots(world, member) == before
    assert code(world.reverse(conversion, 1)) != "ok"
    world.require_nothing_under_way()


def test_reversing_what_arrived_takes_its_own_lot_first_and_never_what_is_not_there(world: World) -> None:
    member = world.member()
    world.points("earn", member, "staywell", 500)
    conversion = world.convert(10_000, member=member)
    world.run()
    world.points("spend", member, "staywell", 1_500)

    first = world.reverse(conversion, 2_000)
    world.run()
    too_much = world.reverse(conversion, 1_500)

    assert isinstance(first, Conversion)
    assert world.state(first) is ConversionState.POSTED
    assert world.kept(member, "staywell").balance == 1_000
    assert code(too_much) == "insufficient_points"
    assert world.get(conversion).reversed_amount == 2_000
    assert world.partners["aerojet"].total() == -5_000
    world.require_nothing_under_way()


def test_a_reversal_that_the_other_side_refuses_gives_the_arrived_points_back(world: World) -> None:
    member = world.member()
    conversion = world.convert(10_000, member=member)
    world.run()
    before = lots(world, member)
    world.partners["aerojet"].then(Reason.NOT_REVERSIBLE)

    reversal = world.reverse(conversion, 2_000)
    world.run()

    assert isinstance(reversal, Conversion)
    assert world.state(reversal) is ConversionState.VOIDED
    assert lots(world, member) == before
    assert world.get(conversion).reversed_amount == 0
    world.require_nothing_under_way()


@pytest.mark.parametrize(
    ("bonus_lot", "expected"), [(BonusLot.OWN, [800, 4_000]), (BonusLot.WITH_BASE, [4_800])], ids=str
)
def test_a_bonus_is_a_lot_of_its_own_or_part_of_the_base(
    database: Database, clock: ManualClock, bonus_lot: BonusLot, expected: list[int]
) -> None:
    world = World(database, clock, hosted={"staywell": rules(bonus_lot=bonus_lot)})
    world.add_campaign("aerojet", "staywell", percent=20, budget="1000")
    member = world.member()
    conversion = world.convert(10_000, member=member)
    world.run()

    assert sorted(remaining for _, remaining, _ in lots(world, member)) == expected

    assert isinstance(world.reverse(conversion, None), Conversion)
    world.run()
    assert world.kept(member, "staywell").balance == 0
    world.require_nothing_under_way()


def test_converting_keeps_points_alive_only_where_the_programme_says_so(database: Database, clock: ManualClock) -> None:
    world = World(database, clock, hosted={"staywell": rules(BY_ACTIVITY)})
    member = world.member()
    world.points("earn", member, "staywell", 3_000)
    lapses = world.kept_at(member, "staywell").lapses_at
    world.advance(days=100)

    out(world, member, 1_000)
    world.run()

    assert world.kept_at(member, "staywell").lapses_at == lapses


def test_a_leg_is_ended_once_however_often_it_is_announced(world: World) -> None:
    member = world.member()
    conversion = world.convert(10_000, member=member)
    world.run()
    leg = world.leg_of(conversion, "credit")

    with world.database.work() as work:
        world.conversions.settle_hosted(work, [leg, leg], now=world.clock.now())

    assert world.kept(member, "staywell").balance == 4_000
    assert [one.what for one in world.timeline(conversion)].count("posted") == 1


def test_a_lost_message_of_a_hosted_leg_is_written_again(world: World) -> None:
    member = world.member()
    world.points("earn", member, "staywell", 1_000)
    conversion = out(world, member, 1_000)
    with world.database.work() as work:
        work.run("DELETE FROM outbox_message")
    world.clock.advance(timedelta(hours=1))

    with world.database.work() as work:
        report = world.conversions.sweep(work, now=world.clock.now(), limit=10)
    world.run()

    assert report.announced == 1
    assert world.state(conversion) is ConversionState.POSTED


def test_a_unit_without_a_programme_is_refused_before_anything_is_held(database: Database, clock: ManualClock) -> None:
    world = World(database, clock, hosted={"staywell": rules()})
    member = world.member()
    with database.work() as work:
        work.run("UPDATE unit SET hosted = true WHERE code = %s", (unit_of("northbank"),))
        work.run("UPDATE catalogue_version SET number = number + 1")

    answers = world.accept(
        world.request(member, 1_000, source="northbank", target="aerojet"),
        world.request(member, 1_000, source="aerojet", target="northbank"),
        world.request(member, 1_000),
    )

    assert [code(one) for one in answers] == ["programme_missing", "programme_missing", "ok"]
