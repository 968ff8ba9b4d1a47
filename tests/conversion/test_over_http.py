"""Conversions against simulated partners over real HTTP: every kind of fault of theirs, on either leg."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from hub import chart
from hub.conversion.states import ConversionState
from hub.kernel.clock import ManualClock, SystemClock
from hub.legs.types import LegProfile
from hub.storage import Database
from partners.base import PartnerAdapter, Ports
from partners.memory import MemoryBreaker, MemoryTokenStore
from partners.registry import BRANDS_FOLDER, Registry
from partners.sandbox.books import SimulatedMember
from partners.sandbox.faults import MAGIC_AMOUNTS, FaultKind, FaultPlan
from partners.sandbox.oauth import Credentials
from partners.sandbox.server import RunningSimulator, SimulatedPartner, serve
from tests.conversion.world import PARTNERS, World, unit_of
from tests.legs.fakes import profile

RULES = profile(inquiry_lag_seconds=0)


class HttpDirectory:
    """Three partners of the sandbox brand, reached over HTTP."""

    def __init__(self, registry: Registry, simulator: RunningSimulator, credentials: Credentials) -> None:
        clock = SystemClock()
        breaker = MemoryBreaker(clock, failures_max=1_000, rest=timedelta(seconds=1))
        ports = Ports(MemoryTokenStore(), breaker, clock)
        self._adapters = {
            code: registry.adapter("sandbox", simulator.connection(code, credentials, timeout_seconds=2), ports)
            for code in PARTNERS
        }

    def adapter(self, partner: str) -> PartnerAdapter:
        """How to call this partner."""
        return self._adapters[partner]

    def profile(self, partner: str) -> LegProfile:
        """The same for all."""
        return RULES


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    found = Registry.scan([BRANDS_FOLDER])
    yield found
    found.close()


@pytest.fixture
def simulator() -> Iterator[tuple[RunningSimulator, Credentials]]:
    credentials = Credentials.fresh("hub-in-tests")
    partners = [
        SimulatedPartner(
            code,
            credentials,
            members=tuple(
                SimulatedMember(f"{code[:2]}{number}", balances={unit_of(code): 1_000_000}) for number in range(1, 4)
            ),
        )
        for code in PARTNERS
    ]
    with serve("127.0.0.1", 0, partners, FaultPlan(slow_ms=50)) as running:
        yield running, credentials


@pytest.fixture
def world(
    database: Database,
    clock: ManualClock,
    registry: Registry,
    simulator: tuple[RunningSimulator, Credentials],
) -> World:
    return World(database, clock, directory=HttpDirectory(registry, *simulator))


def _require_simulators_agree(world: World, simulator: RunningSimulator) -> None:
    """The partners' own balances are what the ledger says, and nothing was booked twice."""
    for code in PARTNERS:
        totals = simulator.books(code).totals()
        assert totals["double_applications"] == 0
        assert totals["change"] == {unit_of(code): world.posted(chart.outside(unit_of(code)))}
    world.require_nothing_under_way()


def test_every_fault_on_either_leg_ends_posted_and_once(
    world: World, simulator: tuple[RunningSimulator, Credentials]
) -> None:
    member = world.member()
    made = {}
    for ending, kind in MAGIC_AMOUNTS.items():
        made[f"debit {kind}"] = world.convert(1_000 + ending, member=member)
        # At 5:2, so many source points arrive as exactly the amount that asks the target for the fault.
        made[f"credit {kind}"] = world.convert(-(-5 * (1_000 + ending) // 2), member=member)
        assert made[f"credit {kind}"].target_amount == 1_000 + ending

    world.run(hours=6)

    assert {name: world.state(one) for name, one in made.items() if world.state(one) != "posted"} == {}
    counts = simulator[0].fault_counts()
    assert {kind for kind in FaultKind if counts.get(kind, 0) < 2} == set()
    _require_simulators_agree(world, simulator[0])


def test_a_partner_that_applied_and_hung_up_is_inquired_after(
    world: World, simulator: tuple[RunningSimulator, Credentials]
) -> None:
    conversion = world.convert(1_910)

    world.run(hours=1)

    assert world.state(conversion) is ConversionState.POSTED
    said = [moment.what for moment in world.timeline(conversion) if moment.partner == "aerojet"]
    assert said.count("debit call") == 1
    assert "debit inquiry" in said
    _require_simulators_agree(world, simulator[0])


def test_a_member_without_points_is_refused_and_nothing_moves(
    world: World, simulator: tuple[RunningSimulator, Credentials]
) -> None:
    conversion = world.convert(2_000_000)

    world.run(hours=1)

    assert (world.state(conversion), world.get(conversion).reason) == ("voided", "insufficient_points")
    _require_simulators_agree(world, simulator[0])
