"""What a file looks like, as data: shape, encoding, records, fields and controls.

Knows words and what belongs together. `declaration.py` reads it from a profile; `reading.py` and `writing.py` act
on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Shape(StrEnum):
    """How fields stand in a record."""

    FIXED = "fixed"  # each at its place, by width
    DELIMITED = "delimited"  # between delimiters of one or more characters, never quoted
    CSV = "csv"  # comma-separated as in RFC 4180, quoted where needed; a record is one line


class LineEnd(StrEnum):
    """What ends a record."""

    LF = "lf"
    CRLF = "crlf"
    NONE = "none"  # nothing does: fixed width alone

    @property
    def characters(self) -> str:
        """The characters themselves."""
        return {"lf": "\n", "crlf": "\r\n", "none": ""}[self.value]


class Encoding(StrEnum):
    """Which bytes a character is."""

    ASCII = "ascii"
    LATIN_1 = "latin-1"
    UTF_8 = "utf-8"
    CP037 = "cp037"  # EBCDIC of North America


class FieldKind(StrEnum):
    """What a field holds, and so what its value is in Python."""

    TEXT = "text"  # str, padded with spaces in fixed width
    NUMBER = "number"  # int, digits without sign, zero-filled in fixed width, decimals implied
    DECIMAL = "decimal"  # int in smallest units, written with a decimal point and a sign if below zero
    ZONED = "zoned"  # int, digits whose last one carries the sign as an overpunch, decimals implied
    DATE = "date"  # datetime.date, by `format`
    TIME = "time"  # datetime.time, by `format`
    WORD = "word"  # str, one of `words`, each with our own word for it
    CONSTANT = "constant"  # the same text in every record; tells records apart
    FILLER = "filler"  # spaces, read over
    LINE = "line"  # int, the number of the detail record, from 1


class Control(StrEnum):
    """What a field of header or trailer states about the whole file."""

    COUNT = "count"  # number of detail records
    LINES = "lines"  # number of all records, header and trailer included
    TOTAL = "total"  # sum of the detail field `of`
    HASH = "hash"  # sum of the digits of the detail field `of` read as a number, cut to the field's width from the left
    SEQUENCE = "sequence"  # the file's number in its series
    CREATED_ON = "created_on"  # the day it was made, in the partner's time zone
    CREATED_AT = "created_at"  # the time of that day


@dataclass(frozen=True, slots=True)
class Field:
    """One field. width: characters in fixed width, 0 elsewhere. decimals: implied or written digits after the point.

    value: of a constant. words: the partner's word -> ours. blank: whether it may be empty (the value is then None, or
    "" for text). right: text stands at the right end. of: the detail field that a control is about.
    """

    name: str
    kind: FieldKind
    width: int = 0
    decimals: int = 0
    format: str = ""
    value: str = ""
    words: Mapping[str, str] | None = None
    blank: bool = False
    right: bool = False
    control: Control | None = None
    of: str = ""


@dataclass(frozen=True, slots=True)
class RecordLayout:
    """The fields of one kind of record, in order."""

    fields: tuple[Field, ...]

    @property
    def width(self) -> int:
        """Characters of a record in fixed width."""
        return sum(field.width for field in self.fields)

    @property
    def valued(self) -> tuple[Field, ...]:
        """The fields that carry a value: neither constants nor fillers."""
        return tuple(field for field in self.fields if field.kind not in (FieldKind.CONSTANT, FieldKind.FILLER))

    def field(self, name: str) -> Field | None:
        """The field of that name, or None."""
        return next((field for field in self.fields if field.name == name), None)


@dataclass(frozen=True, slots=True)
class FileLayout:
    """One kind of file. name: of the file, with `{sequence:0N}` and `{date}` (YYYYMMDD) where they stand.

    headers and trailers: the records before and after the details, in order; either may be empty. titles: whether a
    first line names the detail's fields. empty: whether a file without details is good.
    """

    name: str
    shape: Shape
    encoding: Encoding
    line_end: LineEnd
    delimiter: str
    titles: bool
    empty: bool
    headers: tuple[RecordLayout, ...]
    detail: RecordLayout
    trailers: tuple[RecordLayout, ...]

    @property
    def framing(self) -> tuple[RecordLayout, ...]:
        """Header and trailer records together."""
        return (*self.headers, *self.trailers)

    def control(self, control: Control) -> Field | None:
        """The first header or trailer field with this control, or None."""
        return next((field for record in self.framing for field in record.fields if field.control is control), None)
