"""Sends again what an endpoint missed, or what it had: one delivery, or its part of the log from a moment on.

A replay keeps the id and the sequence of every event, so a receiver that remembers ids does nothing twice. Knows events
and deliveries. Sends nothing itself: it parks, and what is parked goes out in the order of the log.
"""

from datetime import datetime
from typing import LiteralString

from hub.kernel.ids import new_id
from hub.storage import Work
from hub.webhooks.catalogue import TEST
from hub.webhooks.endpoints import lock_endpoint
from hub.webhooks.refusals import DeliveryMissing, EndpointStateWrong, ReplayInvalid
from hub.webhooks.releasing import park_again, release
from hub.webhooks.states import EndpointState
from hub.webhooks.types import Endpoint, Replayed, Replaying

# Events that one replay looks at; whoever has more goes on after the last of them.
REPLAY_EVENTS_MAX = 1_000

_EVENTS: LiteralString = (
    "SELECT number, id, type, subject FROM webhook_event WHERE partner = %(partner)s AND live = %(live)s "
    "AND occurred_at >= %(since)s AND (%(until)s::timestamptz IS NULL OR occurred_at < %(until)s) "
    "AND number > %(after)s AND (CASE WHEN type = %(test)s THEN data ->> 'endpoint' = %(endpoint)s "
    "ELSE %(all)s OR type = ANY(%(types)s::text[]) END) "
    "ORDER BY number LIMIT %(limit)s"
)

# A delivery that is there already is sent again if it ended; one under way is left to whoever is at it.
_PARK: LiteralString = (
    "INSERT INTO webhook_delivery AS d "
    "(id, partner, endpoint, event, number, type, subject, state, next_at, created_at) "
    "SELECT n.id, %s, %s, n.event, n.number, n.type, n.subject, 'parked', %s, %s "
    "FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[]) AS n (id, event, number, type, subject) "
    "ON CONFLICT (endpoint, event) DO UPDATE SET state = 'parked', failed = 0, reason = '', ended_at = NULL, "
    "next_at = excluded.next_at WHERE d.state = ANY(%s::text[]) "
    "AND (d.lease_until IS NULL OR d.lease_until <= excluded.next_at) RETURNING d.id"
)


def replay_one(work: Work, id: str, *, now: datetime) -> None:
    """Send one delivery again, with all its attempts before it, unless it is under way.

    Raises: DeliveryMissing, EndpointMissing, EndpointStateWrong.
    """
    rows = work.fetch("SELECT endpoint FROM webhook_delivery WHERE id = %s", (id,))
    if not rows:
        raise DeliveryMissing("There is no such delivery.")
    endpoint = _ready(work, rows[0][0])
    park_again(work, [id], now=now)
    release(work, [endpoint.id], now=now)


def replay(work: Work, endpoint_id: str, asked: Replaying, *, now: datetime) -> Replayed:
    """Send an endpoint its part of the log again, as far as one replay goes.

    Also events of a time at which the endpoint was disabled, or was not there yet.
    Raises: EndpointMissing, EndpointStateWrong, ReplayInvalid.
    """
    if asked.until is not None and asked.until <= asked.since:
        raise ReplayInvalid("A replay goes from `since` up to a later `until`.", pointer="#/until")
    endpoint = _ready(work, endpoint_id)
    events = work.fetch_named(
        _EVENTS,
        {
            "partner": endpoint.partner,
            "live": endpoint.live,
            "since": asked.since,
            "until": asked.until,
            "after": _number_of(work, endpoint, asked.after),
            "test": TEST,
            "endpoint": endpoint.id,
            "all": not endpoint.types,
            "types": list(endpoint.types),
            "limit": REPLAY_EVENTS_MAX + 1,
        },
    )
    more, events = len(events) > REPLAY_EVENTS_MAX, events[:REPLAY_EVENTS_MAX]
    if not events:
        return Replayed(0, None)
    numbers, ids, types, subjects = (list(column) for column in zip(*events, strict=True))
    states = ["parked", "waiting", "exhausted", *(["delivered"] if asked.all else [])]
    fresh = [new_id("dlv", now) for _ in ids]
    parked = work.fetch(_PARK, (endpoint.partner, endpoint.id, now, now, fresh, ids, numbers, types, subjects, states))
    release(work, [endpoint.id], now=now)
    return Replayed(len(parked), ids[-1] if more else None)


def _ready(work: Work, id: str) -> Endpoint:
    endpoint = lock_endpoint(work, id)
    if endpoint.state is EndpointState.DISABLED:
        raise EndpointStateWrong("A disabled endpoint is not sent to; resume it first.", state=endpoint.state.value)
    return endpoint


def _number_of(work: Work, endpoint: Endpoint, event: str) -> int:
    """The place in the log to go on after; 0 for its beginning. Raises: ReplayInvalid."""
    if not event:
        return 0
    rows = work.fetch("SELECT number FROM webhook_event WHERE id = %s AND partner = %s", (event, endpoint.partner))
    if not rows:
        raise ReplayInvalid("Go on after an event of this partner's log.", pointer="#/after")
    return int(rows[0][0])
