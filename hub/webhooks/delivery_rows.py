"""Rows of deliveries and of their attempts: locked and read, changed in memory, written back many at once.

Knows the tables. Does not decide what becomes of a delivery.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub import outbox
from hub.storage import Question, Work
from hub.webhooks.numbering import NumberedEvent
from hub.webhooks.states import DeliveryState
from hub.webhooks.types import Answer, Dispatch

LAPSED = "lapsed"


@dataclass(frozen=True, slots=True)
class Row:
    """A delivery whose row this transaction holds. event: None once it was forgotten."""

    id: str
    endpoint: str
    number: int
    partner: str
    state: DeliveryState
    attempt: int
    failed: int
    lease_until: datetime | None
    next_at: datetime
    created_at: datetime
    reason: str
    ended_at: datetime | None
    event: NumberedEvent | None


class Verdicts:
    """What a transaction decides about the deliveries whose rows it holds. rows: by id, as they are to stand."""

    def __init__(self, rows: Mapping[str, Row]) -> None:
        self._written = rows
        self.rows = dict(rows)
        self.over: list[int] = []
        self.waits: list[tuple[int, datetime]] = []
        self.lapsed: list[tuple[str, int]] = []
        self.begun: list[Dispatch] = []

    def parked(self) -> set[str]:
        """Endpoints for which something is parked that is not written yet."""
        return {row.endpoint for row in self._changed() if row.state is DeliveryState.PARKED}

    def write(self, work: Work, *, now: datetime) -> None:
        """Write down what was decided since the last time. A fixed number of statements, none of them waited for."""
        changed = self._changed()
        if changed:
            _change(work, changed)
        if self.lapsed:
            work.run_later(
                "UPDATE webhook_attempt a SET outcome = %s, answered_at = %s "
                "FROM unnest(%s::text[], %s::integer[]) AS n (delivery, number) "
                "WHERE a.delivery = n.delivery AND a.number = n.number AND a.outcome = ''",
                (LAPSED, now, [id for id, _ in self.lapsed], [number for _, number in self.lapsed]),
            )
        if self.begun:
            work.copy_in(
                "webhook_attempt",
                ("delivery", "number", "partner", "url", "started_at"),
                [(one.delivery, one.attempt, one.event.partner, one.url, now) for one in self.begun],
            )
        if self.over:
            outbox.done(work, self.over, now=now)
        if self.waits:
            outbox.postpone(work, self.waits, reason="not yet")
        self._written = dict(self.rows)
        self.over, self.waits, self.lapsed, self.begun = [], [], [], []

    def _changed(self) -> list[Row]:
        return [row for id, row in self.rows.items() if row is not self._written[id]]


def ask_rows(work: Work, ids: Collection[str]) -> Question:
    """Lock these deliveries and ask for them with their events; `rows_of` has the answer."""
    return work.ask(
        "SELECT d.id, d.endpoint, d.number, d.partner, d.state, d.attempt, d.failed, d.lease_until, d.next_at, "
        "d.created_at, d.reason, d.ended_at, "
        "e.partner, e.number, e.id, e.type, e.subject, e.sequence, e.live, e.data, e.occurred_at "
        "FROM webhook_delivery d LEFT JOIN webhook_event e ON e.id = d.event "
        "WHERE d.id = ANY(%s::text[]) ORDER BY d.id FOR UPDATE OF d",
        (sorted(ids),),
    )


def rows_of(work: Work, asked: Question) -> dict[str, Row]:
    """The deliveries that were asked for, those of them that exist, by id."""
    return {row[0]: _row(row) for row in work.answer(asked)}


def _row(row: tuple[Any, ...]) -> Row:
    event = NumberedEvent(*row[12:]) if row[12] is not None else None
    id, endpoint, number, partner, state, attempt, failed, lease_until, next_at, created_at, reason, ended_at = row[:12]
    return Row(
        id,
        endpoint,
        number,
        partner,
        DeliveryState(state),
        attempt,
        failed,
        lease_until,
        next_at,
        created_at,
        reason,
        ended_at,
        event,
    )


def ask_parked(work: Work, endpoints: Collection[str]) -> Question:
    """Ask for the lowest number parked for each of these endpoints; `parked_of` has the answer."""
    return work.ask(
        "SELECT asked.id, (SELECT min(d.number) FROM webhook_delivery d "
        "WHERE d.endpoint = asked.id AND d.state = 'parked') FROM unnest(%s::text[]) AS asked (id)",
        (sorted(endpoints),),
    )


def parked_of(work: Work, asked: Question) -> dict[str, int]:
    """The lowest number parked, by endpoint; those with nothing parked are left out."""
    return {id: number for id, number in work.answer(asked) if number is not None}


def ask_behind(work: Work, ids: Collection[str]) -> Question | None:
    """Ask for those of these deliveries that an earlier event of their subject is still ahead of."""
    if not ids:
        return None
    return work.ask(
        "SELECT d.id FROM webhook_delivery d WHERE d.id = ANY(%s::text[]) AND EXISTS ("
        "SELECT 1 FROM webhook_delivery b WHERE b.endpoint = d.endpoint AND b.subject = d.subject "
        "AND b.number < d.number AND b.state IN ('parked', 'waiting'))",
        (sorted(ids),),
    )


def keep_answers(work: Work, answers: Sequence[Answer], *, now: datetime) -> None:
    """Write the log of these attempts; one that was counted as lapsed meanwhile gets its answer all the same."""
    work.run_later(
        "UPDATE webhook_attempt a SET outcome = n.outcome, status = n.status, response = n.response, "
        "request = n.request, latency_ms = n.latency_ms, answered_at = %s "
        "FROM unnest(%s::text[], %s::integer[], %s::text[], %s::integer[], %s::text[], %s::text[], %s::bigint[]) "
        "AS n (delivery, number, outcome, status, response, request, latency_ms) "
        "WHERE a.delivery = n.delivery AND a.number = n.number",
        (
            now,
            [one.delivery for one in answers],
            [one.attempt for one in answers],
            [one.sent.outcome for one in answers],
            [one.sent.status for one in answers],
            [one.sent.response for one in answers],
            [one.request for one in answers],
            [one.latency_ms for one in answers],
        ),
    )


def _change(work: Work, changed: Sequence[Row]) -> None:
    work.run_later(
        "UPDATE webhook_delivery d SET state = n.state, attempt = n.attempt, failed = n.failed, "
        "lease_until = n.lease_until, next_at = n.next_at, reason = n.reason, ended_at = n.ended_at "
        "FROM unnest(%s::text[], %s::text[], %s::integer[], %s::integer[], %s::timestamptz[], %s::timestamptz[], "
        "%s::text[], %s::timestamptz[]) "
        "AS n (id, state, attempt, failed, lease_until, next_at, reason, ended_at) WHERE d.id = n.id",
        (
            [row.id for row in changed],
            [row.state.value for row in changed],
            [row.attempt for row in changed],
            [row.failed for row in changed],
            [row.lease_until for row in changed],
            [row.next_at for row in changed],
            [row.reason for row in changed],
            [row.ended_at for row in changed],
        ),
    )
