"""The log of deliveries: what was sent where and when, what came back, what waits and what never arrived.

Read as the partner whose rows they are. Knows deliveries and attempts. Changes nothing but by forgetting.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from hub.storage import Work
from hub.webhooks.numbering import NumberedEvent
from hub.webhooks.refusals import DeliveryMissing
from hub.webhooks.states import DeliveryState
from hub.webhooks.types import Attempt, Pending, WebhookDelivery

DELIVERIES_KEPT_DAYS = 90
"""Longer than anybody looks for the attempt that went wrong; the events themselves are kept for longer."""

# `EXISTS` rather than a join: reading as a partner, the planner must be free to begin with the deliveries.
_DELIVERIES: LiteralString = (
    "SELECT d.id, d.partner, d.endpoint, d.event, d.number, d.subject, d.type, d.state, d.reason, d.attempt, "
    "d.next_at, d.created_at, d.ended_at FROM webhook_delivery d "
    "WHERE EXISTS (SELECT 1 FROM partner p WHERE p.code = d.partner AND p.live = %(live)s) "
)


@dataclass(frozen=True, slots=True)
class DeliveriesSought:
    """Which deliveries. None for any; since: opened then or later; until: before."""

    live: bool
    partner: str | None = None
    endpoint: str | None = None
    state: DeliveryState | None = None
    type: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def list_deliveries(
    work: Work, sought: DeliveriesSought, *, after: tuple[datetime, str] | None, limit: int
) -> list[WebhookDelivery]:
    """Deliveries, newest first. after: time and id of the last one seen."""
    values = {
        "live": sought.live,
        "partner": sought.partner,
        "endpoint": sought.endpoint,
        "state": sought.state.value if sought.state else None,
        "type": sought.type,
        "subject": sought.subject,
        "since": sought.since,
        "until": sought.until,
        "at": after[0] if after else None,
        "id": after[1] if after else "",
        "limit": limit,
    }
    rows = work.fetch_named(
        _DELIVERIES + "AND (%(partner)s::text IS NULL OR d.partner = %(partner)s) "
        "AND (%(endpoint)s::text IS NULL OR d.endpoint = %(endpoint)s) "
        "AND (%(state)s::text IS NULL OR d.state = %(state)s) AND (%(type)s::text IS NULL OR d.type = %(type)s) "
        "AND (%(subject)s::text IS NULL OR d.subject = %(subject)s) "
        "AND (%(since)s::timestamptz IS NULL OR d.created_at >= %(since)s) "
        "AND (%(until)s::timestamptz IS NULL OR d.created_at < %(until)s) "
        "AND (%(at)s::timestamptz IS NULL OR (d.created_at, d.id) < (%(at)s, %(id)s)) "
        "ORDER BY d.created_at DESC, d.id DESC LIMIT %(limit)s",
        values,
    )
    return [_delivery(row) for row in rows]


def get_delivery(work: Work, id: str, *, live: bool) -> WebhookDelivery:
    """One delivery. Raises: DeliveryMissing."""
    rows = work.fetch_named(_DELIVERIES + "AND d.id = %(id)s", {"id": id, "live": live})
    if not rows:
        raise DeliveryMissing(f"There is no such delivery. Deliveries are kept for {DELIVERIES_KEPT_DAYS} days.")
    return _delivery(rows[0])


def attempts(work: Work, delivery: str) -> list[Attempt]:
    """What was sent and what came back, oldest first."""
    rows = work.fetch(
        "SELECT number, url, request, started_at, answered_at, latency_ms, status, outcome, response "
        "FROM webhook_attempt WHERE delivery = %s ORDER BY number",
        (delivery,),
    )
    return [Attempt(*row) for row in rows]


def event_of_delivery(work: Work, delivery: WebhookDelivery) -> NumberedEvent | None:
    """The event as it is sent; None once it was forgotten."""
    rows = work.fetch(
        "SELECT partner, number, id, type, subject, sequence, live, data, occurred_at FROM webhook_event "
        "WHERE partner = %s AND number = %s",
        (delivery.partner, delivery.number),
    )
    return NumberedEvent(*rows[0]) if rows else None


def pending(work: Work) -> Pending:
    """How much waits, for metrics; costs that many index entries."""
    rows = work.fetch(
        "SELECT (SELECT count(*) FROM webhook_delivery WHERE state = 'waiting'), "
        "(SELECT count(*) FROM webhook_delivery WHERE state = 'parked'), "
        "(SELECT count(*) FROM webhook_endpoint WHERE state = 'disabled')"
    )
    return Pending(*rows[0])


def forget_deliveries(work: Work, *, before: datetime, rows_max: int) -> int:
    """Delete deliveries that were opened before `before`, with their attempts, oldest first; how many."""
    rows = work.fetch(
        "DELETE FROM webhook_delivery WHERE id IN (SELECT id FROM webhook_delivery WHERE created_at < %s "
        "ORDER BY created_at LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING id",
        (before, rows_max),
    )
    work.run("DELETE FROM webhook_attempt WHERE delivery = ANY(%s::text[])", ([id for (id,) in rows],))
    return len(rows)


def _delivery(row: tuple[Any, ...]) -> WebhookDelivery:
    id, partner, endpoint, event, number, subject, type_, state, reason, attempt, next_at, created_at, ended_at = row
    return WebhookDelivery(
        id=id,
        partner=partner,
        endpoint=endpoint,
        event=event,
        number=number,
        subject=subject,
        type=type_,
        state=DeliveryState(state),
        reason=reason,
        attempts=attempt,
        next_at=next_at,
        created_at=created_at,
        ended_at=ended_at,
    )
