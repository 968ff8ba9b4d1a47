"""Reverses posted conversions: plans every request of a batch under the originals' locks, holds, then writes at once.

Knows the order of the batch. What a part is worth and whether it is allowed is in `reversal.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from hub.agreements.roster import Roster
from hub.conversion import reversal, store
from hub.conversion.acceptance import Candidate
from hub.conversion.errors import ConversionMissing
from hub.conversion.holding import KnownAccounts, hold, lock_for
from hub.conversion.legwork import debit_leg
from hub.conversion.reading import visible
from hub.conversion.record import Record
from hub.conversion.types import ReversalRequest
from hub.hosted.types import ProgrammePort
from hub.kernel.errors import HubError
from hub.legs.service import open_legs
from hub.legs.types import NewLeg
from hub.members.service import links as links_of
from hub.storage import Work


@dataclass(frozen=True, slots=True)
class Plan:
    """What a batch of requests comes to before the ledger is asked.

    answers: a reversal made before or planned now, or a refusal; one per request. planned: the new ones. originals: as
    they will stand, by id.
    """

    answers: list[Record | HubError]
    planned: list[Candidate]
    originals: dict[str, Record]


def plan(work: Work, roster: Roster, requests: Sequence[ReversalRequest], *, now: datetime) -> Plan:
    """Work out what each request takes back, each seeing the parts before it. Locks the originals."""
    found = store.by_key_or_quote(work, keys={request.key for request in requests}, quotes=())()
    by_key = {record.key: record for record in found}
    locked = store.lock(work, [request.conversion for request in requests])
    parts: dict[str, list[Record]] = {id_: [] for id_ in locked}
    for record in store.reversals_of(work, locked):
        parts[record.reverses].append(record)
    links = links_of(work, [(one.member, one.target_partner) for one in locked.values()])
    made = Plan([], [], dict(locked))
    for request in requests:
        original = made.originals.get(request.conversion)
        try:
            if original is None or not visible(original, request.client_partner, live=request.live):
                raise ConversionMissing("There is no such conversion.")
            same = reversal.earlier(request, by_key)
            if same is None:
                link = links.get((original.member, original.target_partner))
                one = reversal.candidate(request, original, parts[original.id], roster, link, now)
                same = by_key[request.key] = one.record
                made.planned.append(one)
                parts[original.id].append(same)
                _take(made, same, same.source_amount, now)
            made.answers.append(same)
        except HubError as refusal:
            made.answers.append(refusal)
    return made


def hold_and_write(
    work: Work, known: KnownAccounts, programmes: ProgrammePort, made: Plan, *, now: datetime
) -> list[Record | HubError]:
    """Hold what was planned, and write what could be held.

    What a later part of the same batch takes back was worked out as if the earlier one had gone through; the next part
    after a refusal is worked out by cumulative share again, so a gap loses nothing.
    """
    if not made.planned:
        return made.answers
    book, reserves, postings = lock_for(work, known, programmes, made.planned, now=now)
    outcomes: dict[str, Record | HubError] = {}
    legs: list[NewLeg] = []
    for one, wanted in zip(made.planned, postings, strict=True):
        original = made.originals[one.record.reverses]
        refusal = hold(book, known, reserves, one.record, wanted, original=original)
        if refusal is not None:
            outcomes[one.record.id] = refusal
            _take(made, one.record, -one.record.source_amount, now)
            continue
        outcomes[one.record.id] = one.record
        legs.append(debit_leg(one.record, original=original.credit_leg))
    book.write()
    reserves.write(work)
    store.add(work, [record for record in outcomes.values() if isinstance(record, Record)])
    store.write(work, [made.originals[id_] for id_ in sorted({one.record.reverses for one in made.planned})])
    open_legs(work, legs, now=now)
    return [outcomes.get(one.id, one) if isinstance(one, Record) else one for one in made.answers]


def _take(made: Plan, part: Record, amount: int, now: datetime) -> None:
    original = made.originals[part.reverses]
    taken = original.reversed_amount + amount
    made.originals[original.id] = replace(original, reversed_amount=taken, updated_at=now)
