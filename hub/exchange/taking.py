"""Takes files of a partner: claims and copies them, and judges each as a whole before any record counts.

Knows the order in which a file becomes the hub's, so that one is neither lost nor taken twice wherever it stops. What
records do is not known here.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hub.exchange import store
from hub.exchange.cutting import number_receipt
from hub.exchange.handing import Told
from hub.exchange.resending import follow_refusal
from hub.exchange.states import InState, Series
from hub.exchange.types import FileIn, FileOut, FilePartner
from hub.kernel.clock import Clock
from hub.kernel.ids import new_id
from hub.legs.cases import NewCase, open_cases
from hub.storage import Database, Work
from partners.files.codes import FileCode, FileRefused
from partners.files.declaration import Answering
from partners.files.names import read_name
from partners.files.reading import FileFacts, verify
from partners.files.writing import sync_folder

_FETCHED = ".fetched"


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why a file is refused as a whole."""

    code: FileCode
    detail: str


class Taking:
    """Takes what lies in a partner's folder."""

    def __init__(self, database: Database, clock: Clock, told: Told) -> None:
        self._database, self._clock, self._told = database, clock, told

    def all(self, partner: FilePartner, spool: Path) -> None:
        """Make every complete file the hub's. Files are ordered by name, so that their sequences are too."""
        for name in partner.place.waiting():
            self._one(partner, spool, name)

    def _one(self, partner: FilePartner, spool: Path, name: str) -> None:
        copy = spool / _FETCHED
        partner.place.fetch(name, copy)
        self._told(f"fetched {name}")
        with copy.open("rb") as raw:
            sha256 = hashlib.file_digest(raw, "sha256").hexdigest()
        with self._database.read() as work:
            known = store.unremoved(work, partner.code, name)
        if known is None:
            now = self._clock.now()
            id_ = new_id("fin", now)
            with self._database.work() as work:
                store.add_in(work, id_, partner.code, name=name, sha256=sha256, size=copy.stat().st_size, now=now)
            self._told(f"took {name}")
        else:
            # A claimed file is nobody's but ours, so this is the one that was taken before a crash.
            assert known.sha256 == sha256, "a claimed file does not change"
            id_ = known.id
        copy.rename(spool / id_)
        sync_folder(spool)
        self._told(f"spooled {name}")
        partner.place.remove(name)
        self._told(f"removed {name}")
        with self._database.work() as work:
            store.note_removed(work, id_)

    def judge(self, partner: FilePartner, spool: Path, file: FileIn) -> str:
        """Accept a file as whole and new, or refuse it with a reason and without effect; the reason, or empty."""
        path = spool / file.id
        try:
            facts = verify(partner.files.answers, path, name=file.name)
        except FileRefused as refusal:
            found: FileFacts | _Refusal = _Refusal(refusal.reason, refusal.detail)
        else:
            found = facts
        now = self._clock.now()
        with self._database.work() as work:
            reason = _judged(work, partner, file, found, now)
        self._told(f"judged {file.name}")
        return reason


def _judged(work: Work, partner: FilePartner, file: FileIn, found: FileFacts | _Refusal, now: datetime) -> str:
    last, _ = store.lock_series(work, partner.code, Series.ANSWERS, begun_at=now)
    standing = store.lock_in(work, file.id)
    if standing.state is not InState.TAKEN:
        return standing.reason
    verdict = _fit(work, partner, file, found, last) if isinstance(found, FileFacts) else found
    if isinstance(verdict, _Refusal):
        stated = read_name(partner.files.answers.name, file.name)
        sequence = found.sequence if isinstance(found, FileFacts) else stated[0] if stated else 0
        store.refuse_in(work, file, sequence=sequence, reason=str(verdict.code), detail=verdict.detail, now=now)
        facts = {"name": file.name, "reason": str(verdict.code)}
        open_cases(work, [NewCase(file.id, "file_refused", partner.code, facts)], now=now)
        if partner.files.receipts is not None:
            number_receipt(work, partner.code, file.id, records=0, now=now)
        return str(verdict.code)
    assert isinstance(found, FileFacts), "only a whole file fits"
    answers = verdict.id if verdict is not None else ""
    store.accept_in(work, file, sequence=found.sequence, answers=answers, records=found.records)
    store.move_series(work, partner.code, Series.ANSWERS, sequence=found.sequence)
    if verdict is not None and found.frame.get("file_result") == "refused":
        follow_refusal(work, partner, verdict, reason=str(found.frame.get("file_reason") or ""), now=now)
    return ""


def _fit(work: Work, partner: FilePartner, file: FileIn, facts: FileFacts, last: int) -> _Refusal | FileOut | None:
    """Why a whole file does not fit into its series; else the file of ours that it answers, None if it names none."""
    if store.taken_before(work, file):
        return _Refusal(FileCode.DUPLICATE_FILE, "")
    if facts.sequence <= last:
        return _Refusal(FileCode.DUPLICATE_SEQUENCE, f"It is number {facts.sequence}, taken was {last}.")
    if facts.sequence > last + 1:
        return _Refusal(FileCode.SEQUENCE_GAP, f"It is number {facts.sequence}, expected is {last + 1}.")
    if partner.files.exchange.answering is not Answering.PER_FILE:
        return None
    number = facts.frame["answers"]
    assert isinstance(number, int), "the declaration was checked"
    answered = store.out_of(work, partner.code, Series.INSTRUCTIONS, number)
    if answered is None or not answered.deliveries:
        return _Refusal(FileCode.ANSWERS_NOTHING, f"It answers number {number}.")
    return answered
