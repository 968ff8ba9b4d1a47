"""A simulated partner that speaks files: reads the hub's, keeps books, answers, and reads the receipts.

Takes turns in the two folders, as a nightly batch would. Its books are honest whatever happens to its files; a file
that the hub refused, or of which it hears nothing, is sent again, and a record that the hub could not use is put right
in another file.
"""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

from hub.kernel.clock import Clock
from partners.base import Reason
from partners.files.codes import FileRefused, RecordCode
from partners.files.declaration import DONE_WORD
from partners.files.faults import SPOILING, Chooses, FileFault, spoilt
from partners.files.fields import Value
from partners.files.layout import Field, FieldKind, FileLayout
from partners.files.names import read_name
from partners.files.reading import Reader, verify
from partners.files.writing import Writer
from partners.profile import Profile
from partners.sandbox.books import Applied, Books, Move, MoveKind, Rejected

# Turns without a receipt after which a file counts as lost.
_PATIENCE_TURNS = 2
_STRANGE = "zz"
_STATE = ".simulator.json"
_MENDED = frozenset(map(str, (RecordCode.WORD_UNKNOWN, RecordCode.FIELD_INVALID)))

Row = dict[str, Value]


@dataclass(slots=True)
class _Answer:
    """A file of answers. content: as it should be. waited: turns since it was sent; due: whether it is to be sent.
    settled: whether the hub has it. again: whether it is sent once more all the same."""

    name: str
    content: bytes
    rows: list[Row]
    number: int
    waited: int = 0
    due: bool = True
    settled: bool = False
    again: bool = False


@dataclass(slots=True)
class _Series:
    """Numbers that outlive the process, so that a partner played again does not begin anew."""

    answers: int = 0
    instructions: int = 0


@dataclass
class FileSimulator:
    """One partner in the folders below `root`.

    books: of its members. faults: what goes wrong with which of its files. unit: that its records are about, where they
    do not say so; empty for the brand's only one.
    """

    profile: Profile
    root: Path
    clock: Clock
    faults: Chooses
    books: Books
    unit: str = ""
    _answers: dict[int, _Answer] = field(default_factory=dict)
    _sends: int = 0

    def __post_init__(self) -> None:
        assert self.profile.files is not None, "the brand speaks files"
        self._files = self.profile.files
        exchange = self._files.exchange
        self._in, self._out = self.root / exchange.deliver, self.root / exchange.fetch
        self._own = self.root / ".own"
        for folder in (self._in, self._out, self._own):
            folder.mkdir(parents=True, exist_ok=True)
        state = self.root / _STATE
        self._series = _Series(**json.loads(state.read_text())) if state.exists() else _Series()

    def turn(self) -> list[str]:
        """Read what the hub delivered, answer it, send again what has to be; names of the files sent."""
        self._read_receipts()
        self._read_instructions()
        for answer in self._answers.values():
            answer.waited += 1
            lost = answer.due or answer.waited > _PATIENCE_TURNS
            answer.due = answer.again or (lost and not answer.settled)
        sent = [self._send(number, one) for number, one in sorted(self._answers.items()) if one.due]
        (self.root / _STATE).write_text(
            json.dumps({"answers": self._series.answers, "instructions": self._series.instructions})
        )
        return [name for name in sent if name]

    def _read_instructions(self) -> None:
        """Work off files of instructions in the order of their numbers; one that comes too early waits."""
        layout = self._files.instructions
        named = {path: read_name(layout.name, path.name) for path in self._in.iterdir()}
        for path in sorted(path for path, stated in named.items() if stated is not None):
            number = (named[path] or (0, None))[0]
            refusing = self.faults(self._sends + 1) is FileFault.REFUSING
            try:
                verify(layout, path)
            except FileRefused as refusal:
                self._answer(number, [], result="refused", reason=str(refusal.reason))
            else:
                if number <= self._series.instructions:
                    self._answer(number, [], result="duplicate")
                elif refusing:
                    self._sends += 1  # its answer is whole: the fault is that it refuses
                    self._answer(number, [], result="refused", reason="count_differs")
                elif self._series.instructions and number > self._series.instructions + 1:
                    continue
                else:
                    self._answer(number, self._booked(layout, path), result="accepted")
                    self._series.instructions = number
            path.unlink()

    def _booked(self, layout: FileLayout, path: Path) -> list[Row]:
        rows: list[Row] = []
        for batch in Reader(layout, path).batches():
            names = list(batch.columns)
            columns = [batch.columns[name] for name in names]
            rows += [self._booked_one(dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]
        return rows

    def _booked_one(self, row: Row) -> Row:
        move = Move(
            kind=MoveKind(str(row["operation"])),
            key=str(row["key"]),
            membership=str(row["membership"]),
            unit=str(row.get("unit") or self.unit or self.profile.units[0].code),
            amount=int(str(row["amount"])),
            original_key=str(row.get("original_key") or ""),
        )
        found = self.books.apply(move)
        if isinstance(found, Applied):
            return {**row, "result": DONE_WORD, "reference": found.reference, "surviving": found.surviving}
        reason = found.reason if isinstance(found, Rejected) else Reason.KEY_REUSED
        return {**row, "result": str(reason), "reference": "", "surviving": ""}

    def _answer(self, about: int, rows: list[Row], *, result: str, reason: str = "") -> None:
        """Write a file of answers, to be sent."""
        self._series.answers += 1
        number = self._series.answers
        content = self._written(self._files.answers, number, about, rows, result=result, reason=reason)
        self._answers[number] = _Answer(*content, rows, about)

    def _written(
        self, layout: FileLayout, number: int, about: int, rows: list[Row], *, result: str, reason: str
    ) -> tuple[str, bytes]:
        made = self.clock.now().astimezone(self._files.exchange.zone)
        with Writer(layout, self._own, sequence=number, made=made) as writer:
            if rows:
                fields = [one for one in layout.detail.valued if one.kind is not FieldKind.LINE]
                writer.add({one.name: [row.get(one.name) for row in rows] for one in fields}, len(rows))
            facts = writer.finish({"answers": about, "file_result": result, "file_reason": reason})
        path = self._own / facts.name
        content = path.read_bytes()
        path.unlink()
        return facts.name, content

    def _send(self, number: int, answer: _Answer) -> str:
        """Put a file into the hub's hands, or fail to."""
        self._sends += 1
        fault = self.faults(self._sends)
        answer.waited, answer.due, answer.again = 0, False, False
        content = answer.content
        match fault:
            case FileFault.MISSING:
                return ""
            case FileFault.LATE:
                answer.due = True
                return ""
            case FileFault.REPEATED:
                answer.again = True
            case FileFault.UNKNOWN_WORD if answer.rows:
                rows = [{**answer.rows[0], "result": _STRANGE}, *answer.rows[1:]]
                content = self._odd(number, answer, rows)
            case FileFault.STRANGER if answer.rows:
                content = self._odd(number, answer, [*answer.rows, {**answer.rows[0], "key": "nobody-gave-this-out"}])
            case None:
                pass
            case _ if fault in SPOILING:
                content = spoilt(self._files.answers, content, fault)
        draft = self._own / answer.name
        draft.write_bytes(content)
        draft.rename(self._out / answer.name)
        if self._files.exchange.marker:
            (self._out / (answer.name + self._files.exchange.marker)).touch()
        return answer.name

    def _odd(self, number: int, answer: _Answer, rows: list[Row]) -> bytes:
        """The file with records that are whole and mean nothing."""
        layout = self._files.answers
        fields = tuple(map(_with_strange_word, layout.detail.fields))
        odd = replace(layout, detail=replace(layout.detail, fields=fields))
        return self._written(odd, number, answer.number, rows, result="accepted", reason="")[1]

    def _read_receipts(self) -> None:
        layout = self._files.receipts
        if layout is None:
            for answer in self._answers.values():
                answer.settled = True
            return
        for path in sorted(self._in.iterdir()):
            if read_name(layout.name, path.name) is None:
                continue
            verify(layout, path)
            reader = Reader(layout, path)
            wrong = {
                str(key)
                for batch in reader.batches()
                for key, code in zip(batch.columns["key"], batch.columns["code"], strict=True)
                if code in _MENDED
            }
            self._hear(reader.frame, wrong)
            path.unlink()

    def _hear(self, frame: Row, wrong: set[str]) -> None:
        """What a receipt says about one of our files. wrong: keys of records that the hub could not use."""
        number, reason = int(str(frame["receipt_of"])), str(frame["file_reason"])
        answer = self._answers.get(number)
        if answer is None:
            return
        if frame["file_result"] == "accepted":
            answer.settled = True
            mended = [row for row in answer.rows if row["key"] in wrong]
            if mended:
                self._answer(answer.number, mended, result="accepted")
        elif not reason.startswith("duplicate"):
            answer.due = True


def _with_strange_word(field: Field) -> Field:
    if field.name != "result" or field.words is None:
        return field
    return replace(field, words={**field.words, "Z" * (field.width or 2): _STRANGE})
