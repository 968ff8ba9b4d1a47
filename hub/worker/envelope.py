"""Messages as bytes: our own canonical JSON in a versioned envelope, strict in both directions.

Knows the shape of the envelope. Does not know the broker. The broker library's own serializer is left out, since it
writes types of its own into JSON and reads them back.
"""

import json
from datetime import datetime

from hub.kernel.clock import parse_rfc3339, rfc3339
from hub.kernel.errors import HubError
from hub.outbox import Delivery

VERSION = 1
CONTENT_TYPE = "application/json"

# Ours stay under 2 kB; larger ones come from somebody else.
_BYTES_MAX = 64 * 1024

_TEXTS = ("kind", "lane", "queue", "subject", "trace")
_FIELDS = frozenset({"attempts", "body", "created_at", "id", "version", *_TEXTS})


class EnvelopeInvalid(HubError):
    """Bytes from the queue that are no message of a version this worker reads."""

    code = "envelope_invalid"


def encode(delivery: Delivery) -> bytes:
    """The bytes of `delivery`: same content, same bytes."""
    fields = {
        "attempts": delivery.attempts,
        "body": dict(delivery.body),
        "created_at": rfc3339(delivery.created_at),
        "id": delivery.id,
        "kind": delivery.kind,
        "lane": delivery.lane,
        "queue": delivery.queue,
        "subject": delivery.subject,
        "trace": delivery.trace,
        "version": VERSION,
    }
    return json.dumps(fields, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()


def decode(data: bytes) -> Delivery:
    """The delivery in these bytes. Raises: EnvelopeInvalid."""
    if len(data) > _BYTES_MAX:
        raise EnvelopeInvalid("The message is too long.", bytes=len(data))
    try:
        fields = json.loads(data.decode(), object_pairs_hook=_unique, parse_float=_refuse, parse_constant=_refuse)
    except (ValueError, RecursionError) as fault:
        raise EnvelopeInvalid("The message is not plain JSON.") from fault
    if not isinstance(fields, dict) or fields.keys() != _FIELDS:
        raise EnvelopeInvalid("The message has other fields than an envelope.")
    if type(fields["version"]) is not int or fields["version"] != VERSION:
        raise EnvelopeInvalid("The message is of a version this worker does not read.")
    return _delivery(fields)


def _delivery(fields: dict[str, object]) -> Delivery:
    body = fields["body"]
    texts = {name: _text(fields[name]) for name in _TEXTS}
    if not isinstance(body, dict) or not all(type(value) in (str, int) for value in body.values()):
        raise EnvelopeInvalid("The body of the message holds something else than strings and integers.")
    return Delivery(
        id=_whole(fields["id"]),
        body=body,
        attempts=_whole(fields["attempts"]),
        created_at=_instant(fields["created_at"]),
        **texts,
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise EnvelopeInvalid("A text of the message is none.")
    return value


def _whole(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise EnvelopeInvalid("A number of the message is none.")
    return value


def _instant(value: object) -> datetime:
    try:
        return parse_rfc3339(_text(value))
    except ValueError as fault:
        raise EnvelopeInvalid("The time of the message is none.") from fault


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a name twice")
    return fields


def _refuse(text: str) -> object:
    raise ValueError(f"{text[:20]} is no integer")
