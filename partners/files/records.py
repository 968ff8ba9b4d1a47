"""Records as lines of text, many at once: columns of values to lines, and lines to columns.

Knows the three shapes. Does not know headers, controls or bytes.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from partners.files.codes import FieldUnfit
from partners.files.fields import Value, read_column, read_one, write_column
from partners.files.layout import Field, FieldKind, FileLayout, RecordLayout, Shape

Columns = Mapping[str, Sequence[Value]]


@dataclass(frozen=True, slots=True)
class Batch:
    """Detail records that follow each other. first: number of the first of them, from 1. size: how many they are.

    columns: values by field name, one for each record. faults: by place in the batch, the name of the field that could
    not be read; such a record's value there is None.
    """

    first: int
    size: int
    columns: Mapping[str, list[Value]]
    faults: Mapping[int, str]


class LineUnfit(Exception):
    """A line that is no record of its layout. place: which of the lines handed in, from 0."""

    def __init__(self, place: int) -> None:
        super().__init__(place)
        self.place = place


def to_lines(layout: FileLayout, record: RecordLayout, columns: Columns, *, first: int, size: int) -> list[str]:
    """`size` records as lines without their ends. first: number of the first. Raises: FieldUnfit."""
    texts = [_texts(field, columns, first=first, size=size) for field in record.fields]
    if layout.shape is Shape.FIXED:
        return list(map("".join, zip(*texts, strict=True)))
    if layout.shape is Shape.CSV:
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(zip(*texts, strict=True))
        return out.getvalue().split("\n")[:-1]
    rows = list(zip(*texts, strict=True))
    lines = list(map(layout.delimiter.join, rows))
    # A value may hold the delimiter, or form one with the delimiter behind it.
    for line, row in zip(lines, rows, strict=True):
        if tuple(line.split(layout.delimiter)) != row:
            field = next(
                (one for one, text in zip(record.fields, row, strict=True) if layout.delimiter[0] in text), None
            )
            raise FieldUnfit(field.name if field else "detail", "a value holds the delimiter, or a part of it")
    return lines


def to_texts(layout: FileLayout, record: RecordLayout, lines: Sequence[str]) -> list[Sequence[str]]:
    """One column of texts for each field of these lines. Raises: LineUnfit."""
    if layout.shape is Shape.FIXED:
        return _sliced(record, lines)
    rows = _rows(layout, lines)
    wanted = len(record.fields)
    if set(map(len, rows)) != {wanted}:
        raise LineUnfit(next(place for place, row in enumerate(rows) if len(row) != wanted))
    columns: list[Sequence[str]] = list(zip(*rows, strict=True))
    for field, column in zip(record.fields, columns, strict=True):
        _require_constant(field, column)
    return columns


def to_columns(record: RecordLayout, texts: Sequence[Sequence[str]]) -> tuple[dict[str, list[Value]], dict[int, str]]:
    """The values of columns of texts, by field name, and the first unreadable field of each record that has one."""
    columns: dict[str, list[Value]] = {}
    faults: dict[int, str] = {}
    for field, column in zip(record.fields, texts, strict=True):
        if field.kind in (FieldKind.CONSTANT, FieldKind.FILLER):
            continue
        try:
            columns[field.name] = read_column(field, column)
        except ValueError:
            columns[field.name] = _read_singly(field, column, faults)
    return columns, faults


def looks_like(layout: FileLayout, record: RecordLayout, line: str) -> bool:
    """Whether a line is a record of this kind, by its shape and its constants; false for a kind without constants."""
    if not any(field.kind is FieldKind.CONSTANT for field in record.fields):
        return False
    try:
        to_texts(layout, record, [line])
    except LineUnfit:
        return False
    return True


def _texts(field: Field, columns: Columns, *, first: int, size: int) -> list[str]:
    if field.kind is FieldKind.LINE:
        return write_column(field, range(first, first + size))
    if field.kind in (FieldKind.CONSTANT, FieldKind.FILLER):
        return write_column(field, [None] * size)
    if field.name not in columns:
        raise FieldUnfit(field.name, "no values were given")
    return write_column(field, columns[field.name])


def _sliced(record: RecordLayout, lines: Sequence[str]) -> list[Sequence[str]]:
    width = record.width
    if set(map(len, lines)) != {width}:
        raise LineUnfit(next(place for place, line in enumerate(lines) if len(line) != width))
    columns: list[Sequence[str]] = []
    at = 0
    for field in record.fields:
        end = at + field.width
        column = [line[at:end] for line in lines]
        _require_constant(field, column)
        columns.append(column)
        at = end
    return columns


def _rows(layout: FileLayout, lines: Sequence[str]) -> list[list[str]]:
    if layout.shape is Shape.DELIMITED:
        return [line.split(layout.delimiter) for line in lines]
    rows: list[list[str]] = []
    try:
        # A record is one line, so a quoted line end shows as fewer rows than lines.
        rows.extend(csv.reader(lines, strict=True))
    except csv.Error as fault:
        raise LineUnfit(min(len(rows), len(lines) - 1)) from fault
    if len(rows) != len(lines):
        raise LineUnfit(len(rows) - 1)
    return rows


def _require_constant(field: Field, column: Sequence[str]) -> None:
    if field.kind is not FieldKind.CONSTANT:
        return
    value = field.value.ljust(field.width)
    if list(column).count(value) != len(column):
        raise LineUnfit(next(place for place, text in enumerate(column) if text != value))


def _read_singly(field: Field, column: Sequence[str], faults: dict[int, str]) -> list[Value]:
    found: list[Value] = []
    for place, text in enumerate(column):
        try:
            found.append(read_one(field, text))
        except ValueError:
            found.append(None)
            faults.setdefault(place, field.name)
    return found
