"""Lets deliveries that are parked go on, oldest first, as many as their endpoint takes.

A delivery is parked when its endpoint is paused, rests or is busy, or when an earlier event of its subject has not
arrived yet at an endpoint that wants them in order. Knows which comes next. Sends nothing.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from hub import outbox
from hub.storage import Work
from hub.webhooks.numbering import due_message
from hub.webhooks.standing import AGAIN, Ground, Standing, hold, keep, wake
from hub.webhooks.states import EndpointState

# Of one endpoint at a time: what is released and cannot be sent after all is parked again.
_RELEASED_MAX = 24

# Endpoints that one look after lost wakes takes up.
_LOOKED_AT_MAX = 200

# An endpoint of which nothing moved for so long, though something is parked, was forgotten.
_FORGOTTEN = timedelta(minutes=2)


def release(work: Work, endpoints: Sequence[str], *, now: datetime) -> None:
    """Let what is parked for these endpoints go on, as far as they take it; the rest is looked after later."""
    ground = hold(work, endpoints, now=now)
    for one in ground.standings.values():
        if one.wake_at is not None and one.wake_at <= now:
            one.wake_at = None
        release_some(work, ground, one, _RELEASED_MAX)
    keep(work, ground)


def release_some(work: Work, ground: Ground, one: Standing, count: int) -> None:
    """At most `count` of one endpoint, which this transaction holds."""
    if one.state is not EndpointState.ACTIVE:
        return
    now = ground.now
    hindered = ground.hindrance(one)
    if hindered is None:
        room = min(count, one.opening - ground.flying.get(one.id, 0), one.slots(now))
        released = _unpark(work, one, max(room, 0), now)
        if released == room:
            hindered = now + AGAIN  # those that go now bring the next ones when they end; this is for when they do not
    if hindered is not None and hindered > now and _is_any_parked(work, one):
        wake(work, one, hindered, now=now)


def release_forgotten(work: Work, *, now: datetime) -> int:
    """Look after endpoints with something parked that nobody is going to look after; how many there were.

    Repairs what a lost message or an endpoint that was resumed while an event was being numbered leaves behind.
    """
    rows = work.fetch(
        "SELECT e.id FROM webhook_endpoint e WHERE e.state = 'active' AND (e.wake_at IS NULL OR e.wake_at < %s) "
        "AND EXISTS (SELECT 1 FROM webhook_delivery d WHERE d.endpoint = e.id AND d.state = 'parked') "
        "AND NOT EXISTS (SELECT 1 FROM webhook_delivery d WHERE d.endpoint = e.id AND d.lease_until > %s) LIMIT %s",
        (now - _FORGOTTEN, now, _LOOKED_AT_MAX),
    )
    release(work, [id for (id,) in rows], now=now)
    return len(rows)


def park_again(work: Work, ids: Iterable[str], *, now: datetime) -> int:
    """Park these deliveries, wherever they are, with all their attempts before them; how many. Not those under way."""
    return work.run(
        "UPDATE webhook_delivery SET state = 'parked', failed = 0, reason = '', next_at = %s, ended_at = NULL "
        "WHERE id = ANY(%s::text[]) AND (lease_until IS NULL OR lease_until <= %s)",
        (now, list(ids), now),
    )


def _unpark(work: Work, one: Standing, count: int, now: datetime) -> int:
    """How many went on: the next ones that nothing of their own subject is ahead of, where that matters."""
    rows = work.fetch(
        "UPDATE webhook_delivery SET state = 'waiting', next_at = %s WHERE id IN ("
        "SELECT d.id FROM webhook_delivery d WHERE d.endpoint = %s AND d.state = 'parked' AND (NOT %s OR NOT EXISTS ("
        "SELECT 1 FROM webhook_delivery b WHERE b.endpoint = d.endpoint AND b.subject = d.subject "
        "AND b.number < d.number AND b.state IN ('parked', 'waiting'))) ORDER BY d.number LIMIT %s FOR UPDATE) "
        "RETURNING id, number",
        (now, one.id, one.fifo, count),
    )
    ids = [id for id, _ in sorted(rows, key=lambda row: row[1])]
    outbox.announce(work, [due_message(id, one.id) for id in ids], now=now)
    return len(ids)


def _is_any_parked(work: Work, one: Standing) -> bool:
    found = work.fetch("SELECT 1 FROM webhook_delivery WHERE endpoint = %s AND state = 'parked' LIMIT 1", (one.id,))
    return bool(found)
