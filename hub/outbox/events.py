"""Events: what partners may be told of, announced in the transaction that makes it true.

A flow says what happened, to what, and which partners it concerns. Does not know who listens, how events are numbered
or how they are delivered: a consumer of the queue `webhooks` does.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from hub.outbox.service import Delivery, Message, announce
from hub.storage import Work

QUEUE = "webhooks"
EVENT_ANNOUNCED = "event.announced"

LANE = "events"
"""All announcements share one lane, because one consumer at a time numbers them, in the order they were written."""

_TYPE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
_EVERYBODY = "*"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    type: small words joined by dots (`conversion.posted`). subject: id of what it happened to; events of one subject
    keep their order. partners: codes of those it concerns, in any order; empty for every partner of the same kind, live
    or test. data: a few flat facts, nothing personal and nothing that one of these partners must not see. live: whether
    it concerns live partners; test events never reach them.
    """

    type: str
    subject: str
    partners: tuple[str, ...]
    data: Mapping[str, str | int]
    live: bool


def announce_events(work: Work, events: Sequence[Event], *, now: datetime) -> None:
    """Write events, to be numbered and delivered once this transaction commits. One COPY; none without events.

    The caller holds its lock on each subject, so that events of one subject are written in the order they happened.
    """
    announce(work, [_message(event) for event in events], now=now)


def event_of(delivery: Delivery) -> Event:
    """The event that a message on its way announces."""
    body = delivery.body
    addressed = str(body["partners"])
    return Event(
        type=str(body["type"]),
        subject=delivery.subject,
        partners=() if addressed == _EVERYBODY else tuple(addressed.split(" ")),
        data=json.loads(str(body["data"])),
        live=bool(body["live"]),
    )


def _message(event: Event) -> Message:
    assert _TYPE.fullmatch(event.type), f"no type of event: {event.type!r}"
    assert all(event.partners), "a partner has a code"
    assert all(type(value) in (str, int) for value in event.data.values()), "an event holds strings and integers"
    body: dict[str, str | int] = {
        "type": event.type,
        "partners": " ".join(sorted(set(event.partners))) or _EVERYBODY,
        "data": json.dumps(dict(event.data), ensure_ascii=False, sort_keys=True, separators=(",", ":")),
        "live": int(event.live),
    }
    return Message(queue=QUEUE, kind=EVENT_ANNOUNCED, subject=event.subject, lane=LANE, body=body)
