"""The streaming reader: a file's frame, then its records in batches; memory does not grow with the file.

Everything that concerns the file as a whole is refused by name (`FileRefused`): charset, frame, order, counts, totals.
What is wrong with one record alone is said beside it. Whoever acts on records calls `verify` first and reads again:
only at its end a file has proven to be whole. Does not know duplicates and gaps: `hub/files` remembers files.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from partners.files.codes import FileCode, FileRefused
from partners.files.controls import DIFFERENCES, Tally
from partners.files.fields import Value, read_one
from partners.files.layout import Control, FieldKind, FileLayout, LineEnd, RecordLayout, Shape
from partners.files.names import read_name
from partners.files.records import Batch, LineUnfit, looks_like, to_columns, to_texts

# Characters read at once: some ten thousand records, a few megabytes of memory as columns.
_CHUNK_CHARS = 1 << 20
# The longest line that is waited for; a file of another kind may have none at all.
_LINE_CHARS_MAX = 1 << 16


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What is known of a file that proved to be whole.

    sequence and created_on: stated by header or name. frame: every value of header and trailer, by field name.
    sha256: of its bytes, in hexadecimal digits. size: bytes.
    """

    name: str
    sequence: int
    created_on: date | None
    frame: Mapping[str, Value]
    records: int
    size: int
    sha256: str


def verify(layout: FileLayout, path: Path, *, name: str = "") -> FileFacts:
    """Read a whole file and compare all that it states about itself. name: what it is called, if not like `path`.

    Raises: FileRefused.
    """
    reader = Reader(layout, path)
    for _ in reader.batches():
        pass
    called = name or path.name
    sequence, day = _named(layout, called, reader.frame)
    with path.open("rb") as raw:
        sha256 = hashlib.file_digest(raw, "sha256").hexdigest()
    return FileFacts(called, sequence, day, reader.frame, reader.records, path.stat().st_size, sha256)


class Reader:
    """One file of a layout. After `batches` has ended, `frame` and `records` say what was read."""

    def __init__(self, layout: FileLayout, path: Path) -> None:
        self._layout = layout
        self._path = path
        self._tally = Tally(layout)
        # Lines before the first detail, for naming a line to a person.
        self._lead = len(layout.headers) + (1 if layout.titles else 0)
        self.frame: dict[str, Value] = {}

    @property
    def records(self) -> int:
        """Detail records read so far."""
        return self._tally.records

    def batches(self) -> Iterator[Batch]:
        """The detail records in order. Raises: FileRefused, at the end too: then nothing before counts either."""
        layout = self._layout
        if self._path.stat().st_size == 0:
            raise FileRefused(FileCode.EMPTY_FILE)
        kept, begun = len(layout.trailers), False
        carry: list[str] = []
        try:
            for lines, is_last in self._chunks():
                carry += lines
                if not begun:
                    if len(carry) < self._lead and not is_last:
                        continue
                    carry, begun = self._begin(carry), True
                end = len(carry) - kept
                if end > 0:
                    yield self._batch(carry[:end], is_last=is_last and not kept)
                    carry = carry[end:]
        except UnicodeError as fault:
            raise FileRefused(FileCode.WRONG_CHARSET) from fault
        self._end(carry)

    def _chunks(self) -> Iterator[tuple[list[str], bool]]:
        """Lines without their ends, and whether they are the last ones. Bounded by the chunk's size."""
        layout = self._layout
        with self._path.open(encoding=layout.encoding, newline="") as stream:
            if layout.line_end is LineEnd.NONE:
                yield from self._blocks(stream.read)
                return
            end, rest = layout.line_end.characters, ""
            while text := stream.read(_CHUNK_CHARS):
                *lines, rest = (rest + text).split(end)
                self._require_printable(lines)
                if len(rest) > _LINE_CHARS_MAX:
                    raise FileRefused(self._line_end_of(rest))
                yield lines, False
            # The last record may stand without a line end.
            last = [rest] if rest else []
            self._require_printable(last)
            yield last, True

    def _blocks(self, read: Callable[[int], str]) -> Iterator[tuple[list[str], bool]]:
        width = self._layout.detail.width
        while text := read(width * (_CHUNK_CHARS // width or 1)):
            lines = [text[at : at + width] for at in range(0, len(text), width)]
            self._require_printable(lines)
            yield lines, False
        yield [], True

    def _require_printable(self, lines: list[str]) -> None:
        text = "".join(lines)
        if text and not text.isprintable():
            raise FileRefused(self._line_end_of(text))

    def _line_end_of(self, text: str) -> FileCode:
        """What to call a text with unprintable characters in it."""
        odd = {character for character in text if not character.isprintable()}
        return FileCode.WRONG_LINE_END if odd <= {"\r", "\n"} else FileCode.WRONG_CHARSET

    def _begin(self, lines: list[str]) -> list[str]:
        """Read the header off the first lines; the others."""
        layout = self._layout
        if len(lines) < self._lead:
            raise FileRefused(FileCode.TRUNCATED, "The header is not complete.")
        if layout.titles:
            titles = [field.name for field in layout.detail.fields]
            rows = _split(layout, lines[0])
            if rows != titles:
                raise FileRefused(FileCode.WRONG_TYPE, "The first line does not name the fields.", line=1)
        for place, record in enumerate(layout.headers):
            self._read_frame(record, lines[place], place + 1, FileCode.WRONG_TYPE)
        return lines[self._lead :]

    def _batch(self, lines: list[str], *, is_last: bool) -> Batch:
        layout, first = self._layout, self._tally.records + 1
        try:
            texts = to_texts(layout, layout.detail, lines)
        except LineUnfit as unfit:
            raise self._refused(lines, unfit.place, first, is_last=is_last) from unfit
        columns, faults = to_columns(layout.detail, texts)
        for field in layout.detail.fields:
            if field.kind is FieldKind.LINE and columns[field.name] != list(range(first, first + len(lines))):
                raise FileRefused(FileCode.REORDERED, "The record numbers do not follow each other.")
        self._tally.add(columns, len(lines))
        return Batch(first, len(lines), columns, faults)

    def _refused(self, lines: list[str], place: int, first: int, *, is_last: bool) -> FileRefused:
        """What is wrong with a line that is no detail record."""
        line, number = lines[place], self._lead + first + place
        if any(looks_like(self._layout, record, line) for record in self._layout.framing):
            return FileRefused(FileCode.REORDERED, "A header or trailer stands among the records.", line=number)
        if is_last and place == len(lines) - 1 and len(line) < self._layout.detail.width:
            return FileRefused(FileCode.TRUNCATED, line=number)
        return FileRefused(FileCode.WRONG_RECORD, line=number)

    def _end(self, lines: list[str]) -> None:
        layout = self._layout
        if len(lines) < len(layout.trailers):
            raise FileRefused(FileCode.TRUNCATED, "The trailer is missing.")
        for place, record in enumerate(layout.trailers):
            number = self._lead + self._tally.records + place + 1
            self._read_frame(record, lines[place], number, FileCode.TRUNCATED)
        if not self._tally.records and not layout.empty:
            raise FileRefused(FileCode.EMPTY_FILE)
        for record in layout.framing:
            for field in record.fields:
                if field.control in DIFFERENCES and self.frame[field.name] != self._tally.value(field):
                    stated, counted = self.frame[field.name], self._tally.value(field)
                    what = f"{field.name} states {stated}, counted are {counted}."
                    raise FileRefused(DIFFERENCES[field.control], what)

    def _read_frame(self, record: RecordLayout, line: str, number: int, otherwise: FileCode) -> None:
        layout = self._layout
        try:
            texts = [column[0] for column in to_texts(layout, record, [line])]
        except LineUnfit as unfit:
            others = [one for one in (*layout.framing, layout.detail) if one is not record]
            moved = any(looks_like(layout, other, line) for other in others)
            at_end = otherwise is FileCode.TRUNCATED
            # A file that ends with a detail record was cut off; one that ends with its header was shuffled.
            cut = at_end and looks_like(layout, layout.detail, line)
            raise FileRefused(FileCode.REORDERED if moved and not cut else otherwise, line=number) from unfit
        for field, text in zip(record.fields, texts, strict=True):
            if field.kind in (FieldKind.CONSTANT, FieldKind.FILLER):
                continue
            try:
                self.frame[field.name] = read_one(field, text)
            except ValueError as fault:
                raise FileRefused(FileCode.CONTROL_UNREADABLE, f"The field is {field.name}.", line=number) from fault


def _split(layout: FileLayout, line: str) -> list[str]:
    if layout.shape is Shape.DELIMITED:
        return line.split(layout.delimiter)
    return [text.strip('"') for text in line.split(",")]


def _named(layout: FileLayout, name: str, frame: Mapping[str, Value]) -> tuple[int, date | None]:
    """Sequence and day, on which name and header have to agree. Raises: FileRefused."""
    stated = read_name(layout.name, name)
    if stated is None:
        raise FileRefused(FileCode.WRONG_NAME, f"A name looks like {layout.name}.")
    sequence, day = stated
    for control, found in ((Control.SEQUENCE, sequence), (Control.CREATED_ON, day)):
        field = layout.control(control)
        if field is not None and found is not None and frame[field.name] not in (None, found):
            raise FileRefused(FileCode.WRONG_NAME, f"{field.name} states {frame[field.name]}, the name {found}.")
    created = layout.control(Control.CREATED_ON)
    shown = frame[created.name] if created is not None else None
    return sequence, shown if isinstance(shown, date) else day
