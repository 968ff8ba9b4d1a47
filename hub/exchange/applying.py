"""Applies the records of an accepted file, some at a time, each part in one transaction with what follows from it.

A part that is applied is kept with its codes, so a file goes on where it stopped and no record counts twice. Order of
locks: the ledger's period, lines, legs, the rows of whoever owns them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hub import ledger
from hub.exchange import store
from hub.exchange.cutting import number_receipt
from hub.exchange.handing import Told
from hub.exchange.judging import TOLD, Judged, Record, judge
from hub.exchange.states import InState, LineOutcome, OutState
from hub.exchange.types import FileIn, FilePartner, Line, Settle
from hub.kernel.clock import Clock
from hub.kernel.limits import BATCH_ITEMS_MAX
from hub.legs.cases import NewCase, close_cases, open_cases
from hub.legs.service import Legs, partners_of
from hub.legs.states import LegState
from hub.legs.types import LegResult
from hub.storage import Database, Work
from partners.base import Done, Refused
from partners.files.codes import RecordCode
from partners.files.reading import Reader
from partners.files.records import Batch


@dataclass(frozen=True, slots=True)
class _Part:
    """Records that follow each other. first: number of the first, from 1."""

    first: int
    records: list[Record]


class Applying:
    """Lets records have their effect. settle: tells the owners of legs."""

    def __init__(self, database: Database, legs: Legs, settle: Settle, clock: Clock, told: Told) -> None:
        self._database, self._legs, self._settle, self._clock, self._told = database, legs, settle, clock, told

    def all(self, partner: FilePartner, spool: Path, file: FileIn) -> None:
        """Apply what is not applied yet, and end the file."""
        with self._database.read() as work:
            done = store.parts_done(work, file.id)
        for part in _parts(Reader(partner.files.answers, spool / file.id)):
            if part.first in done:
                continue
            with self._database.work() as work:
                self._apply(work, partner, file, part, self._clock.now())
            self._told(f"applied {file.name} from {part.first}")
        with self._database.work() as work:
            _end(work, partner, file, self._clock.now())
        self._told(f"ended {file.name}")

    def _apply(self, work: Work, partner: FilePartner, file: FileIn, part: _Part, now: datetime) -> None:
        ledger.enter(work)
        keys = [record.key for record in part.records if record.key]
        lines = store.lock_lines(work, partner.code, keys)
        strangers = sorted(set(keys) - lines.keys())
        # A key of another partner's leg is as unknown as one that was never given out.
        instructed = {leg for leg, at in partners_of(work, strangers).items() if at == partner.code}
        judged, lines = _judge_all(part.records, lines, instructed)
        proofs = {one.line.leg: one.proof for one in judged if one.line is not None and one.proof is not None}
        evidence = f"file {file.name} ({file.id})"
        results = self._legs.prove_many(work, proofs, evidence, now=now)
        self._settle(work, list(results.values()), now)
        store.answer_lines(work, {leg: _answer(lines[leg], proof) for leg, proof in proofs.items()}, by=file.id)
        codes = [_code(one, results) for one in judged]
        store.add_part(work, file.id, part.first, list(map(str, codes)))
        open_cases(work, _cases(partner.code, file, part.first, codes), now=now)


def _judge_all(
    records: Sequence[Record], lines: dict[str, Line], instructed: set[str]
) -> tuple[list[Judged], dict[str, Line]]:
    """Each record in order, as the ones before it left its line."""
    lines, judged = dict(lines), []
    for record in records:
        one = judge(record, lines.get(record.key), instructed=record.key in instructed)
        if one.line is not None:
            lines[one.line.leg] = one.line
        judged.append(one)
    return judged, lines


def _answer(line: Line, proof: Done | Refused) -> tuple[LineOutcome, str, str, str]:
    if isinstance(proof, Done):
        return line.outcome, line.reason, proof.reference, proof.membership
    return line.outcome, line.reason, "", ""


def _code(one: Judged, results: Mapping[str, LegResult]) -> RecordCode:
    """The code of a record, now that its leg was told: a person may have ended that leg before."""
    if one.proof is None or one.line is None or one.code is not RecordCode.ACCEPTED:
        return one.code
    result = results[one.line.leg]
    if result.current:
        return one.code
    same = result.state is (LegState.DONE if isinstance(one.proof, Done) else LegState.REFUSED)
    return RecordCode.REPEATED if same else RecordCode.CONTRADICTION


def _cases(partner: str, file: FileIn, begins: int, codes: Sequence[RecordCode]) -> list[NewCase]:
    """One case for each file and code, however many records: which they are stands in the receipt."""
    first: dict[RecordCode, int] = {}
    for place, code in enumerate(codes):
        if code in TOLD:
            first.setdefault(code, begins + place)
    return [
        NewCase(f"{file.id}:{code}", "file_record", partner, {"name": file.name, "code": str(code), "record": str(at)})
        for code, at in first.items()
    ]


def _end(work: Work, partner: FilePartner, file: FileIn, now: datetime) -> None:
    """Every record has its code: count, and answer with a receipt where the partner wants one."""
    if store.lock_in(work, file.id).state is not InState.ACCEPTED:
        return
    if file.answers:
        answered = store.out_by_id(work, file.answers)
        assert answered is not None, "a file answers one of ours"
        if answered.state is OutState.DELIVERED and not store.unanswered(work, answered.id):
            store.move_out(work, answered, OutState.ANSWERED)
            close_cases(work, [answered.id], "late", by="answered", now=now)
        store.note_answer(work, answered.id, now=now)
    store.end_in(work, file, now=now)
    if partner.files.receipts is not None:
        number_receipt(work, partner.code, file.id, records=file.records, now=now)


def _parts(reader: Reader) -> Iterator[_Part]:
    """The records of a whole file, at most `BATCH_ITEMS_MAX` at once, divided in the same way each time."""
    for batch in reader.batches():
        for start in range(0, batch.size, BATCH_ITEMS_MAX):
            end = min(start + BATCH_ITEMS_MAX, batch.size)
            yield _Part(batch.first + start, [_record(batch, place) for place in range(start, end)])


def _record(batch: Batch, place: int) -> Record:
    def text(name: str) -> str:
        column = batch.columns.get(name)
        found = column[place] if column is not None else None
        return found if isinstance(found, str) else ""

    amount = batch.columns["amount"][place]
    return Record(
        key=text("key"),
        result=text("result"),
        membership=text("membership"),
        amount=amount if isinstance(amount, int) else 0,
        reference=text("reference"),
        surviving=text("surviving"),
        operation=text("operation"),
        fault=batch.faults.get(place, ""),
    )
