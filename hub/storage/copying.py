"""Rows as the text that COPY reads (PostgreSQL manual, COPY, "Text Format").

Several times faster than handing values to the driver one by one, which was the largest single cost of a batch. Knows
strings, whole numbers, booleans, instants, days, bytes, UUIDs, lists of strings or whole numbers, `Jsonb`, and None;
anything else is our mistake.
"""

import json
import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from enum import Enum
from functools import lru_cache
from typing import Any, LiteralString

from psycopg.types.json import Jsonb
from sqlalchemy import ARRAY, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from hub.storage.values import column_text, strings_text

_UNESCAPES = {
    "\\\\": "\\", "\\n": "\n", "\\t": "\t", "\\r": "\r", "\\b": "\b", "\\f": "\f", "\\v": "\v",
}  # fmt: skip
_ESCAPED = re.compile(r"\\[\\ntrbfv]")
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f", "\v": "\\v"})


def copy_lines(rows: Iterable[Sequence[object]]) -> list[str]:
    """Each row as a line of COPY's text format, line end included."""
    kinds = _RENDERERS
    other = _other
    return ["\t".join([kinds.get(type(value), other)(value) for value in row]) + "\n" for row in rows]


def arrays_of(lines: Sequence[str]) -> list[str]:
    """The same rows as one array literal per column."""
    columns = zip(*(line[:-1].split("\t") for line in lines), strict=True)
    return [_array(column) for column in columns]


@lru_cache(maxsize=256)
def insert_of(table: Table, columns: tuple[str, ...]) -> LiteralString:
    """A statement that appends rows given as one array per column."""
    kinds = [(name, table.columns[name].type) for name in columns]
    names = ", ".join(columns)
    # An array of arrays would be taken apart to its elements; a text of an array is not.
    arrays = ", ".join("%s::text[]" if isinstance(kind, ARRAY) else f"%s::{_named(kind)}[]" for _, kind in kinds)
    taken = ", ".join(f"{name}::{_named(kind)}" if isinstance(kind, ARRAY) else name for name, kind in kinds)
    return f"INSERT INTO {table.name} ({names}) SELECT {taken} FROM unnest({arrays}) AS row ({names})"  # noqa: S608


def columns_of(rows: Iterable[Sequence[object]]) -> list[str]:
    """Rows as one array literal per column."""
    return [column_text(column) for column in zip(*rows, strict=True)]


def _named(kind: TypeEngine[Any]) -> str:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    # A collation belongs to the column, not to the values that go in.
    return str(kind.compile(dialect)).partition(" COLLATE ")[0]


def _array(column: Sequence[str]) -> str:
    """A column of fields of COPY's text as an array literal; nearly always there is nothing to undo."""
    if "\\" in "".join(column):
        return "{" + ",".join([_element(text) for text in column]) + "}"
    return strings_text(column)


def _element(text: str) -> str:
    if "\\" in text:
        if text == "\\N":
            return "NULL"
        text = _ESCAPED.sub(lambda match: _UNESCAPES[match[0]], text).replace("\\", "\\\\")
    return '"' + (text.replace('"', '\\"') if '"' in text else text) + '"'


def _string(value: str) -> str:
    # Nearly every text is plain; this test costs a tenth of translating it.
    return value if value.isprintable() and "\\" not in value else value.translate(_ESCAPES)


def _bytes(value: bytes) -> str:
    return "\\\\x" + value.hex()


def _list(value: list[str] | list[int]) -> str:
    """An array literal with every element quoted (PostgreSQL manual, 8.15.2), then escaped for COPY."""
    quoted = ['"' + one.replace("\\", "\\\\").replace('"', '\\"') + '"' for one in map(str, value)]
    return _string("{" + ",".join(quoted) + "}")


def _other(value: object) -> str:
    if isinstance(value, Enum):
        return _string(str(value.value))
    raise AssertionError(f"no COPY text for {type(value).__name__}")


_RENDERERS: dict[type, Callable[..., str]] = {
    str: _string,
    int: str,
    bool: lambda value: "t" if value else "f",
    type(None): lambda _: "\\N",
    datetime: datetime.isoformat,
    date: date.isoformat,
    bytes: _bytes,
    uuid.UUID: str,
    list: _list,
    Jsonb: lambda value: _string(json.dumps(value.obj)),
}
