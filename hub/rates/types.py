"""Rate rules, campaigns, prices and quotes as data."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction


class RuleState(StrEnum):
    """Life of a rate rule or campaign: never edited, only followed."""

    PROPOSED = "proposed"  # written by one person
    ACTIVE = "active"  # activated by a second one; prices quotes inside its dates
    WITHDRAWN = "withdrawn"  # taken back for a pricing error; its open quotes are refused
    STOPPED = "stopped"  # by an operator; prices nothing until started again by two


@dataclass(frozen=True, slots=True)
class Block:
    """From `above` source units on, every further `give` yields `get` more. The first block starts above 0.

    A plain ratio is one block; HSBC's "first 30,000:10,000, then +6:+2" is two.
    """

    above: int
    give: int
    get: int


@dataclass(frozen=True, slots=True)
class Fee:
    """What a conversion costs on top. kind: `points` (source unit, on top of the source amount) or `money` (currency).

    flat: smallest units (of money: ledger units of the currency). per_point: exact, smallest units for one source unit.
    cap: the most it can be, None for no cap. Rounded up to a whole smallest unit.
    """

    kind: str
    currency: str
    flat: int
    per_point: Fraction
    cap: int | None


@dataclass(frozen=True, slots=True)
class RateRule:
    """A dated rule from one unit to another. minimum, step, maximum: source units; maximum None for no limit.

    selectors: sub-product, tier, channel it is limited to (only those named). Higher priority wins; ties go to the more
    selective, then to the one that starts later, then to the one activated later. activation: the catalogue version it
    came in with, 0 before it is activated.
    """

    id: str
    source_unit: str
    target_unit: str
    blocks: tuple[Block, ...]
    minimum: int
    step: int
    maximum: int | None
    fee: Fee | None
    selectors: dict[str, str]
    priority: int
    effective_from: datetime
    effective_until: datetime | None
    state: RuleState
    typical_time: str = ""
    activation: int = 0


@dataclass(frozen=True, slots=True)
class Campaign:
    """A dated bonus on a route. percent: exact, of the base; flat: target units added once.

    The window is given in the funder's own time zone; `effective_until` is the first instant after the last day.
    funder: a partner's code or `hub`. exclusive: no other campaign beside it. member_cap: most bonus points per member.
    selectors: tier or segment it is limited to; empty for all. budget is the ledger account `budget:<id>`.
    """

    id: str
    name: str
    source_unit: str
    target_unit: str
    percent: Fraction
    flat: int
    effective_from: datetime
    effective_until: datetime
    funder: str
    exclusive: bool
    member_cap: int | None
    selectors: dict[str, str]
    state: RuleState


@dataclass(frozen=True, slots=True)
class PriceRequest:
    """What is to be priced. amount: source units, as asked. traits: sub-product, tier, channel and segment."""

    source_unit: str
    target_unit: str
    amount: int
    traits: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence of an explanation: which number, its value as text, why."""

    what: str
    amount: str
    why: str


@dataclass(frozen=True, slots=True)
class Price:
    """What a conversion would be.

    source_amount: what leaves the member apart from a fee in points; target_amount = base + bonus, what arrives.
    remainder: exact target units lost by rounding down, 0 <= r < 1. bonuses: (campaign id, target units), sum = bonus.
    """

    source_amount: int
    target_amount: int
    base: int
    bonus: int
    bonuses: tuple[tuple[str, int], ...]
    fee: int
    fee_unit: str
    rate: Fraction
    remainder: Fraction
    rule: str
    explain: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Quote:
    """A firm offer, signed by the hub and self-contained; asking for one writes nothing, using it is possible once.

    member: who may use it; empty for anyone the client may act for. client_partner: whose client asked; empty for the
    hub's own. source_terms, target_terms: agreement versions, empty without an agreement (then it cannot be accepted).
    """

    id: str
    source_unit: str
    target_unit: str
    source_partner: str
    target_partner: str
    price: Price
    member: str
    client_partner: str
    source_terms: str
    target_terms: str
    live: bool
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """A rate rule to be proposed. Fields as in `RateRule`; a plain ratio is `blocks=(Block(0, give, get),)`."""

    source_unit: str
    target_unit: str
    blocks: tuple[Block, ...]
    minimum: int
    step: int
    effective_from: datetime
    effective_until: datetime | None = None
    maximum: int | None = None
    fee: Fee | None = None
    selectors: dict[str, str] = field(default_factory=dict)
    priority: int = 0
    typical_time: str = ""


@dataclass(frozen=True, slots=True)
class CampaignDraft:
    """A campaign to be proposed; its window in days of the funder's own time zone, the last one included.

    percent: exact, of the base, >= 0. flat: target units, >= 0; one of both is above zero.
    """

    name: str
    source_unit: str
    target_unit: str
    funder: str
    starts_on: date
    ends_on_inclusive: date
    percent: Fraction = Fraction(0)
    flat: int = 0
    exclusive: bool = False
    member_cap: int | None = None
    selectors: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, in numbers of rows; a second run of the same file has everything under `unchanged`."""

    partners_added: int
    units_added: int
    added: int
    changed: int
    unchanged: int
