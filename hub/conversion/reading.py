"""Answers about conversions: who may see one, what happened to it, and when it should end.

Only reads. Knows rows, attempts and history.
"""

from datetime import datetime

from hub.conversion import ageing, store
from hub.conversion.ageing import Outlook
from hub.conversion.errors import ConversionMissing
from hub.conversion.record import Record
from hub.conversion.states import FINAL, ConversionState
from hub.conversion.types import Moment
from hub.legs.store import attempts
from hub.storage import Work


def visible(record: Record, client_partner: str, *, live: bool | None) -> bool:
    """The hub's own people see all; a partner's client what it asked for or takes part in.

    live: what the one who asks has to do with, real points or test ones; None for both, which is the hub itself.
    """
    ours = client_partner in ("", record.source_partner, record.target_partner, record.client_partner)
    return ours and live in (None, record.live)


def seen(work: Work, conversion: str, client_partner: str, *, live: bool | None = None) -> Record:
    """One conversion. Raises: ConversionMissing, also for one of other partners."""
    record = store.by_id(work, [conversion]).get(conversion)
    if record is None or not visible(record, client_partner, live=live):
        raise ConversionMissing("There is no such conversion.")
    return record


def timeline(work: Work, record: Record) -> list[Moment]:
    """Its steps and every attempt, oldest first."""
    places = _places(record)
    moments = [Moment(record.created_at, "accepted", "", "")]
    moments += [Moment(*row) for row in store.moments(work, record.id)]
    for attempt in attempts(work, list(places)):
        role, partner = places[attempt.leg]
        moments.append(Moment(attempt.started_at, f"{role} {attempt.kind}", partner, f"attempt {attempt.number}"))
        if attempt.answered_at is not None:
            answer = f"{attempt.outcome} {attempt.detail}" if attempt.outcome == "unknown" else attempt.outcome
            moments.append(Moment(attempt.answered_at, f"{role} {attempt.kind} answered", partner, answer))
    return sorted(moments, key=_instant)


def outlook(work: Work, record: Record) -> Outlook:
    """Who acts next, and until when it should have ended."""
    route = (record.source_unit, record.target_unit)
    pace = ageing.paces(work, [route])[route]
    ended = ConversionState(record.state) in FINAL
    return Outlook(
        ball=record.ball,
        since=record.updated_at,
        pace=pace,
        expected_by=None if ended else record.created_at + pace.p95,
        late_at=None if ended else record.created_at + pace.late_after,
    )


def has_open(work: Work, member: str) -> bool:
    """Whether points of this member are on their way, or owed to it."""
    ended = [ConversionState.POSTED.value, ConversionState.VOIDED.value]
    rows = work.fetch(
        "SELECT 1 FROM conversion WHERE member = %s AND state <> ALL(%s::text[]) LIMIT 1", (member, ended)
    )
    return bool(rows)


def _instant(moment: Moment) -> datetime:
    return moment.at


def _places(record: Record) -> dict[str, tuple[str, str]]:
    """(role, partner) of each leg that the conversion has, by the leg's id."""
    legs = {
        record.debit_leg: ("debit", record.source_partner),
        record.credit_leg: ("credit", record.target_partner),
        record.giveback_leg: ("giveback", record.source_partner),
        record.bonus_leg: ("bonus", record.target_partner),
    }
    return {leg: place for leg, place in legs.items() if leg}
