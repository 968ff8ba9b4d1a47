"""Numbers announced events, in the order they were announced, and opens a delivery for every endpoint that wants them.

One transaction at a time numbers, under the lock of the counter's row until it commits, so a number that can be read
has no smaller one still to come and no cursor ever skips an event. Knows events and endpoints. Sends nothing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from psycopg.types.json import Jsonb

from hub import outbox
from hub.agreements.roster import liveness
from hub.kernel.clock import rfc3339
from hub.kernel.ids import new_id
from hub.outbox import Message
from hub.outbox.events import LANE, QUEUE, Event, event_of
from hub.storage import Work
from hub.webhooks.catalogue import TEST
from hub.webhooks.states import DeliveryState, EndpointState

WEBHOOK_DUE = "webhook.due"

# Events that one transaction numbers: far below 100 ms of work, and many more than one claim of the relay brings.
EVENTS_MAX = 500

_EVENT_COLUMNS = ("partner", "number", "id", "type", "subject", "sequence", "live", "data", "occurred_at")
_DELIVERY_COLUMNS = (
    "id",
    "partner",
    "endpoint",
    "event",
    "number",
    "type",
    "state",
    "next_at",
    "created_at",
    "subject",
)


@dataclass(frozen=True, slots=True)
class NumberedEvent:
    """An event in the log of one partner. number: grows along the log; sequence: along its subject, without gaps."""

    partner: str
    number: int
    id: str
    type: str
    subject: str
    sequence: int
    live: bool
    data: Mapping[str, str | int]
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class _Listener:
    """An endpoint as far as it matters who gets what. types: empty for all."""

    id: str
    partner: str
    types: frozenset[str]
    paused: bool
    live: bool

    def wants(self, event: NumberedEvent) -> bool:
        if event.type == TEST:
            return event.data["endpoint"] == self.id
        return event.live == self.live and (not self.types or event.type in self.types)


def number_announced(work: Work, *, now: datetime) -> set[int]:
    """Number the oldest announced events and open their deliveries; ids of the messages this ends.

    A fixed number of statements, however many events and endpoints.
    """
    # The counter before the outbox rows: nobody who holds one of those ever waits for the counter.
    last = int(work.fetch("SELECT number FROM webhook_counter WHERE id = 1 FOR UPDATE")[0][0])
    announced = outbox.claim_lane(work, queue=QUEUE, lane=LANE, limit=EVENTS_MAX)
    if not announced:
        return set()
    live = liveness(work)
    addressed = [
        _unnumbered(event_of(one), partner, one.created_at)
        for one in announced
        for partner in _addressees(event_of(one), live)
    ]
    numbered = _numbered(work, addressed, last, now)
    if numbered:
        work.run("UPDATE webhook_counter SET number = %s WHERE id = 1", (numbered[-1].number,))
        work.copy_in("webhook_event", _EVENT_COLUMNS, [_event_row(event) for event in numbered])
        _open_deliveries(work, numbered, now=now)
    ended = {one.id for one in announced}
    outbox.done(work, sorted(ended), now=now)
    return ended


def _addressees(event: Event, live: Mapping[str, bool]) -> list[str]:
    """Partners that this event may reach: live ones get live events, test ones test events, and nothing crosses."""
    wanted = event.partners or tuple(sorted(live))
    return [partner for partner in wanted if live.get(partner) is event.live]


def _unnumbered(event: Event, partner: str, at: datetime) -> NumberedEvent:
    return NumberedEvent(partner, 0, "", event.type, event.subject, 0, event.live, event.data, at)


def _numbered(work: Work, events: Sequence[NumberedEvent], last: int, now: datetime) -> list[NumberedEvent]:
    """These events with their numbers, ids and sequences, which are kept."""
    pairs = sorted({(event.partner, event.subject) for event in events})
    rows = work.fetch(
        "SELECT s.partner, s.subject, s.sequence FROM webhook_subject s "
        "JOIN unnest(%s::text[], %s::text[]) AS wanted (partner, subject) "
        "ON s.partner = wanted.partner AND s.subject = wanted.subject",
        ([partner for partner, _ in pairs], [subject for _, subject in pairs]),
    )
    sequences = {(partner, subject): int(sequence) for partner, subject, sequence in rows}
    numbered: list[NumberedEvent] = []
    for number, event in enumerate(events, last + 1):
        pair = (event.partner, event.subject)
        sequences[pair] = sequences.get(pair, 0) + 1
        numbered.append(replace(event, number=number, id=new_id("evt", now), sequence=sequences[pair]))
    if pairs:
        work.run(
            "INSERT INTO webhook_subject (partner, subject, sequence) "
            "SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[]) "
            "ON CONFLICT (partner, subject) DO UPDATE SET sequence = excluded.sequence",
            ([pair[0] for pair in pairs], [pair[1] for pair in pairs], [sequences[pair] for pair in pairs]),
        )
    return numbered


def _event_row(event: NumberedEvent) -> tuple[object, ...]:
    return (
        event.partner,
        event.number,
        event.id,
        event.type,
        event.subject,
        event.sequence,
        event.live,
        Jsonb(dict(event.data)),
        event.occurred_at,
    )


def _open_deliveries(work: Work, events: Sequence[NumberedEvent], *, now: datetime) -> None:
    """One delivery for each event and each endpoint that wants it; paused endpoints get theirs when they go on."""
    listeners = _listeners(work, sorted({event.partner for event in events}))
    rows: list[tuple[object, ...]] = []
    messages: list[Message] = []
    for event in events:
        for one in listeners.get(event.partner, ()):
            if one.wants(event):
                delivery = new_id("dlv", now)
                state = DeliveryState.PARKED if one.paused else DeliveryState.WAITING
                rows.append(
                    (
                        delivery,
                        event.partner,
                        one.id,
                        event.id,
                        event.number,
                        event.type,
                        state.value,
                        now,
                        now,
                        event.subject,
                    )
                )
                if not one.paused:
                    messages.append(due_message(delivery, one.id))
    if rows:
        work.copy_in("webhook_delivery", _DELIVERY_COLUMNS, rows)
    outbox.announce(work, messages, now=now)


def due_message(delivery: str, endpoint: str) -> Message:
    """What has a delivery attempted. Its lane is the endpoint, so that one of them never delays another."""
    return Message(queue=QUEUE, kind=WEBHOOK_DUE, subject=delivery, lane=endpoint)


def _listeners(work: Work, partners: Sequence[str]) -> dict[str, list[_Listener]]:
    found: dict[str, list[_Listener]] = {}
    rows = work.fetch(
        "SELECT id, partner, types, state, live FROM webhook_endpoint "
        "WHERE partner = ANY(%s::text[]) AND state <> 'disabled' ORDER BY id",
        (list(partners),),
    )
    for id_, partner, types, state, live in rows:
        one = _Listener(id_, partner, frozenset(types), state == EndpointState.PAUSED, live)
        found.setdefault(partner, []).append(one)
    return found


def event_view(event: NumberedEvent) -> dict[str, object]:
    """An event as it is delivered and listed; the same both ways."""
    return {
        "id": event.id,
        "type": event.type,
        "timestamp": rfc3339(event.occurred_at),
        "subject": event.subject,
        "sequence": event.sequence,
        "live": event.live,
        "data": dict(sorted(event.data.items())),
    }


def event_text(event: NumberedEvent) -> str:
    """An event as JSON, the same bytes every time."""
    return json.dumps(event_view(event), ensure_ascii=False, separators=(",", ":"))
