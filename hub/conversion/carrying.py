"""Carries turns out: the ledger's part, the rows, the legs that follow, merged memberships and cases; many at once.

Knows in which order a transaction does it. Does not decide anything: `settling.py` does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction

from hub import ledger
from hub.conversion import store
from hub.conversion.announcing import events_of
from hub.conversion.holding import KnownAccounts, open_owed
from hub.conversion.record import Record
from hub.conversion.settling import Act, Post, PostHold, Turn, Undo, VoidHold
from hub.conversion.states import ConversionState
from hub.conversion.store import NewMoment
from hub.hosted.lots import LotBook
from hub.hosted.store import write_lots
from hub.ledger import Book, LedgerRefusal
from hub.legs.cases import close_cases, open_cases
from hub.legs.service import open_legs
from hub.limits.service import give_back
from hub.outbox.events import announce_events
from hub.storage import Work


def carry_out(
    work: Work,
    known: KnownAccounts,
    turns: Sequence[Turn],
    records: Mapping[str, Record],
    lots: LotBook | None,
    *,
    now: datetime,
) -> dict[str, Record]:
    """Do everything that these turns say; the changed rows by id.

    records: locked rows, with the originals of reversals among them. A conversion turns at most once in a batch.
    lots: of hosted programmes, as the turns leave them; None when they move none.
    """
    if not turns:
        return {}
    changed = {turn.record.id: turn.record for turn in turns}
    for turn in turns:
        if turn.undone:
            original = changed.get(turn.record.reverses) or records[turn.record.reverses]
            rest = original.reversed_amount - turn.undone
            changed[original.id] = replace(original, reversed_amount=rest, updated_at=now)
    _act(work, known, turns, now=now)
    if lots is not None:
        write_lots(work, lots)
    store.write(work, [changed[id_] for id_ in sorted(changed)])
    store.add_moments(work, [_moment(turn) for turn in turns], now=now)
    # No counter is locked: whoever counts at this moment sees less free than there is, never more.
    give_back(work, [turn.record.id for turn in turns if turn.record.state == ConversionState.VOIDED])
    open_legs(work, [leg for turn in turns for leg in turn.legs], now=now)
    announce_events(work, events_of(turns, {**records, **changed}), now=now)
    open_cases(work, [case for turn in turns for case in turn.cases], now=now)
    close_cases(work, {turn.record.id for turn in turns if turn.ended}, "late", by="ended", now=now)
    return changed


def _act(work: Work, known: KnownAccounts, turns: Sequence[Turn], *, now: datetime) -> None:
    """The ledger's part of these turns, in one book."""
    acts = [act for turn in turns for act in turn.acts]
    if not acts:
        return
    owing = [turn.record for turn in turns if any(isinstance(act, Post) for act in turn.acts)]
    open_owed(work, known, owing, now=now)
    codes = {
        code
        for act in acts
        if isinstance(act, Post)
        for one in act.posting.transfers
        for code in (one.debit, one.credit)
    }
    book = ledger.lock(work, codes=codes, keys={key for act in acts for key in _keys(act)}, now=now)
    for act in acts:
        answer = _do(book, act, now)
        # Everything was reserved when it was accepted; a refusal here is a mistake of ours, never an answer.
        assert not isinstance(answer, LedgerRefusal), f"the ledger refused {act}: {answer}"
    book.write()


def _keys(act: Act) -> tuple[str, ...]:
    match act:
        case Undo(key=key, of=of):
            return (key, of)
        case Post(posting=posting, reverses=reverses):
            return (posting.key,) if reverses is None else (posting.key, reverses.key)
        case PostHold(key=key) | VoidHold(key=key):
            return (key,)


def _do(book: Book, act: Act, now: datetime) -> object:
    match act:
        case PostHold(key=key):
            return book.post_hold(key, effective_at=now)
        case VoidHold(key=key):
            return book.void_hold(key)
        case Post(posting=posting, reverses=reverses):
            return book.post(posting, reverses=reverses)
        case Undo(key=key, of=of, reference=reference):
            return book.reverse(key, of=of, share=Fraction(1), effective_at=now, reference=reference)


def _moment(turn: Turn) -> NewMoment:
    return NewMoment(turn.record.id, turn.record.version, turn.what, turn.partner, turn.detail)
