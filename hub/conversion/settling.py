"""What the outcome of a leg does to its conversion: the next state, what the ledger does, which legs follow. Pure.

Knows the state machine of the two legs. Does not know rows, locks or how the ledger carries an act out.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hub.conversion.legwork import bonus_leg, credit_leg, giveback_leg
from hub.conversion.postings import (
    arrival_posting,
    bonus_credit_posting,
    bonus_key,
    bonus_owed_posting,
    bonus_posting,
    debit_key,
    giveback_key,
    owed_posting,
    post_key,
)
from hub.conversion.record import Record
from hub.conversion.states import MOVES, ConversionState
from hub.kernel.clock import rfc3339
from hub.ledger import Posting, Reversal
from hub.legs.cases import NewCase
from hub.legs.states import LegRole, LegState
from hub.legs.types import LegResult, NewLeg
from hub.members.types import Merge

# Days within which what is owed to a member has to be paid to somebody who may have it: a month, as for objections.
OWED_DAYS = 30


@dataclass(frozen=True, slots=True)
class PostHold:
    """Make a hold final."""

    key: str


@dataclass(frozen=True, slots=True)
class VoidHold:
    """Give a hold back."""

    key: str


@dataclass(frozen=True, slots=True)
class Post:
    """Post; reverses: the share of an earlier posting that this undoes."""

    posting: Posting
    reverses: Reversal | None = None


@dataclass(frozen=True, slots=True)
class Undo:
    """Reverse the posting `of` in full."""

    key: str
    of: str
    reference: str


Act = PostHold | VoidHold | Post | Undo


@dataclass(frozen=True, slots=True)
class Turn:
    """One step of one conversion.

    what, partner, detail: its line in the timeline. undone: target units of the original that a reversal, now voided,
    no longer takes back. ended: whether it was the last step.
    """

    record: Record
    what: str
    partner: str
    detail: str
    acts: tuple[Act, ...] = ()
    legs: tuple[NewLeg, ...] = ()
    cases: tuple[NewCase, ...] = ()
    undone: int = 0
    ended: bool = False


_EXPECTED = {
    LegRole.DEBIT: (ConversionState.HELD, "debit_leg"),
    LegRole.CREDIT: (ConversionState.DEBITED, "credit_leg"),
    LegRole.GIVEBACK: (ConversionState.REVERSING, "giveback_leg"),
    LegRole.BONUS: (ConversionState.POSTED, "bonus_leg"),
}


def turn(record: Record, result: LegResult, original: Record | None, now: datetime) -> Turn | None:
    """What this outcome does; None when it does nothing: no proof yet, or told before.

    original: the conversion that `record` undoes; None for one that undoes nothing.
    """
    state, leg_field = _EXPECTED[result.role]
    if record.state != state.value or getattr(record, leg_field) != result.leg:
        return None
    record = _following_merge(record, result)
    if result.state is LegState.BY_HAND:
        return _to_person(record, result, now)
    if result.state not in (LegState.DONE, LegState.REFUSED):
        return None
    done = result.state is LegState.DONE
    match result.role:
        case LegRole.DEBIT:
            return _debited(record, original, now) if done else _source_refused(record, result, now)
        case LegRole.CREDIT:
            return _arrived(record, result, original, now) if done else _target_refused(record, result, now)
        case LegRole.GIVEBACK:
            return _given_back(record, now) if done else _giveback_refused(record, result, now)
        case LegRole.BONUS:
            return _bonus_arrived(record, now) if done else _bonus_refused(record, result, now)


def merge_of(result: LegResult) -> Merge | None:
    """The merged membership that a leg's outcome told of, if it did."""
    return Merge(result.partner, result.membership, result.surviving) if result.surviving else None


def voided(record: Record, reason: str, now: datetime, *, what: str = "voided") -> Turn:
    """The conversion ends before anything left the member: what is held is given back."""
    return Turn(
        record=_moved(record, ConversionState.VOIDED, ball="", reason=reason, now=now),
        what=what,
        partner="",
        detail=reason,
        acts=(VoidHold(debit_key(record.key)), *_void_bonus(record, now)),
        undone=record.source_amount if record.reverses else 0,
        ended=True,
    )


def _debited(record: Record, original: Record | None, now: datetime) -> Turn:
    leg = credit_leg(record, now, original=original.debit_leg if original else "")
    moved = _moved(record, ConversionState.DEBITED, ball=record.target_partner, reason="", now=now)
    return Turn(
        record=replace(moved, credit_leg=leg.id),
        what="debited",
        partner=record.source_partner,
        detail="",
        acts=(PostHold(debit_key(record.key)),),
        legs=(leg,),
    )


def _source_refused(record: Record, result: LegResult, now: datetime) -> Turn:
    return replace(voided(record, result.reason, now), partner=record.source_partner)


def _arrived(record: Record, result: LegResult, original: Record | None, now: datetime) -> Turn:
    reverses = None
    if original is not None:
        # The share counts in target units of the original, so that whole and parts add up to exactly one.
        reverses = Reversal(post_key(original.key), record.share_of(original))
    posted = Post(arrival_posting(record, now, bonus_apart=result.bonus_apart), reverses)
    if result.bonus_apart:
        leg = bonus_leg(record, now)
        moved = _moved(record, ConversionState.POSTED, ball=record.target_partner, reason="", now=now)
        moved = replace(moved, bonus_leg=leg.id)
        return Turn(moved, "posted", record.target_partner, "", (posted,), (leg,))
    acts = (*_post_bonus(record, now), posted)
    moved = _moved(record, ConversionState.POSTED, ball="", reason="", now=now)
    return Turn(moved, "posted", record.target_partner, "", acts, ended=True)


def _target_refused(record: Record, result: LegResult, now: datetime) -> Turn:
    leg = giveback_leg(record, now)
    moved = _moved(record, ConversionState.REVERSING, ball=record.source_partner, reason=result.reason, now=now)
    return Turn(
        record=replace(moved, giveback_leg=leg.id),
        what="reversing",
        partner=record.target_partner,
        detail=result.reason,
        legs=(leg,),
    )


def _given_back(record: Record, now: datetime) -> Turn:
    return Turn(
        record=_moved(record, ConversionState.VOIDED, ball="", reason=record.reason, now=now),
        what="voided",
        partner=record.source_partner,
        detail=record.reason,
        acts=(Undo(giveback_key(record), debit_key(record.key), record.id), *_void_bonus(record, now)),
        undone=record.source_amount if record.reverses else 0,
        ended=True,
    )


def _giveback_refused(record: Record, result: LegResult, now: datetime) -> Turn:
    facts = _owed_facts(record, record.source_unit, record.debit_amount, result.reason, now)
    return Turn(
        record=_moved(record, ConversionState.OWED, ball="person", reason=result.reason, now=now),
        what="owed",
        partner=record.source_partner,
        detail=result.reason,
        acts=(Post(owed_posting(record, now)), *_void_bonus(record, now)),
        cases=(NewCase(record.id, "owed", record.source_partner, facts),),
        ended=True,
    )


def _bonus_arrived(record: Record, now: datetime) -> Turn:
    acts = (*_post_bonus(record, now), Post(bonus_credit_posting(record, now)))
    return Turn(_touched(record, ball="", now=now), "bonus_posted", record.target_partner, "", acts, ended=True)


def _bonus_refused(record: Record, result: LegResult, now: datetime) -> Turn:
    facts = _owed_facts(record, record.target_unit, record.bonus, result.reason, now)
    return Turn(
        record=_touched(record, ball="person", now=now),
        what="bonus_owed",
        partner=record.target_partner,
        detail=result.reason,
        acts=(*_void_bonus(record, now), Post(bonus_owed_posting(record, now))),
        cases=(NewCase(record.id, "owed", record.target_partner, facts),),
        ended=True,
    )


def _owed_facts(record: Record, unit: str, amount: int, reason: str, now: datetime) -> dict[str, str]:
    """To whom what is owed, why, and until when somebody has to find who may have it."""
    deadline = rfc3339(now + timedelta(days=OWED_DAYS))
    return {"owner": record.member, "unit": unit, "amount": str(amount), "reason": reason, "deadline": deadline}


def _to_person(record: Record, result: LegResult, now: datetime) -> Turn | None:
    if record.ball == "person":
        return None
    return Turn(_touched(record, ball="person", now=now), "by_hand", result.partner, result.reason)


def _post_bonus(record: Record, now: datetime) -> tuple[Act, ...]:
    return () if bonus_posting(record, now) is None else (PostHold(bonus_key(record.key)),)


def _void_bonus(record: Record, now: datetime) -> tuple[Act, ...]:
    return () if bonus_posting(record, now) is None else (VoidHold(bonus_key(record.key)),)


def _following_merge(record: Record, result: LegResult) -> Record:
    """The row with the membership number that lives on."""
    if not result.surviving:
        return record
    if result.partner == record.source_partner and result.role in (LegRole.DEBIT, LegRole.GIVEBACK):
        return replace(record, source_membership=result.surviving)
    return replace(record, target_membership=result.surviving)


def _moved(record: Record, to: ConversionState, *, ball: str, reason: str, now: datetime) -> Record:
    assert to in MOVES[ConversionState(record.state)], f"a conversion cannot go from {record.state} to {to}"
    posted_at = now if to is ConversionState.POSTED else record.posted_at
    return replace(_touched(record, ball=ball, now=now), state=to.value, reason=reason, posted_at=posted_at)


def _touched(record: Record, *, ball: str, now: datetime) -> Record:
    return replace(record, ball=ball, updated_at=now, version=record.version + 1)
