"""Reads the log of events, for partners who fetch instead of being told, and forgets what is very old.

A partner's events in the order of their numbers, each with the id and sequence it is delivered under. Knows no cursors.
"""

from dataclasses import dataclass
from datetime import datetime

from hub.kernel.errors import HubError
from hub.storage import Work
from hub.webhooks.numbering import NumberedEvent

EVENTS_KEPT_DAYS = 400
"""Long enough to look back over a financial year and its audit."""

_ONE = (
    "SELECT partner, number, id, type, subject, sequence, live, data, occurred_at FROM webhook_event "
    "WHERE id = %s AND live = %s"
)
_LIST = (
    "SELECT partner, number, id, type, subject, sequence, live, data, occurred_at FROM webhook_event "
    "WHERE partner = %(partner)s AND number > %(after)s AND live = %(live)s "
    "AND (%(type)s::text IS NULL OR type = %(type)s) AND (%(subject)s::text IS NULL OR subject = %(subject)s) "
    "AND (%(since)s::timestamptz IS NULL OR occurred_at >= %(since)s) "
    "AND (%(until)s::timestamptz IS NULL OR occurred_at < %(until)s) ORDER BY number LIMIT %(limit)s"
)


class EventMissing(HubError):
    """There is no such event: there never was, it is another partner's, or it has been forgotten."""

    code = "event_missing"


@dataclass(frozen=True, slots=True)
class EventsSought:
    """Which events of a partner's log. None for all; since: occurred then or later; until: before."""

    partner: str
    live: bool
    type: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def list_events(work: Work, sought: EventsSought, *, after: int, limit: int) -> list[NumberedEvent]:
    """Events with a number above `after`, in order.

    Whoever goes on from the last number misses nothing: a number can only be read once no smaller one is to come.
    """
    values = {
        "partner": sought.partner,
        "live": sought.live,
        "type": sought.type,
        "subject": sought.subject,
        "since": sought.since,
        "until": sought.until,
        "after": after,
        "limit": limit,
    }
    return [NumberedEvent(*row) for row in work.fetch_named(_LIST, values)]


def get_event(work: Work, id: str, *, live: bool) -> NumberedEvent:
    """One event. Raises: EventMissing."""
    rows = work.fetch(_ONE, (id, live))
    if not rows:
        raise EventMissing(f"There is no such event. Events are kept for {EVENTS_KEPT_DAYS} days.")
    return NumberedEvent(*rows[0])


def forget_events(work: Work, *, before: datetime, rows_max: int) -> int:
    """Delete events that occurred before `before`, oldest first; how many. Numbers and sequences go on as before."""
    return work.run(
        "DELETE FROM webhook_event WHERE (partner, number) IN (SELECT partner, number FROM webhook_event "
        "WHERE occurred_at < %s ORDER BY occurred_at LIMIT %s FOR UPDATE SKIP LOCKED)",
        (before, rows_max),
    )
