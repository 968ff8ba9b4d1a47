"""What a chunk's rows are as bytes, and the hash over them that the chunk and its postings carry.

The rows go to PostgreSQL as exactly this text, and `verification` writes the same text again from what is stored; so a
changed byte is found. Knows text and hashes. Does not know what a row means.
"""

import hashlib
import io
import json
from collections.abc import Iterable, Sequence

import polars as pl

from hub.earning.effects import Adjustment

ROW: dict[str, pl.DataType | type[pl.DataType]] = {
    "chunk": pl.Int64,
    "line": pl.Int64,
    "bank": pl.String,
    "id": pl.String,
    "token": pl.Int64,
    "at": pl.Datetime("us", "UTC"),
    "day": pl.Date,
    "amount": pl.Int64,
    "currency": pl.String,
    "category": pl.String,
    "merchant": pl.String,
    "product": pl.String,
    "tier": pl.String,
    "original": pl.String,
    "kind": pl.String,
    "pricing": pl.Int32,
    "points": pl.Int64,
}
"""Columns of a transaction that never change once it is taken."""

_COPY_BYTES = 1 << 20


def rendered(frame: pl.DataFrame) -> memoryview:
    """Transactions as CSV. frame: at least the columns of `ROW`, in the order of their lines."""
    text = io.BytesIO()
    frame.select(list(ROW)).write_csv(text, include_header=False, datetime_format="%Y-%m-%dT%H:%M:%S%.6f+00:00")
    return text.getbuffer()


def parts_of(data: memoryview) -> Iterable[memoryview]:
    """`data` in parts of bounded size."""
    return (data[start : start + _COPY_BYTES] for start in range(0, len(data), _COPY_BYTES))


def seal_of(rows: memoryview, adjustments: Sequence[Adjustment]) -> bytes:
    """SHA-256 over a chunk's transactions and what moved beside them, in the order of their numbers."""
    found = hashlib.sha256(rows)
    for one in adjustments:
        line = [one.transaction, one.token, one.pricing, one.points, one.reason]
        found.update(json.dumps(line, separators=(",", ":")).encode() + b"\n")
    return found.digest()
