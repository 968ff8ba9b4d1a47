"""Real conversions between two brands through a whole hub, while their simulators misbehave or do not.

Knows how little a new brand needs: its folder. Everything here takes part as a test partner; nothing is assumed about
how a brand speaks.
"""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from math import lcm

from hub import chart, ledger
from hub.agreements import service as agreements
from hub.agreements.roster import roster
from hub.agreements.types import AgreementDraft, NewPartner, Unit
from hub.conversion.states import FINAL
from hub.conversion.types import Acceptance, Conversion
from hub.kernel.errors import HubError
from hub.kernel.ids import new_id
from hub.members import service as members
from hub.members.types import NewLink
from hub.rates import service as rates
from hub.rates.types import Block, PriceRequest, RuleDraft
from hub.storage import Work
from hub.wiring import Hub, files_folder
from hub.worker.direct import run_due
from partners.base import Member, Verb
from partners.files.faults import Chooses
from partners.files.simulator import FileSimulator
from partners.profile import Profile, UnitProfile
from partners.registry import Registry
from partners.sandbox.bench import MEMBER_NAME, OPENING_BALANCE, amount_in, played, trial_members
from partners.sandbox.books import SimulatedMember
from partners.sandbox.oauth import Credentials
from partners.sandbox.server import RunningSimulator, SimulatedPartner

# The other end where a brand is tried alone: a partner that is reached as the sandbox's own brand.
COUNTERPART = "counterpart"
COUNTERPART_BRAND = "sandbox"
# Trial members of a brand: active numbers begin here.
FIRST_NUMBER = 100
_ACTOR = "trial"
_CURRENCY = "USD"
_LEDGER_SCALE = 9
# USD for 1,000 smallest units: what leaving points bring, and what arriving ones cost.
_DEBIT, _CREDIT = Fraction(8), Fraction("7.8")
_CAP = Fraction(1_000_000)
_SECONDS_MAX = 90
_ROWS_MAX = 256
_WAIT_SECONDS = 0.05


class BrandNotTriable(HubError):
    """A brand that cannot be tried by a conversion against its simulator."""

    code = "brand_not_triable"


@dataclass(frozen=True, slots=True)
class End:
    """One end of conversions: a partner's code, the brand that it is reached as, and the unit that moves."""

    code: str
    profile: Profile
    unit: str

    @property
    def own(self) -> UnitProfile:
        """What the brand says about the unit, whatever it is called here."""
        return self.profile.units[0]


@dataclass(frozen=True, slots=True)
class BrandTrial:
    """What conversions came to.

    conversions: in order. timelines: of each, what happened, in words. differences: of the ledger with itself.
    disagreements: units of which members won or lost otherwise at the partner than the ledger says.
    """

    conversions: tuple[Conversion, ...]
    timelines: tuple[tuple[str, ...], ...]
    differences: int
    disagreements: tuple[str, ...]
    double_applications: int

    @property
    def ok(self) -> bool:
        """Whether every conversion ended and every book agrees."""
        ended = all(one.state in FINAL for one in self.conversions)
        return ended and self.differences == 0 and not self.disagreements and self.double_applications == 0


def end_of(profile: Profile) -> End:
    """A brand as one end. Raises: BrandNotTriable, for a brand through which no points move."""
    if not {Verb.DEBIT, Verb.CREDIT} & profile.capabilities.verbs:
        raise BrandNotTriable(f"{profile.name} states neither debit nor credit.", brand=profile.code)
    return End(profile.code, profile, profile.units[0].code)


def counterpart(registry: Registry) -> End:
    """The other end for a brand that is tried alone."""
    return End(COUNTERPART, registry.profile(COUNTERPART_BRAND), f"{COUNTERPART}.point")


def simulated(registry: Registry, end: End, credentials: Credentials) -> SimulatedPartner:
    """An end's simulator with its trial members, rich in the unit that moves."""
    known = trial_members(end.profile)
    if end.unit != end.own.code:
        rich = {end.unit: OPENING_BALANCE}
        known = tuple(SimulatedMember(one.membership, MEMBER_NAME, balances=rich) for one in known)
    return played(registry, end.code, credentials, brand=end.profile.code, members=known)


def exchanging(hub: Hub, simulator: RunningSimulator, end: End, faults: Chooses) -> Callable[[], None]:
    """A turn of hub and partner with files, to be taken when nothing else is due."""
    books = simulator.books(end.code)
    root = files_folder(hub.settings) / end.code
    shop = FileSimulator(end.profile, root, hub.clock, faults, books, unit=end.unit)

    def take_turns() -> None:
        hub.exchange.run(end.code, at_once=True)
        shop.turn()

    return take_turns


def try_ends(
    hub: Hub, simulator: RunningSimulator, ends: tuple[End, End], *, conversions: int, wait: Callable[[], None] | None
) -> BrandTrial:
    """Convert from the first to the second and back in turn, wait until all ended, and compare every book.

    simulator: plays both ends. wait: what is done when nothing is due; None sleeps a moment.
    """
    set_up(hub, simulator, ends)
    member = linked_member(hub, ends, FIRST_NUMBER)
    ways = _ways(ends)
    accepted = [accept(hub, member, *ways[number % len(ways)], number=number) for number in range(conversions)]
    work_until_ended(hub, accepted, wait or (lambda: time.sleep(_WAIT_SECONDS)))
    return reckon(hub, simulator, ends, accepted)


def set_up(hub: Hub, simulator: RunningSimulator, ends: tuple[End, End]) -> None:
    """Partners, units, agreements and a rate of 1:1 both ways; safe to repeat."""
    now = hub.clock.now()
    with hub.database.work() as work:
        known = roster(work)
        for end in ends:
            if end.code not in known.partners:
                profile = end.profile
                url = f"{simulator.url}/{end.code}"
                new = NewPartner(end.code, profile.name, str(profile.kind), profile.code, url)
                agreements.add_partner(work, new, actor=_ACTOR, now=now)
                agreements.add_unit(work, _unit(end), actor=_ACTOR, now=now)
                _agree(work, end, now)
    step = lcm(*(end.own.amounts.amount_step for end in ends))
    with hub.database.work() as work:
        for source, target in (ends, ends[::-1]):
            if not rates.list_rules(work, source_unit=source.unit, target_unit=target.unit):
                draft = RuleDraft(source.unit, target.unit, (Block(0, 1, 1),), step, step, effective_from=now)
                rates.activate_rule(work, rates.propose_rule(work, draft, actor=_ACTOR, now=now), actor=_ACTOR, now=now)


def _unit(end: End) -> Unit:
    own = end.own
    return Unit(end.unit, end.code, end.profile.name, own.scale, str(own.kind), own.currency, hosted=False)


def _agree(work: Work, end: End, now: datetime) -> None:
    """Prices are for 1,000 whole points, so that a smallest unit is worth the same at both ends."""
    whole = 10**end.own.scale
    draft = AgreementDraft(
        partner=end.code,
        currency=_CURRENCY,
        ledger_scale=_LEDGER_SCALE,
        prices={(end.unit, "debit"): _DEBIT * whole, (end.unit, "credit"): _CREDIT * whole},
        billing_percent=Fraction(100),
        net_debit_cap=_CAP,
        reversals=True,
        effective_from=now,
    )
    version = agreements.propose_agreement(work, draft, actor=_ACTOR, now=now)
    agreements.activate_agreement(work, version, actor=_ACTOR, now=now)


def linked_member(hub: Hub, ends: Sequence[End], number: int) -> str:
    """A member with a membership at either end, each validated by its partner."""
    now = hub.clock.now()
    with hub.database.work() as work:
        member = members.add_member(work, reference=new_id("trial", now), partner="", now=now)
    for end in ends:
        membership = end.profile.member.numbered(number)
        form = end.profile.member
        wanted = NewLink(member, end.code, membership, form.number_pattern, _ACTOR, check_digit=form.check_digit)
        with hub.database.work() as work:
            link = members.open_link(work, wanted, now=now)
        validation = hub.partners.adapter(end.code).validate_member(Member(membership))
        with hub.database.work() as work:
            members.record_validation(work, link.id, validation, now=hub.clock.now())
    return member


def _ways(ends: tuple[End, End]) -> list[tuple[End, End]]:
    """There and back, as far as verbs are stated."""
    return [
        (source, target)
        for source, target in (ends, ends[::-1])
        if Verb.DEBIT in source.profile.capabilities.verbs and Verb.CREDIT in target.profile.capabilities.verbs
    ]


def accept(hub: Hub, member: str, source: End, target: End, *, number: int) -> Conversion:
    """A quote taken at once. number: makes the amount another one. Raises: HubError, as the hub refuses."""
    now = hub.clock.now()
    with hub.database.work() as work:
        catalogue = hub.catalogues.get(work)
    request = PriceRequest(source.unit, target.unit, _amount(source.own, target.own, number))
    quote = hub.quoter.quote(catalogue, request, member=member, client_partner="", at=now, id=new_id("quo", now))
    token = hub.quoter.seal(quote)
    key = hashlib.sha256(token.encode()).hexdigest()
    with hub.database.work() as work:
        [answer] = hub.conversions.accept(work, [Acceptance(key, token, member, "", live=False)], now=now)
    if isinstance(answer, HubError):
        raise answer
    return answer


def _amount(source: UnitProfile, target: UnitProfile, number: int) -> int:
    """A plain amount that both allow, another one each time."""
    step = lcm(source.amounts.amount_step, target.amounts.amount_step)
    least = max(_plain(source), _plain(target))
    least = -(-least // step) * step
    more = least + number % 100 * step
    return more if source.amounts.allow(more) and target.amounts.allow(more) else least


def _plain(unit: UnitProfile) -> int:
    return amount_in(unit, 600) or unit.amounts.amount_step * -(-unit.amounts.amount_min // unit.amounts.amount_step)


def work_until_ended(hub: Hub, accepted: Sequence[Conversion], wait: Callable[[], None]) -> None:
    """Be the worker, in this thread, until all have ended or patience has. wait: when nothing is due."""
    handlers, deadline = hub.handlers(), time.monotonic() + _SECONDS_MAX
    while time.monotonic() < deadline:
        if run_due(hub.database, handlers, hub.clock.now(), _ROWS_MAX):
            continue
        if all(standing(hub, one).state in FINAL for one in accepted):
            return
        wait()


def standing(hub: Hub, conversion: Conversion) -> Conversion:
    """A conversion as it stands."""
    with hub.database.read() as work:
        return hub.conversions.get(work, conversion.id, client_partner="")


def reckon(hub: Hub, simulator: RunningSimulator, ends: Sequence[End], accepted: Sequence[Conversion]) -> BrandTrial:
    """What these conversions came to, and every book beside every other."""
    ended = tuple(standing(hub, one) for one in accepted)
    return BrandTrial(
        conversions=ended,
        timelines=tuple(_timeline(hub, one) for one in ended),
        differences=_differences(hub),
        disagreements=tuple(_disagreements(hub, simulator, ends)),
        double_applications=sum(_doubled(simulator.books(end.code).totals()) for end in ends),
    )


def _timeline(hub: Hub, conversion: Conversion) -> tuple[str, ...]:
    with hub.database.read() as work:
        moments = hub.conversions.timeline(work, conversion.id, client_partner="")
    return tuple(" ".join(part for part in (one.what, one.partner, one.detail) if part) for one in moments)


def _differences(hub: Hub) -> int:
    with hub.database.read() as work:
        return len(ledger.verify(work))


def _disagreements(hub: Hub, simulator: RunningSimulator, ends: Sequence[End]) -> list[str]:
    """Units of which the simulators' own books say otherwise than `outside:` in the ledger."""
    found = []
    for end in ends:
        outside = chart.outside(end.unit)
        with hub.database.read() as work:
            account = ledger.balances(work, [outside]).get(outside)
        posted = account.posted if account is not None else 0
        booked = sum(amount for _, _, unit, amount in simulator.books(end.code).journal() if unit == end.unit)
        if booked != posted:
            found.append(f"{end.unit}: members {booked:+}, ledger {posted:+}")
    return found


def _doubled(totals: Mapping[str, object]) -> int:
    doubled = totals["double_applications"]
    assert isinstance(doubled, int), "a count"
    return doubled
