"""Partners, units and agreements as data: what they are and in which state.

Money amounts of the ledger are whole smallest units of a clearing currency at its ledger scale (finer than the currency
itself, by default its ISO 4217 exponent plus 5 digits).
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fractions import Fraction


class PartnerState(StrEnum):
    """Where a partner is in its life."""

    DRAFT = "draft"  # being set up; nothing moves
    TEST = "test"  # moves test units with other test partners
    LIVE = "live"  # moves live units
    SUSPENDED = "suspended"  # stopped by an operator: debits, credits or both
    WINDING_DOWN = "winding_down"  # no new quotes; open conversions end, claims and reversals go on
    EXITED = "exited"  # final statement issued; nothing moves


class Direction(StrEnum):
    """Which side of a conversion a stop concerns."""

    DEBIT = "debit"
    CREDIT = "credit"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Partner:
    """A brand that takes part. live: real points; test and live never meet.

    profile: folder of its adapter. base_url and token_url: override the profile's, empty for none.
    stopped: which direction an operator has stopped; None for none. time_zone: IANA name of the programme's own zone.
    """

    code: str
    name: str
    kind: str
    profile: str
    base_url: str
    token_url: str
    time_zone: str
    live: bool
    state: PartnerState
    stopped: Direction | None


@dataclass(frozen=True, slots=True)
class Unit:
    """What an amount counts. scale: decimal digits of its smallest unit. kind: `points` or `money`.

    currency: ISO 4217 code of a money unit, else empty. hosted: the hub keeps the members' balances.
    """

    code: str
    partner: str
    name: str
    scale: int
    kind: str
    currency: str
    hosted: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """One version of a partner's agreement as far as clearing needs it.

    debit_price, credit_price: exact ledger units of `currency` for one smallest unit of a unit of the partner, billing
    percentage applied, by unit code; whole numbers by construction. accrual_price: the same for points a bank grants
    for spend. net_debit_cap: ledger units, >= 0; the floor of the position is minus it. reversals: whether conversions
    may be reversed after they posted. late_days: how many days after the event something may still be submitted.
    """

    version: str
    partner: str
    currency: str
    currency_scale: int
    debit_price: dict[str, int]
    credit_price: dict[str, int]
    net_debit_cap: int
    reversals: bool
    effective_from: datetime
    effective_until: datetime | None
    accrual_price: dict[str, int] = field(default_factory=dict)
    late_days: int = 5


@dataclass(frozen=True, slots=True)
class NewPartner:
    """A partner to be added."""

    code: str
    name: str
    kind: str
    profile: str
    base_url: str = ""
    token_url: str = ""
    time_zone: str = "UTC"
    live: bool = False


@dataclass(frozen=True, slots=True)
class PartnerEdit:
    """What may be changed of a partner that is there; the rest is fixed for good. Fields as in `Partner`."""

    name: str
    base_url: str
    token_url: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class Price:
    """One clearing price of an agreement. kind: `debit`, `credit` or `accrual`. per_thousand: currency units per 1,000.

    ledger_price: ledger units for one smallest unit, billing percentage applied; None until the version is activated.
    """

    unit: str
    kind: str
    per_thousand: Fraction
    ledger_price: int | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """One version of a partner's agreement, with everything that was agreed.

    state: `proposed` or `active`. net_debit_cap: ledger units. approved_by: partners that said yes. proposed_by,
    activated_by: who; the latter None until then. prices: by unit and kind.
    """

    version: str
    partner: str
    state: str
    currency: str
    ledger_scale: int
    billing_percent: Fraction
    net_debit_cap: int
    reversals: bool
    effective_from: datetime
    effective_until: datetime | None
    settlement_model: str
    calendar: str
    late_days: int
    notes: str
    proposed_by: str
    proposed_at: datetime
    activated_by: str | None
    activated_at: datetime | None
    prices: tuple[Price, ...]
    approved_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AgreementDraft:
    """A new version of a partner's agreement; never edits an older one.

    prices: (unit code, `debit` or `credit` or `accrual`) -> price per 1,000 whole points, exact, in the currency.
    billing_percent: what share of the price is billed, 0 < p <= 100. ledger_scale: digits of the clearing currency in
    the ledger. net_debit_cap: in whole currency units as an exact decimal.
    """

    partner: str
    currency: str
    ledger_scale: int
    prices: dict[tuple[str, str], Fraction]
    billing_percent: Fraction
    net_debit_cap: Fraction
    reversals: bool
    effective_from: datetime
    effective_until: datetime | None = None
    settlement_model: str = "multilateral_net"
    calendar: str = "monthly"
    late_days: int = 5
    notes: str = ""
