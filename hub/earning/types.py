"""Earn rules, tokens and transactions as data; nothing here decides anything.

Amounts are whole smallest units of the billed currency, points whole smallest units of the target unit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction

# The day from which a choice without a day holds: before any card.
ALWAYS = date(1900, 1, 1)


class RuleKind(StrEnum):
    """What a rule does to the rate that the rules before it made."""

    BASE = "base"  # the first one that fits sets the rate
    ADD = "add"  # adds to the rate
    MULTIPLY = "multiply"  # multiplies the rate
    EXCLUDE = "exclude"  # such spend earns nothing, whatever else fits


class Rounding(StrEnum):
    """Where points are rounded down to whole smallest units."""

    TRANSACTION = "transaction"  # each transaction by itself
    STATEMENT = "statement"  # the sum of a member's calendar month


class Unmatched(StrEnum):
    """What becomes of a refund whose purchase is not known."""

    REFUSE = "refuse"  # it is not taken
    CLAW_BACK = "claw_back"  # it takes back what its own amount would earn on its own day
    HOLD = "hold"  # it waits for its purchase, and then claws back as above


class Match(StrEnum):
    """How the purchase of a refund is found."""

    REFERENCE = "reference"  # only by the transaction id that the refund names
    MERCHANT = "merchant"  # a refund that names none: the same card at the same merchant


class RulesetState(StrEnum):
    """Life of a set of rules: never edited, only followed."""

    PROPOSED = "proposed"  # written by one person
    ACTIVE = "active"  # activated by a second one; prices the days it is in force
    WITHDRAWN = "withdrawn"  # prices nothing any more; what it priced stays


@dataclass(frozen=True, slots=True)
class Span:
    """Numeric category codes from first to last, both in, of one number of digits, such as MCC 5500-5599."""

    first: str
    last: str

    def holds(self, code: str) -> bool:
        """Whether `code` lies in it."""
        return len(code) == len(self.first) and code.isdigit() and self.first <= code <= self.last


@dataclass(frozen=True, slots=True)
class Rule:
    """One earn rule. Empty selectors fit everything; all selectors must fit.

    rate: of `base` and `add`, whole target units for one whole unit of the currency; of `multiply`, the factor.
    step: of a base that counts full steps only, the step in smallest currency units; 1 otherwise. merchants:
    casefolded texts, `*` at either end for any. weekdays: 0 for Monday. minimum_amount: smallest currency units.
    cap: most whole target units for one member and calendar month out of this rule; None for no cap.
    """

    code: str
    name: str
    kind: RuleKind
    rate: Fraction
    step: int
    rounding: Rounding
    categories: frozenset[str]
    spans: tuple[Span, ...]
    products: frozenset[str]
    tiers: frozenset[str]
    merchants: tuple[str, ...]
    weekdays: frozenset[int]
    targets: frozenset[str]
    since: date | None
    until: date | None
    minimum_amount: int
    cap: Fraction | None


@dataclass(frozen=True, slots=True)
class RefundPolicy:
    """How refunds find their purchase, how many days back, and what becomes of those that do not."""

    match: Match
    match_days: int
    unmatched: Unmatched
    hold_days: int


@dataclass(frozen=True, slots=True)
class FileFormat:
    """How the bank's files are written. columns: ours → the bank's name, for those that it declares."""

    delimiter: str
    columns: Mapping[str, str]
    missing: frozenset[str]


@dataclass(frozen=True, slots=True)
class Ruleset:
    """A bank's rules for the days from `since` until `until` (out), in its own time zone.

    rules: in the order in which they are looked at. stacking: the order of kinds. minimum_spend: of a member's calendar
    month, smallest currency units; less earns nothing. token_prefixes: digits with which the bank's tokens may begin
    although they look like card numbers. link_unknown: None when the file says nothing. late_days: how old a
    transaction may be when it comes, None when the rules say nothing. claim_days: how long it may be claimed.
    payout_days: how old what was taken has to be before it is paid out.
    """

    id: str
    bank: str
    code: str
    currency: str
    exponent: int
    target: str
    since: date
    until: date | None
    rules: tuple[Rule, ...]
    stacking: tuple[RuleKind, ...]
    minimum_spend: int
    refunds: RefundPolicy
    token_prefixes: tuple[str, ...]
    link_unknown: bool | None
    late_days: int | None
    claim_days: int
    payout_days: int
    file: FileFormat
    state: RulesetState = RulesetState.PROPOSED
    document: Mapping[str, object] = field(default_factory=dict)

    @property
    def pools_everything(self) -> bool:
        """Whether every transaction counts towards a sum of its month."""
        return self.minimum_spend > 0


@dataclass(frozen=True, slots=True)
class Traits:
    """What rules look at in a transaction. merchant: casefolded."""

    day: date
    category: str
    product: str
    tier: str
    merchant: str
    unit: str
    amount: int


@dataclass(frozen=True, slots=True)
class Part:
    """One rule in a chain. rate: smallest target units for one smallest currency unit, with all rules before it.

    cap: smallest target units; None for no cap.
    """

    rule: str
    rate: Fraction
    cap: int | None


@dataclass(frozen=True, slots=True)
class Chain:
    """The rules that price a transaction, in the order they stack. Empty parts: it earns nothing.

    pooled: its points depend on the rest of the member's month (a cap, a minimum, rounding by statement).
    """

    ruleset: str
    unit: str
    parts: tuple[Part, ...]
    rounding: Rounding
    step: int
    pooled: bool

    @property
    def rate(self) -> Fraction:
        """Smallest target units for one smallest currency unit, all rules together."""
        return self.parts[-1].rate if self.parts else Fraction(0)


@dataclass(frozen=True, slots=True)
class Token:
    """A card or member token of a bank. number: the hub's own. product and tier: as registered, may be empty.

    removed_at: from then on it earns nothing; None while it does.
    """

    number: int
    token: str
    member: str
    product: str
    tier: str
    removed_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token to be linked to a member; both as the bank calls them. unit: target of its own choice, or empty."""

    token: str
    member: str
    product: str = ""
    tier: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """From `since` on, a member's points go to `unit`."""

    member: str
    unit: str
    since: date

    @property
    def always(self) -> bool:
        """Whether it holds for every day there ever was."""
        return self.since == ALWAYS


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What became of one transaction. code: `accepted`, `duplicate` or why it was refused.

    points: what it moved when it came, claw-backs below zero. accrual: its id, empty for a refused one. posted: False
    for one that is priced and kept, but not posted before the bank is funded; None unless it was accepted just now.
    """

    transaction: str
    code: str
    points: int
    unit: str
    accrual: str
    posted: bool | None
    detail: str


@dataclass(frozen=True, slots=True)
class Counts:
    """What an intake came to. points: net, by unit; clawed_back: points taken back, a positive number."""

    rows: int = 0
    accepted: int = 0
    refused: int = 0
    duplicates: int = 0
    refunds: int = 0
    linked: int = 0
    earned: int = 0
    clawed_back: int = 0
    points_by_unit: Mapping[str, int] = field(default_factory=dict)
    refusals: Mapping[str, int] = field(default_factory=dict)

    @property
    def points(self) -> int:
        """Earned less clawed back."""
        return self.earned - self.clawed_back

    def plus(self, other: "Counts") -> "Counts":
        """Both together."""
        return Counts(
            rows=self.rows + other.rows,
            accepted=self.accepted + other.accepted,
            refused=self.refused + other.refused,
            duplicates=self.duplicates + other.duplicates,
            refunds=self.refunds + other.refunds,
            linked=self.linked + other.linked,
            earned=self.earned + other.earned,
            clawed_back=self.clawed_back + other.clawed_back,
            points_by_unit=_sum(self.points_by_unit, other.points_by_unit),
            refusals=_sum(self.refusals, other.refusals),
        )


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in sorted({*one, *other})}


@dataclass(frozen=True, slots=True)
class RulesetRecord:
    """A set of rules with who proposed and activated it."""

    ruleset: Ruleset
    proposed_by: str
    proposed_at: datetime
    activated_by: str
