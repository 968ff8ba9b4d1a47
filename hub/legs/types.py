"""Legs, attempts and their outcomes as data."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hub.legs.states import AttemptKind, LegRole, LegState
from partners.base import Instruction, Outcome, PartnerAdapter, Verb
from partners.names import USUAL_NAMES, NamePolicy


@dataclass(frozen=True, slots=True)
class LegProfile:
    """What a partner's profile says about calling it.

    keys: whether it understands idempotency keys. key_life_seconds: how long it remembers one. inquiry_lag_seconds:
    how long a booked leg may still be "not found". reverse: `native`, `by_credit` or `none`. bonus_apart: a bonus is
    a credit of its own. retry_*: the n-th wait is first × factor^(n-1) seconds, never above the ceiling. names: which
    writings of a name it takes for one person's.
    """

    key_life_seconds: int
    inquiry_lag_seconds: int
    keys: bool
    verbs: frozenset[Verb]
    reverse: str
    bonus_apart: bool
    retry_first_seconds: int
    retry_factor: int
    retry_ceiling_seconds: int
    names: NamePolicy = USUAL_NAMES


class PartnerPort(Protocol):
    """Port: partners by their code in the hub."""

    def adapter(self, partner: str) -> PartnerAdapter:
        """How to call this partner."""

    def profile(self, partner: str) -> LegProfile:
        """What calling it has to respect."""


@dataclass(frozen=True, slots=True)
class NewLeg:
    """An instruction to be carried out. id: `leg_…`; it is the idempotency key at the partner for the leg's whole life.

    owner_kind and owner: who is told the outcome. amount: whole smallest units of `unit`, without `bonus`.
    original: id of the leg that this one undoes; empty for none. hosted: the hub keeps these balances itself, so nobody
    is called and no attempt is made: its owner ends it.
    """

    id: str
    owner_kind: str
    owner: str
    role: LegRole
    partner: str
    membership: str
    unit: str
    scale: int
    amount: int
    bonus: int = 0
    original: str = ""
    trace: str = ""
    hosted: bool = False


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg as it stands.

    attempt: number of its newest attempt, 0 before the first. last_kind: of that attempt; None before the first.
    calls: how often the instruction itself went out. unknowns: answers without proof since the last proof of anything.
    inquiries: unanswered inquiries in a row. lease_until: until when the newest attempt may still answer; None when it
    has. next_at: not to be tried before. not_found_at: start of the newest inquiry that found nothing, after the newest
    call. surviving: membership number that took the place of `membership` at the partner; empty for none.
    """

    id: str
    owner_kind: str
    owner: str
    role: LegRole
    partner: str
    membership: str
    unit: str
    scale: int
    amount: int
    bonus: int
    original: str
    original_reference: str
    trace: str
    state: LegState
    attempt: int
    last_kind: AttemptKind | None
    calls: int
    unknowns: int
    inquiries: int
    pending: bool
    first_called_at: datetime | None
    last_called_at: datetime | None
    not_found_at: datetime | None
    lease_until: datetime | None
    next_at: datetime
    reference: str
    reason: str
    said: str
    surviving: str
    bonus_apart: bool


@dataclass(frozen=True, slots=True)
class Step:
    """An attempt that is committed and now may go out. verb: None when the partner has no way to do it at all."""

    leg: str
    attempt: int
    kind: AttemptKind
    partner: str
    verb: Verb | None
    role: LegRole
    instruction: Instruction


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing to do for this leg before `until`."""

    leg: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Over:
    """Nothing left to do for this leg: it has ended, or it does not exist."""

    leg: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What an attempt brought home. latency_ms: whole milliseconds of the call."""

    leg: str
    attempt: int
    kind: AttemptKind
    outcome: Outcome
    latency_ms: int


@dataclass(frozen=True, slots=True)
class LegResult:
    """How a leg stands after an answer, a proof or a decision; for its owner.

    current: False for an answer that came too late to count. retry_at: when it is tried again; None unless open.
    bonus_apart: the bonus was not part of this credit and needs a leg of its own.
    """

    leg: str
    owner_kind: str
    owner: str
    role: LegRole
    partner: str
    state: LegState
    current: bool
    reason: str
    membership: str
    surviving: str
    bonus_apart: bool
    retry_at: datetime | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt as it was kept. outcome: `done`, `refused`, `unknown`, or empty while it runs."""

    leg: str
    number: int
    kind: AttemptKind
    started_at: datetime
    answered_at: datetime | None
    outcome: str
    detail: str
    latency_ms: int | None
    late_outcome: str


@dataclass(frozen=True, slots=True)
class CaseFile:
    """Something that a person has to look at. subject: a leg or conversion. facts: nothing personal, no secrets."""

    id: str
    subject: str
    kind: str
    partner: str
    opened_at: datetime
    closed_at: datetime | None
    facts: dict[str, str]
