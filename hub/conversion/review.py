"""Two persons who agree let a conversion under review go on, or end it.

Knows verdicts. What follows from them in the ledger and at partners is carried out elsewhere.
"""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from hub.agreements.refusals import FourEyes
from hub.audit.service import record as audit
from hub.conversion import store
from hub.conversion.errors import ConversionMissing, NotInReview
from hub.conversion.legwork import debit_leg
from hub.conversion.record import Record
from hub.conversion.states import ConversionState
from hub.conversion.store import NewMoment
from hub.legs.service import open_legs
from hub.storage import Work


class Verdict(StrEnum):
    """What a person says of a conversion under review."""

    RELEASE = "release"  # it may go on
    DENY = "deny"  # it must not


def agreed(work: Work, conversion: str, verdict: Verdict, *, actor: str, now: datetime) -> Record | None:
    """The locked conversion, when this verdict is the second of its kind; None when it is the first, which is kept.

    Raises: ConversionMissing, NotInReview, FourEyes.
    """
    record = store.lock(work, [conversion]).get(conversion)
    if record is None:
        raise ConversionMissing("There is no such conversion.")
    if record.state != ConversionState.REVIEW:
        raise NotInReview("It is not under review.", state=record.state)
    before = store.verdicts(work, conversion)
    if before.get(actor) == verdict:
        raise FourEyes("Somebody else has to agree.")
    store.add_verdict(work, conversion, actor=actor, verdict=verdict.value, now=now)
    others = {said for who, said in before.items() if who != actor}
    return record if verdict in others else None


def let_go_on(work: Work, record: Record, *, now: datetime) -> Record:
    """Send a released conversion on its way, as if it had just been accepted."""
    state, version = ConversionState.HELD.value, record.version + 1
    released = replace(record, state=state, ball=record.source_partner, reason="", updated_at=now, version=version)
    store.write(work, [released])
    store.add_moments(work, [NewMoment(record.id, version, "released", "", "")], now=now)
    open_legs(work, [debit_leg(released)], now=now)
    return released


def keep_verdict(work: Work, conversion: str, verdict: Verdict, *, actor: str, now: datetime) -> None:
    """Note who said what; the last thing in its transaction."""
    audit(work, actor=actor, action=f"conversion.{verdict}", subject=conversion, facts={}, now=now)
