"""Announce, claim, finish and postpone outbox rows, always many at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from hub.storage import Work


@dataclass(frozen=True, slots=True)
class Message:
    """Something one consumer is to do.

    queue: one of the worker's queues (`legs`, `conversions`, `accruals`, `settlement`, `webhooks`). kind: what to do, for
    example `leg.due`. subject: id of the row it is about. lane: what must not be overrun (a partner's code, an endpoint).
    body: small, JSON scalars only; nothing personal, since messages leave the database.
    available_at: not before this instant; None for at once. trace: W3C traceparent, or empty.
    """

    queue: str
    kind: str
    subject: str
    lane: str
    body: Mapping[str, str | int] = field(default_factory=dict)
    available_at: datetime | None = None
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as it reaches its consumer. id: the row's; attempts: how often it was published before."""

    id: int
    queue: str
    kind: str
    subject: str
    lane: str
    body: Mapping[str, str | int]
    attempts: int
    created_at: datetime
    trace: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that a person must look at. reason: what went wrong last, without secrets."""

    delivery: Delivery
    reason: str
    buried_at: datetime


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much waits. oldest_due_at: None when nothing is due."""

    due: int
    in_flight: int
    later: int
    dead: int
    oldest_due_at: datetime | None


def announce(work: Work, messages: Sequence[Message], *, now: datetime) -> None:
    """Write messages, to be carried once this transaction commits. One COPY."""


def claim(
    work: Work, *, queues: Sequence[str], rows_max: int, lane_max: int, lease_seconds: int, now: datetime
) -> list[Delivery]:
    """Take due rows (and rows whose lease ran out) for publishing; at most `lane_max` of a lane in flight.

    Commit before publishing: what was claimed and not done when its lease ends is published again.
    """


def claim_for_effect(work: Work, ids: Sequence[int]) -> set[int]:
    """Lock these rows for the transaction that brings their effect about; the ids that are not done yet.

    Rows that another transaction holds are left out: that one is at work on them.
    """


def done(work: Work, ids: Sequence[int], *, now: datetime) -> None:
    """These messages have taken effect, in this very transaction."""


def postpone(work: Work, waits: Sequence[tuple[int, datetime]], *, reason: str) -> None:
    """Give each (id, available_at) back to be published again from that instant on."""


def bury(work: Work, ids: Sequence[int], *, reason: str, now: datetime) -> None:
    """Set messages aside for a person."""


def revive(work: Work, ids: Sequence[int], *, now: datetime) -> int:
    """Publish dead letters again; how many there were."""


def dead_letters(work: Work, *, after: int, limit: int) -> list[DeadLetter]:
    """Dead letters with an id above `after`, oldest first."""


def next_due(work: Work, *, queues: Sequence[str]) -> datetime | None:
    """When the earliest waiting row becomes available; None when none waits. For virtual clocks."""


def backlog(work: Work, *, now: datetime) -> Backlog:
    """How much waits, for readiness and metrics."""
