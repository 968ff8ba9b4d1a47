"""Values as the text that PostgreSQL reads in parameters: scalars, arrays, and whole columns of rows.

Knows the text formats (PostgreSQL manual, 8.5, 8.14, 8.15.2). Whole columns are looked at once instead of value by
value, because rendering was the largest single cost of a batch.
"""

import json
import uuid
from collections.abc import Callable, Sequence
from datetime import date, datetime
from enum import Enum
from typing import Any

from psycopg.types.json import Jsonb

# Types as `pg_type.oid` has them, the same on every server. 0 lets PostgreSQL find out from the statement.
OIDS: dict[type, int] = {int: 23, str: 0, bool: 16, datetime: 1184, date: 1082, bytes: 17, uuid.UUID: 2950}

_ARRAY_OIDS: dict[type, int] = {
    int: 1016,
    str: 1009,
    bool: 1000,
    datetime: 1185,
    date: 1182,
    bytes: 1001,
    uuid.UUID: 2951,
}

_NUMERIC_ARRAY = 1231
_INT8_MAX = 2**63 - 1

# Parts the texts of a column while they are looked at together; a text that has it itself is looked at alone.
_PART = "\x1f"


def _time(value: datetime) -> str:
    return value.isoformat()


def _flag(value: bool) -> str:
    return "t" if value else "f"


def _bytes(value: bytes) -> str:
    return "\\x" + value.hex()


def _same(value: str) -> str:
    return value


TEXTS: dict[type, Callable[[Any], str]] = {
    str: _same,
    bool: _flag,
    datetime: _time,
    date: date.isoformat,
    bytes: _bytes,
    uuid.UUID: str,
}
"""How a single value reads; whole numbers apart, whose type depends on their size."""


def list_text(values: list[object]) -> tuple[str, int] | None:
    """A list as an array and the array's type; None for what only the driver knows (mixed, nested, empty)."""
    kinds = set(map(type, values))
    nullable = len(kinds) == 2
    kinds.discard(type(None))
    if len(kinds) != 1:
        return None
    (kind,) = kinds
    oid = _ARRAY_OIDS.get(kind)
    if oid is None:
        return None
    if kind is int and any(abs(one) > _INT8_MAX for one in values if type(one) is int):
        oid = _NUMERIC_ARRAY
    return (_each(values) if nullable else column_text(values)), oid


def column_text(values: Sequence[object]) -> str:
    """One column of rows as an array literal. Lists are texts of arrays, `Jsonb` its JSON."""
    kinds = set(map(type, values))
    if len(kinds) == 1:
        (kind,) = kinds
        if kind is str:
            return strings_text(values)  # type: ignore[arg-type]
        if kind is int:
            return "{" + ",".join(map(str, values)) + "}"
        if kind is datetime:
            first = values[0]
            assert isinstance(first, datetime)
            # One batch has one time, and reading a clock's value as text is dear.
            if values.count(first) == len(values):
                return "{" + ",".join([f'"{first.isoformat()}"'] * len(values)) + "}"
            return '{"' + '","'.join(map(datetime.isoformat, values)) + '"}'  # type: ignore[arg-type]
        if kind is bytes:
            return '{"\\\\x' + '","\\\\x'.join(map(bytes.hex, values)) + '"}'  # type: ignore[arg-type]
    return _each(values)


def strings_text(values: Sequence[str]) -> str:
    """Texts as an array literal, each quoted."""
    joined = _PART.join(values)
    if '"' in joined:
        if "\\" in joined or joined.count(_PART) != len(values) - 1:
            return "{" + ",".join(map(_quoted, values)) + "}"
        joined = joined.replace('"', '\\"')
    elif "\\" in joined or joined.count(_PART) != len(values) - 1:
        return "{" + ",".join(map(_quoted, values)) + "}"
    return '{"' + joined.replace(_PART, '","') + '"}'


def _each(values: Sequence[object]) -> str:
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: object) -> str:
    """One element of an array literal."""
    kind = type(value)
    if value is None:
        return "NULL"
    if kind is int:
        return str(value)
    if kind is list:
        assert isinstance(value, list)
        return _quoted(column_text(value) if value else "{}")
    if isinstance(value, Jsonb):
        return _quoted(json.dumps(value.obj))
    if isinstance(value, Enum):
        return _quoted(str(value.value))
    text = TEXTS.get(kind)
    assert text is not None, f"no text for {kind.__name__}"
    return _quoted(text(value))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
