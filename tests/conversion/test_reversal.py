"""Reversals: whole and in parts, exact sums, original values, who may, and what comes back to whom."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub import chart
from hub.conversion.errors import (
    ConversionMissing,
    DebitNotAllowed,
    IdempotencyKeyReused,
    NetDebitCapReached,
    ReversalExceedsRest,
    ReversalNotAllowed,
    ReversalTooSmall,
)
from hub.conversion.states import ConversionState
from hub.conversion.types import Conversion, ReversalRequest
from hub.kernel.clock import ManualClock
from hub.kernel.errors import HubError, InvalidAmount
from hub.storage import Database
from partners.base import Reason
from tests.conversion.world import World, usd


@pytest.fixture
def world(database: Database, clock: ManualClock) -> World:
    return World(database, clock)


def _posted(world: World, amount: int = 10_000) -> Conversion:
    conversion = world.convert(amount)
    world.run()
    return world.get(conversion)


def _reversed(world: World, conversion: Conversion, amount: int | None) -> Conversion:
    answer = world.reverse(conversion, amount)
    assert isinstance(answer, Conversion), answer
    return answer


def test_a_whole_reversal_undoes_points_and_money_at_the_original_values(world: World) -> None:
    conversion = _posted(world)
    world.agree("aerojet", cap="1000000", debit="9")
    world.agree("staywell", cap="1000000", credit="5")

    back = _reversed(world, conversion, None)
    world.run()

    assert (back.source_unit, back.source_amount) == ("staywell.point", 4_000)
    assert (back.target_unit, back.target_amount) == ("aerojet.point", 10_000)
    assert back.reverses == conversion.id
    assert world.state(back) is ConversionState.POSTED
    assert world.get(conversion).reversed_amount == 4_000
    assert (world.position("aerojet"), world.position("staywell")) == (0, 0)
    assert world.posted(chart.trading("USD")) == 0
    assert world.partners["aerojet"].total() == world.partners["staywell"].total() == 0
    world.require_nothing_under_way()
    world.require_books_agree()


@pytest.mark.parametrize("parts", [(1_333, 1_333, 1_334), (1, 3_999), (3, 7, 11, 3_979)])
def test_parts_add_up_to_the_whole_exactly(world: World, parts: tuple[int, ...]) -> None:
    conversion = _posted(world, 10_001)

    for amount in parts:
        _reversed(world, conversion, amount)
        world.run()

    assert world.partners["aerojet"].total() == world.partners["staywell"].total() == 0
    assert (world.position("aerojet"), world.position("staywell")) == (0, 0)
    assert isinstance(world.reverse(conversion, 1), ReversalExceedsRest)
    world.require_nothing_under_way()


def test_parts_asked_for_together_see_each_other(world: World) -> None:
    conversion = _posted(world)
    requests = [ReversalRequest(world.key(f"p{n}"), conversion.id, 1_500, "", live=False) for n in range(3)]

    with world.database.work() as work:
        answers = world.conversions.reverse(work, requests, now=world.clock.now())

    assert [type(answer) for answer in answers] == [Conversion, Conversion, ReversalExceedsRest]
    assert world.get(conversion).reversed_amount == 3_000


def test_a_reversal_that_came_to_nothing_can_be_asked_for_again(world: World) -> None:
    conversion = _posted(world)
    world.partners["staywell"].then(Reason.INSUFFICIENT_POINTS)
    first = _reversed(world, conversion, None)
    world.run()
    assert world.state(first) is ConversionState.VOIDED
    assert world.get(conversion).reversed_amount == 0
    world.partners["aerojet"].then(Reason.MEMBER_BLOCKED)
    second = _reversed(world, conversion, 2_000)
    world.run()
    assert world.state(second) is ConversionState.VOIDED

    third = _reversed(world, conversion, None)
    world.run()

    assert world.state(third) is ConversionState.POSTED
    assert world.partners["aerojet"].total() == 0
    world.require_nothing_under_way()


def test_a_bonus_goes_back_to_its_budget(world: World) -> None:
    campaign = world.add_campaign("aerojet", "staywell", percent=20, budget="100")
    conversion = _posted(world)

    for amount in (1_000, None):
        _reversed(world, conversion, amount)
        world.run()

    assert world.posted(chart.budget(campaign)) == usd("100")
    assert (world.position("aerojet"), world.position("staywell")) == (0, 0)
    world.require_nothing_under_way()
    world.require_books_agree()


def test_the_same_request_again_is_answered_again(world: World) -> None:
    conversion = _posted(world)

    first, again = (world.reverse(conversion, 1_000, key="k") for _ in range(2))
    other = world.reverse(conversion, 2_000, key="k")

    assert first == again
    assert isinstance(other, IdempotencyKeyReused)
    assert world.get(conversion).reversed_amount == 1_000


def test_what_cannot_be_reversed_is_refused_by_name(world: World) -> None:
    posted, held = _posted(world), world.convert()
    back = _reversed(world, posted, 1_000)

    refusals: list[tuple[object, type[HubError]]] = [
        (world.reverse(held, None), ReversalNotAllowed),
        (world.reverse(back, None), ReversalNotAllowed),
        (world.reverse(posted, 3_001), ReversalExceedsRest),
        (world.reverse(posted, 0), InvalidAmount),
        (world.reverse(posted, -5), InvalidAmount),
        (world.reverse(posted, None, client="northbank"), ConversionMissing),
        (world.reverse(posted, None, client="aerojet"), DebitNotAllowed),
    ]

    assert [type(answer) for answer, _ in refusals] == [expected for _, expected in refusals]
    assert world.get(posted).reversed_amount == 1_000
    assert isinstance(world.reverse(posted, 3_000, client="staywell"), Conversion)


def test_agreements_may_rule_reversals_out(database: Database, clock: ManualClock) -> None:
    world = World(database, clock, reversals=False)

    assert isinstance(world.reverse(_posted(world), None), ReversalNotAllowed)


def test_a_part_worth_nothing_is_refused(world: World) -> None:
    world.add_rule("northbank", "aerojet", give=1, get=100)
    conversion = world.convert(10, source="northbank", target="aerojet")
    world.run()
    conversion = world.get(conversion)
    if conversion.target_amount < 1_000:
        # The rule that was there first prices the route; then every part is worth something.
        assert isinstance(world.reverse(conversion, 1), Conversion)
        return

    assert isinstance(world.reverse(conversion, 1), ReversalTooSmall)


def test_the_cap_of_the_partner_that_pays_back_holds(database: Database, clock: ManualClock) -> None:
    world = World(database, clock, cap="80")
    first = _posted(world)
    # Staywell spends what it has to get, and all of its cap besides.
    spent = world.convert(19_800, source="staywell", target="northbank")
    world.run()
    assert world.state(spent) is ConversionState.POSTED

    assert isinstance(world.reverse(first, None), NetDebitCapReached)
    assert world.get(first).reversed_amount == 0
    world.require_nothing_under_way()


def test_a_reversal_whose_give_back_is_refused_is_owed(world: World) -> None:
    conversion = _posted(world)
    back = _reversed(world, conversion, None)
    world.partners["aerojet"].then(Reason.MEMBER_CLOSED)
    world.partners["staywell"].then("ok", Reason.MEMBER_BLOCKED)

    world.run()

    assert world.state(back) is ConversionState.OWED
    assert world.posted(chart.owed("staywell.point")) == 4_000
    assert world.posted(chart.owed("USD")) == usd("78.40")
    world.require_nothing_under_way()
    world.require_books_agree()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(amount=st.integers(3, 100_000), cuts=st.lists(st.integers(1, 100), max_size=5), voided=st.integers(0, 5))
def test_whatever_the_parts_everything_comes_back(world: World, amount: int, cuts: list[int], voided: int) -> None:
    before = {code: partner.total() for code, partner in world.partners.items()}
    positions = {code: world.position(code) for code in world.partners}
    conversion = _posted(world, amount)

    for number, percent in enumerate([*cuts, 100]):
        rest = world.get(conversion).target_amount - world.get(conversion).reversed_amount
        part = None if percent == 100 else max(1, rest * percent // 100)
        if number == voided:
            world.partners["aerojet"].then(Reason.MEMBER_BLOCKED)
        answer = world.reverse(conversion, part)
        world.run()
        world.partners["aerojet"].script.clear()
        assert isinstance(answer, Conversion | ReversalTooSmall | ReversalExceedsRest | InvalidAmount)
    if world.get(conversion).reversed_amount < world.get(conversion).target_amount:
        world.reverse(conversion, None)
        world.run()

    assert world.get(conversion).reversed_amount == world.get(conversion).target_amount
    assert {code: partner.total() for code, partner in world.partners.items()} == before
    assert {code: world.position(code) for code in world.partners} == positions
    world.require_nothing_under_way()
