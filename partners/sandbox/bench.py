"""A brand set up on trial: its adapter on one side, its simulator on the other, real HTTP between them.

Knows how to load a brand's simulator and to open members in every state. Judges nothing.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.kernel.clock import SystemClock
from partners.base import Connection, PartnerAdapter, Ports
from partners.declarative.face import DeclarativeFace
from partners.memory import MemoryBreaker, MemoryTokenStore
from partners.profile import AuthKind, Profile, UnitProfile
from partners.registry import Registry
from partners.sandbox.books import Books, MemberStatus, SimulatedMember
from partners.sandbox.face import Face, PlainFace
from partners.sandbox.faults import FaultPlan
from partners.sandbox.oauth import Credentials
from partners.sandbox.server import RunningSimulator, SimulatedPartner, serve

MEMBER_NAME = "Ada Example"
OPENING_BALANCE = 3_000_000

# Calls that a partner on trial remembers: more than any one check makes.
_CALLS_REMEMBERED = 2_000

# Which trial number is whose. Numbers from 100 on are active members.
NUMBER_CLOSED, NUMBER_BLOCKED, NUMBER_DECEASED, NUMBER_MERGED, NUMBER_SURVIVING, NUMBER_NOBODY, NUMBER_POOR = range(
    1, 8
)
_ACTIVE_NUMBERS = range(100, 200)


class TrialClock:
    """The machine's time, which runs, put forward by whoever cannot wait for hours. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._machine = SystemClock()
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        """Aware UTC."""
        with self._lock:
            return self._machine.now() + self._ahead

    def put_forward(self, by: timedelta) -> None:
        """Let so much time pass at once."""
        with self._lock:
            self._ahead += by


@dataclass(frozen=True, slots=True)
class Bench:
    """One brand on trial. connection: as its adapter was given it; unreachable: a port where nobody listens.

    clock: the time of hub and partner alike.
    """

    profile: Profile
    adapter: PartnerAdapter
    unreachable: PartnerAdapter
    connection: Connection
    ports: Ports
    simulator: RunningSimulator
    clock: TrialClock

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
    """The dialect of a brand's simulator: its own, its declared one, or the sandbox's.

    Raises: BrandUnknown, ProfileInvalid.
    """
    profile = registry.profile(code)
    if profile.simulator:
        return registry.load(code, profile.simulator, Face)()  # type: ignore[type-abstract]
    return DeclarativeFace(profile) if profile.declared else PlainFace()


def played(
    registry: Registry,
    code: str,
    credentials: Credentials,
    *,
    brand: str = "",
    members: tuple[SimulatedMember, ...] = (),
    calls_remembered: int = 0,
) -> SimulatedPartner:
    """The simulated partner `code` of a brand, by default of that name.

    Raises: BrandUnknown, BrandHosted, ProfileInvalid.
    """
    brand = brand or code
    registry.require_played(brand)
    http, face = registry.profile(brand).http, face_of(registry, brand)
    return SimulatedPartner(
        code,
        credentials,
        face=face,
        members=members,
        key_life_seconds=face.key_life_hours * 3_600,
        calls_remembered=calls_remembered,
        token_wanted=http.auth is not AuthKind.NONE,
        api_key_header=http.api_key_header,
    )


def amount_in(unit: UnitProfile, ending: int) -> int | None:
    """The smallest amount that the unit allows and whose last three digits are `ending`; None if there is none."""
    step = 1_000
    candidates = (ending + step * thousands for thousands in range(1_000))
    return next((amount for amount in candidates if amount > 0 and unit.amounts.allow(amount)), None)


@contextmanager
def on_trial(registry: Registry, code: str) -> Iterator[Bench]:
    """A bench for the brand `code`. Magic amounts are heard, nothing else goes wrong. Raises: BrandUnknown."""
    profile = registry.profile(code)
    credentials, clock = Credentials.fresh("hub-on-trial"), TrialClock()
    members = trial_members(profile)
    partner = played(registry, code, credentials, members=members, calls_remembered=_CALLS_REMEMBERED)
    breaker = MemoryBreaker(clock, failures_max=1_000, rest=timedelta(seconds=1))
    ports = Ports(MemoryTokenStore(), breaker, clock)
    with serve("127.0.0.1", 0, [partner], FaultPlan(slow_ms=150), clock) as simulator:
        connection = simulator.connection(code, credentials, timeout_seconds=5)
        nowhere = Connection(code, "http://127.0.0.1:9/", "http://127.0.0.1:9/", "", credentials.secrets(), 1)
        yield Bench(
            profile=profile,
            adapter=registry.adapter(code, connection, ports),
            unreachable=registry.adapter(code, nowhere, Ports(MemoryTokenStore(), breaker, clock)),
            connection=connection,
            ports=ports,
            simulator=simulator,
            clock=clock,
        )


def trial_members(profile: Profile) -> tuple[SimulatedMember, ...]:
    """Members in every state, by the numbers above, with plenty of every unit of the brand."""
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
