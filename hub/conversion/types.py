"""Conversions as data."""

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from hub.conversion.states import ConversionState


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A request to carry out a quote.

    key: who asked and their Idempotency-Key, already scoped and hashed by the door (64 hex characters); ledger keys
    derive from it. quote: the signed token. member: hub member. client_partner: whose client asks; empty for the
    hub's own people. live: whether it asks for real points or for test ones. trace: W3C traceparent, or empty.
    by_member: whether the member itself asks, who needs nobody's consent.
    """

    key: str
    quote: str
    member: str
    client_partner: str
    live: bool
    trace: str = ""
    by_member: bool = False


@dataclass(frozen=True, slots=True)
class ReversalRequest:
    """A request to convert back all or part of a posted conversion. amount: target units; None for the rest.

    live: whether the client that asks has to do with real points or with test ones.
    """

    key: str
    conversion: str
    amount: int | None
    client_partner: str
    live: bool
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Cancellation:
    """A conversion to be cancelled, whose client asks, and whether that client is a live or a test one."""

    conversion: str
    client_partner: str
    live: bool


@dataclass(frozen=True, slots=True)
class Conversion:
    """One conversion as it stands. Amounts: smallest units of its two units.

    fee: in fee_unit. reason: why it was voided, is owed or is under review; empty otherwise.
    reverses: the conversion this one undoes in whole or part; empty for none. reversed_amount: target units of this one
    that were given back (or are being given back) since it posted. ball: who has to act next: `hub`, a partner's code,
    `person`, or empty when it ended.
    """

    id: str
    state: ConversionState
    member: str
    source_partner: str
    target_partner: str
    source_unit: str
    target_unit: str
    source_amount: int
    target_amount: int
    base: int
    bonus: int
    fee: int
    fee_unit: str
    rate: Fraction
    remainder: Fraction
    quote: str
    rule: str
    client_partner: str
    reason: str
    reverses: str
    reversed_amount: int
    ball: str
    live: bool
    created_at: datetime
    updated_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class Moment:
    """One step of a conversion's timeline: what happened when, at whom; without secrets or membership numbers."""

    at: datetime
    what: str
    partner: str
    detail: str
