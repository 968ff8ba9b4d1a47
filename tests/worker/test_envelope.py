"""Messages as bytes: the same content gives the same bytes, and nothing else than an envelope is read."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from hub.outbox import Delivery
from hub.worker.envelope import EnvelopeInvalid, decode, encode
from tests.conftest import START

DELIVERY = Delivery(
    id=7,
    queue="legs",
    kind="leg.due",
    subject="leg_1",
    lane="aerojet",
    body={"b": 'Zoë \u2028 "', "a": 2**53 + 1},
    attempts=2,
    created_at=START,
    trace="00-abc-def-01",
)


def test_what_is_encoded_decodes_to_the_same() -> None:
    assert decode(encode(DELIVERY)) == DELIVERY


def test_the_bytes_are_canonical() -> None:
    other_order = replace(DELIVERY, body=dict(reversed(list(DELIVERY.body.items()))))

    data = encode(DELIVERY)

    assert data == encode(other_order)
    assert (
        data
        == (
            '{"attempts":2,"body":{"a":9007199254740993,"b":"Zoë \u2028 \\""},'
            '"created_at":"2026-04-06T09:00:00.000000Z","id":7,"kind":"leg.due","lane":"aerojet","queue":"legs",'
            '"subject":"leg_1","trace":"00-abc-def-01","version":1}'
        ).encode()
    )


Change = Callable[[dict[str, object]], object]


@pytest.mark.parametrize(
    "change",
    [
        lambda fields: fields.pop("id"),
        lambda fields: fields.update(extra=1),
        lambda fields: fields.update(version=2),
        lambda fields: fields.update(version=True),
        lambda fields: fields.update(version="1"),
        lambda fields: fields.update(id="7"),
        lambda fields: fields.update(id=True),
        lambda fields: fields.update(id=-1),
        lambda fields: fields.update(id=2**63),
        lambda fields: fields.update(attempts=None),
        lambda fields: fields.update(lane=5),
        lambda fields: fields.update(trace=None),
        lambda fields: fields.update(created_at="2026-04-06T09:00:00"),
        lambda fields: fields.update(created_at="yesterday"),
        lambda fields: fields.update(created_at=0),
        lambda fields: fields.update(body=[]),
        lambda fields: fields.update(body={"a": True}),
        lambda fields: fields.update(body={"a": None}),
        lambda fields: fields.update(body={"a": {"b": 1}}),
        lambda fields: fields.update(body={"a": 0.5}),
        lambda fields: fields.update(subject="x" * 70_000),
    ],
)
def test_an_envelope_that_is_not_exactly_one_is_refused(change: Change) -> None:
    fields = json.loads(encode(DELIVERY))
    change(fields)

    with pytest.raises(EnvelopeInvalid):
        decode(json.dumps(fields).encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"\xff",
        b"{",
        b"[" * 60_000,
        encode(DELIVERY).replace(b'"id":7', b'"id":7,"id":8'),
        encode(DELIVERY).replace(b'"id":7', b'"id":NaN'),
        encode(DELIVERY).replace(b'"id":7', b'"id":7.0'),
        encode(DELIVERY).replace(b'"id":7', b'"id":' + b"9" * 5_000),
        encode(DELIVERY) + b"x",
        encode(DELIVERY).decode().encode("utf-16"),
    ],
)
def test_bytes_that_are_no_plain_json_object_are_refused(data: bytes) -> None:
    with pytest.raises(EnvelopeInvalid):
        decode(data)
