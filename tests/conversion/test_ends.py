"""Whatever two partners do, every conversion ends in exactly one honest way, and the books agree with theirs."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub import chart
from hub.conversion.states import ConversionState
from hub.conversion.types import Conversion
from hub.kernel.clock import ManualClock
from hub.storage import Database
from partners.base import Reason
from tests.conversion.world import World
from tests.legs.fakes import PROFILE, FakePartner

EVENTS = st.sampled_from(
    ["ok", "lost", "deaf", "odd", "silent", "absent", "pending", Reason.MEMBER_BLOCKED, Reason.INSUFFICIENT_POINTS]
)
SCRIPT = st.lists(EVENTS, max_size=8)


@pytest.fixture
def world(database: Database, clock: ManualClock) -> World:
    world = World(database, clock)
    world.add_campaign("aerojet", "staywell", percent=20, budget="100000")
    return world


def _let_end(world: World) -> None:
    """Run until nothing more happens by machine; what was accepted gets applied in between."""
    for _ in range(3):
        world.run(hours=12)
        for partner in world.partners.values():
            partner.script.clear()
            partner.settle_pending()
    world.run(hours=24)


def _effects(partner: FakePartner, since: int) -> list[int]:
    return [sign * amount for sign, _, amount in partner.booked[since:]]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(source=SCRIPT, target=SCRIPT, reverse=st.sampled_from(["native", "by_credit", "none"]), apart=st.booleans())
def test_every_conversion_ends_in_one_honest_way(
    world: World, source: list[object], target: list[object], reverse: str, apart: bool
) -> None:
    world.directory.profiles["aerojet"] = replace(PROFILE, reverse=reverse)
    world.directory.profiles["staywell"] = replace(PROFILE, bonus_apart=apart)
    aerojet, staywell = world.partners["aerojet"], world.partners["staywell"]
    before = (len(aerojet.booked), len(staywell.booked))
    owed = world.posted(chart.owed("aerojet.point"))
    conversion = world.convert(1_000)
    aerojet.then(*source)
    staywell.then(*target)

    _let_end(world)

    _require_honest(world, conversion, _effects(aerojet, before[0]), _effects(staywell, before[1]), owed)
    for partner in (aerojet, staywell):
        assert set(partner.effects.values()) <= {1}
    world.require_nothing_under_way()
    world.require_books_agree()


def _require_honest(world: World, conversion: Conversion, left: list[int], arrived: list[int], owed: int) -> None:
    """The member was debited and credited, or never debited, or given back, or is owed: one of these."""
    after = world.get(conversion)
    owed_now = world.posted(chart.owed("aerojet.point")) - owed
    match after.state:
        case ConversionState.POSTED:
            assert sum(left) == -1_000
            assert sum(arrived) == after.target_amount or (conversion.id, "owed") in world.cases()
        case ConversionState.VOIDED:
            assert (sum(left), sum(arrived)) == (0, 0)
        case ConversionState.OWED:
            assert (sum(left), sum(arrived), owed_now) == (-1_000, 0, 1_000)
            assert (conversion.id, "owed") in world.cases()
        case _:
            raise AssertionError(f"it never ended: {after}")


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(source=SCRIPT, target=SCRIPT, keys=st.tuples(st.booleans(), st.booleans()))
def test_partners_without_keys_are_called_once_and_never_lose_points(
    world: World, source: list[object], target: list[object], keys: tuple[bool, bool]
) -> None:
    for code, has_keys in zip(("aerojet", "staywell"), keys, strict=True):
        world.set_profile(code, keys=has_keys)
    aerojet, staywell = world.partners["aerojet"], world.partners["staywell"]
    conversion = world.convert(1_000)
    aerojet.then(*source)
    staywell.then(*target)

    _let_end(world)

    after = world.get(conversion)
    ended = after.state in (ConversionState.POSTED, ConversionState.VOIDED, ConversionState.OWED)
    assert ended or after.ball == "person"
    if after.ball == "person":
        assert world.cases()
    for partner in (aerojet, staywell):
        assert set(partner.effects.values()) <= {1}
    assert world.differences() == []
