"""What partners are told about conversions: pure, over what just happened to them.

Knows which step is an event and for whom. Does not know who listens.
"""

from collections.abc import Mapping, Sequence

from hub.conversion.record import Record
from hub.conversion.settling import Turn
from hub.conversion.states import ConversionState
from hub.outbox.events import Event

_ENDS = {
    ConversionState.POSTED: "conversion.posted",
    ConversionState.VOIDED: "conversion.voided",
    ConversionState.OWED: "conversion.owed",
}


def events_of(turns: Sequence[Turn], records: Mapping[str, Record]) -> list[Event]:
    """What these turns tell. records: originals of reversals among them, as they stand now."""
    events: list[Event] = []
    for turn in turns:
        record = turn.record
        if turn.what in ("posted", "voided", "cancelled", "denied", "owed"):
            events.append(_event(_ENDS[ConversionState(record.state)], record))
        if turn.what == "posted" and record.reverses:
            events.append(_reversed(records[record.reverses], record))
    return events


def in_review(records: Sequence[Record]) -> list[Event]:
    """What is told of conversions that were just accepted and wait for two people."""
    return [_event("conversion.in_review", record) for record in records]


def _event(type_: str, record: Record) -> Event:
    data = {
        "conversion": record.id,
        "state": record.state,
        "source_partner": record.source_partner,
        "target_partner": record.target_partner,
    }
    # Why the risk rules hold a conversion back is between its review and the hub.
    if record.reason and record.state in (ConversionState.VOIDED, ConversionState.OWED):
        data["reason"] = record.reason
    if record.reverses:
        data["reverses"] = record.reverses
    return Event(type_, record.id, _partners(record), data, record.live)


def _reversed(original: Record, reversal: Record) -> Event:
    """The subject is the original: it is the one that its partners know."""
    data = {
        "conversion": original.id,
        "reversal": reversal.id,
        "extent": "whole" if reversal.source_amount == original.target_amount else "part",
        "source_partner": original.source_partner,
        "target_partner": original.target_partner,
    }
    return Event("conversion.reversed", original.id, _partners(original), data, original.live)


def _partners(record: Record) -> tuple[str, ...]:
    named = {record.source_partner, record.target_partner, record.client_partner}
    return tuple(sorted(named - {""}))
