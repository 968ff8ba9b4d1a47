"""Reads a delimited file in parts of bounded size that end where a record ends, so that reading can go on anywhere.

Knows quotes, line ends and broken records. Source: RFC 4180; a byte order mark and single line feeds are taken too.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import polars as pl

from hub.earning.refusals import SpendFileInvalid

_MARK = b"\xef\xbb\xbf"
# One record may have a few hundred bytes; more than this is not a record but a quote that nobody closed.
_RECORD_BYTES_MAX = 1 << 20
_COLUMNS_MAX = 200


@dataclass(frozen=True, slots=True)
class Head:
    """names: of the header, in order. offset: where the first record begins. size: bytes of the file."""

    names: tuple[str, ...]
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Part:
    """records: texts by column name, `malformed` and `line`. offset, line: where the next part begins."""

    records: pl.DataFrame
    offset: int
    line: int


def read_head(path: Path, delimiter: str) -> Head:
    """The header of a file. Raises: SpendFileInvalid."""
    size = path.stat().st_size
    with path.open("rb") as file:
        first = file.readline(_RECORD_BYTES_MAX)
    if not first.strip():
        raise SpendFileInvalid("The file is empty.")
    mark = len(_MARK) if first.startswith(_MARK) else 0
    try:
        names = next(csv.reader([first[mark:].decode("utf-8")], delimiter=delimiter, strict=True))
    except (UnicodeDecodeError, csv.Error) as fault:
        raise SpendFileInvalid("The first line is no header in UTF-8.") from fault
    tidy = tuple(name.strip() for name in names)
    if len(set(tidy)) != len(tidy) or not 0 < len(tidy) <= _COLUMNS_MAX:
        raise SpendFileInvalid("The header names a column twice, or too many of them.")
    return Head(tidy, len(first), size)


def read_parts(path: Path, head: Head, delimiter: str, *, offset: int, line: int, bytes_max: int) -> Iterator[Part]:
    """The records from `offset` on, `line` being the number of the first. Raises: SpendFileInvalid."""
    with path.open("rb") as file:
        file.seek(offset)
        for data in _blocks(file, bytes_max):
            offset += len(data)
            records = _records(data, head.names, delimiter, line)
            line += len(records)
            yield Part(records, offset, line)


def _blocks(file: BinaryIO, bytes_max: int) -> Iterator[bytes]:
    """Whole records of about so many bytes."""
    rest = b""
    while True:
        data = rest + file.read(bytes_max - min(len(rest), bytes_max // 2))
        if len(data) == len(rest):
            if rest:
                yield rest
            return
        end = _end_of_records(data)
        if end == 0 and len(data) > bytes_max + _RECORD_BYTES_MAX:
            raise SpendFileInvalid("A quote is opened and not closed again.")
        if end:
            yield data[:end]
        rest = data[end:]


def _end_of_records(data: bytes) -> int:
    """Where the last whole record of `data` ends: after a line feed with an even number of quotes before it."""
    end = data.rfind(b"\n") + 1
    odd = data.count(b'"', 0, end) % 2
    while end and odd:
        before = data.rfind(b"\n", 0, end - 1) + 1
        odd = (odd + data.count(b'"', before, end)) % 2
        end = before
    return end


def _records(data: bytes, names: Sequence[str], delimiter: str, line: int) -> pl.DataFrame:
    plain = b'"' not in data and b"\x00" not in data and _is_even(data, delimiter.encode(), len(names) - 1)
    if plain:
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            plain = False
    frame = _fast(data, names, delimiter) if plain else _careful(data, names, delimiter)
    return frame.with_columns(pl.int_range(line, line + pl.len(), dtype=pl.Int64).alias(_LINE))


_LINE = "\x00line"
_MALFORMED = "\x00malformed"


def _is_even(data: bytes, delimiter: bytes, count: int) -> bool:
    """Whether every line has as many delimiters as the header, and none is blank."""
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return all(one.count(delimiter) == count for one in lines) and all(one.strip() for one in lines)


def _fast(data: bytes, names: Sequence[str], delimiter: str) -> pl.DataFrame:
    frame = pl.read_csv(
        data,
        has_header=False,
        separator=delimiter,
        schema=dict.fromkeys(names, pl.String),
        quote_char=None,
        empty_string_is_null=False,
    )
    return frame.with_columns(pl.lit(value=False).alias(_MALFORMED))


def _careful(data: bytes, names: Sequence[str], delimiter: str) -> pl.DataFrame:
    """Record by record: what does not fit the header, or holds what cannot be kept, is malformed and nothing else."""
    text = io.StringIO(data.decode("utf-8", "surrogateescape"), newline="")
    rows = []
    broken = []
    for row in csv.reader(text, delimiter=delimiter):
        if not row or row == [""]:
            continue
        wrong = len(row) != len(names) or any(not _storable(cell) for cell in row)
        rows.append([""] * len(names) if wrong else row)
        broken.append(wrong)
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    return frame.with_columns(pl.Series(_MALFORMED, broken, dtype=pl.Boolean))


def _storable(cell: str) -> bool:
    if cell.isascii():
        return "\x00" not in cell
    return "\x00" not in cell and not any("\ud800" <= char <= "\udfff" for char in cell)


def texts_of(part: Part, columns: dict[str, str], all_columns: Sequence[str]) -> pl.DataFrame:
    """The part under our names. columns: ours → the file's; ours without one are empty."""
    chosen = [pl.col(columns[name]).alias(name) if name in columns else pl.lit("").alias(name) for name in all_columns]
    return part.records.select(*chosen, pl.col(_LINE).alias("line"), pl.col(_MALFORMED).alias("malformed"))
