"""A brand set up on trial: its adapter on one side, its simulator on the other, real HTTP between them.

Knows how to load a brand's simulator and to open members in every state. Judges nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from hub.kernel.clock import SystemClock
from partners.base import Connection, PartnerAdapter, Ports
from partners.memory import MemoryBreaker, MemoryTokenStore
from partners.profile import Profile, UnitProfile
from partners.registry import Registry
from partners.sandbox.books import Books, MemberStatus, SimulatedMember
from partners.sandbox.face import Face, PlainFace
from partners.sandbox.faults import FaultPlan
from partners.sandbox.oauth import Credentials
from partners.sandbox.server import RunningSimulator, SimulatedPartner, serve

MEMBER_NAME = "Ada Example"
OPENING_BALANCE = 3_000_000

# Which trial number is whose. Numbers from 100 on are active members.
NUMBER_CLOSED, NUMBER_BLOCKED, NUMBER_DECEASED, NUMBER_MERGED, NUMBER_SURVIVING, NUMBER_NOBODY, NUMBER_POOR = range(
    1, 8
)
_ACTIVE_NUMBERS = range(100, 200)


@dataclass(frozen=True, slots=True)
class Bench:
    """One brand on trial. connection: as its adapter was given it; unreachable: a port where nobody listens."""

    profile: Profile
    adapter: PartnerAdapter
    unreachable: PartnerAdapter
    connection: Connection
    ports: Ports
    simulator: RunningSimulator

    @property
    def books(self) -> Books:
        """The partner's own books."""
        return self.simulator.books(self.profile.code)

    def member(self, number: int) -> str:
        """The membership number of a trial member."""
        return self.profile.member.numbered(number)

    def moved(self, key: str) -> list[int]:
        """What the partner has booked under `key`: signed amounts, one for each time."""
        return [amount for booked, _, _, amount in self.books.journal() if booked == key]


def face_of(registry: Registry, code: str) -> Face:
    """The dialect of a brand's simulator: its own, or the sandbox's. Raises: BrandUnknown, ProfileInvalid."""
    path = registry.profile(code).simulator
    return registry.load(code, path, Face)() if path else PlainFace()  # type: ignore[type-abstract]


def amount_in(unit: UnitProfile, ending: int) -> int | None:
    """The smallest amount that the unit allows and whose last three digits are `ending`; None if there is none."""
    step = 1_000
    candidates = (ending + step * thousands for thousands in range(1_000))
    return next((amount for amount in candidates if amount > 0 and unit.amounts.allow(amount)), None)


@contextmanager
def on_trial(registry: Registry, code: str) -> Iterator[Bench]:
    """A bench for the brand `code`. Magic amounts are heard, nothing else goes wrong. Raises: BrandUnknown."""
    profile = registry.profile(code)
    credentials, clock = Credentials.fresh("hub-on-trial"), SystemClock()
    partner = SimulatedPartner(code, credentials, face=face_of(registry, code), members=_members(profile))
    breaker = MemoryBreaker(clock, failures_max=1_000, rest=timedelta(seconds=1))
    ports = Ports(MemoryTokenStore(), breaker, clock)
    with serve("127.0.0.1", 0, [partner], FaultPlan(slow_ms=150)) as simulator:
        connection = simulator.connection(code, credentials, timeout_seconds=5)
        nowhere = Connection(code, "http://127.0.0.1:9/", "http://127.0.0.1:9/", "", credentials.secrets(), 1)
        yield Bench(
            profile=profile,
            adapter=registry.adapter(code, connection, ports),
            unreachable=registry.adapter(code, nowhere, Ports(MemoryTokenStore(), breaker, clock)),
            connection=connection,
            ports=ports,
            simulator=simulator,
        )


def _members(profile: Profile) -> tuple[SimulatedMember, ...]:
    numbered = profile.member.numbered
    balances = {unit.code: OPENING_BALANCE for unit in profile.units}
    states = {
        NUMBER_CLOSED: MemberStatus.CLOSED,
        NUMBER_BLOCKED: MemberStatus.BLOCKED,
        NUMBER_DECEASED: MemberStatus.DECEASED,
    }
    surviving = numbered(NUMBER_SURVIVING)
    return (
        *(SimulatedMember(numbered(number), MEMBER_NAME, status, balances) for number, status in states.items()),
        SimulatedMember(numbered(NUMBER_MERGED), MEMBER_NAME, merged_into=surviving),
        SimulatedMember(numbered(NUMBER_POOR), MEMBER_NAME),
        SimulatedMember(surviving, MEMBER_NAME, balances=balances),
        *(SimulatedMember(numbered(number), MEMBER_NAME, balances=balances) for number in _ACTIVE_NUMBERS),
    )
