"""Rows as the text that COPY reads (PostgreSQL manual, COPY, "Text Format").

Several times faster than handing values to the driver one by one, which was the largest single cost of a batch. Knows
strings, whole numbers, booleans, instants, bytes, UUIDs, lists of strings or whole numbers, `Jsonb`, and None; anything
else is our mistake.
"""

import json
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from enum import Enum

from psycopg.types.json import Jsonb

_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f", "\v": "\\v"})


def copy_text(rows: Iterable[Sequence[object]]) -> bytes:
    """All rows in COPY's text format, UTF-8. Empty for no rows."""
    kinds = _RENDERERS
    other = _other
    lines = ["\t".join([kinds.get(type(value), other)(value) for value in row]) for row in rows]
    if not lines:
        return b""
    lines.append("")
    return "\n".join(lines).encode()


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
    bytes: _bytes,
    uuid.UUID: str,
    list: _list,
    Jsonb: lambda value: _string(json.dumps(value.obj)),
}
