"""The canonical text of everything the ledger stores: the rows as COPY takes them, and what hashes are made of.

A batch is sealed over exactly the text it sends to PostgreSQL, and `verify` writes the same text again from the stored
rows. Knows text and hashes. Does not know the database or what a row means.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from functools import lru_cache

from hub.kernel.errors import Fact
from hub.kernel.limits import LEDGER_METADATA_CHARS_MAX, LEDGER_TEXT_CHARS_MAX
from hub.ledger.types import Reversal, Transfer

NULL = "\\N"

_encode = json.JSONEncoder(ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode


def escape(text: str) -> str:
    """`text` as one field of COPY's text format; no two texts give the same field.

    Source: PostgreSQL manual, COPY, "Text Format".
    """
    if text.isprintable() and "\\" not in text:
        return text
    plain = text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
    return plain.replace("\r", "\\r")


# Codes, kinds, units and labels repeat all the time.
escape_common = lru_cache(maxsize=16_384)(escape)


def optional(text: str | None) -> str:
    """`text` as one field, or the field that means nothing was given."""
    return NULL if text is None else escape(text)


def storable(text: object) -> bool:
    """Whether PostgreSQL can keep `text` and index it: not empty, not too long, Unicode without NUL."""
    if type(text) is not str or not 0 < len(text) <= LEDGER_TEXT_CHARS_MAX:
        return False
    return text.isprintable() or _encodable(text)


def storable_metadata(metadata: Mapping[str, str]) -> bool:
    """Whether PostgreSQL can keep `metadata`: strings only, Unicode without NUL, not too long."""
    texts = [*metadata.keys(), *metadata.values()]
    if not all(type(text) is str and _encodable(text) for text in texts):
        return False
    return sum(map(len, texts)) <= LEDGER_METADATA_CHARS_MAX


def _encodable(text: str) -> bool:
    try:
        return b"\x00" not in text.encode()
    except UnicodeEncodeError:
        return False


def json_text(value: Mapping[str, str] | Mapping[str, Fact] | Sequence[object]) -> str:
    """`value` as JSON in ASCII with sorted names, so that equal values have equal text."""
    return _encode(value) if value else ("[]" if isinstance(value, Sequence) else "{}")


def json_field(value: Mapping[str, str] | Mapping[str, Fact] | Sequence[object]) -> str:
    """`value` as one field of COPY."""
    return escape(json_text(value)) if value else json_text(value)


def time_text(moment: datetime) -> str:
    """An aware instant in UTC; equal instants have equal text."""
    assert moment.tzinfo is not None, "a naive time reached the ledger"
    return moment.astimezone(UTC).isoformat()


def bytes_field(value: bytes) -> str:
    """`value` as one field of COPY for a `bytea`."""
    return "\\\\x" + value.hex()


def integers_field(values: Sequence[int] | None) -> str:
    """Whole numbers as one field of COPY for a `bigint[]`."""
    return NULL if values is None else "{" + ",".join(map(str, values)) + "}"


def transfers_json(transfers: Iterable[Transfer]) -> list[list[str | int | None]]:
    """Transfers as a hold keeps them: debit, credit, amount, label."""
    return [[one.debit, one.credit, one.amount, one.label] for one in transfers]


def transfers_of(stored: Iterable[Sequence[object]]) -> tuple[Transfer, ...]:
    """Transfers as a hold keeps them, read again."""
    return tuple(Transfer(*one) for one in stored)  # type: ignore[arg-type]


def content_hash(
    verb: str,
    *,
    key: str,
    kind: str,
    reference: str | None,
    metadata: Mapping[str, str],
    reverses: Reversal | None,
    transfers: Iterable[Transfer],
) -> bytes:
    """SHA-256 of what a request asks for; verb: `post` or `hold`. Two requests have one content if it is equal."""
    referred = NULL if reference is None else escape(reference)
    noted = json_field(metadata) if metadata else "{}"
    undone = f"{escape(reverses.key)}\t{reverses.share}" if reverses else NULL
    text = f"{verb}\t{escape(key)}\t{escape_common(kind)}\t{referred}\t{noted}\t{undone}"
    for one in transfers:
        text += f"\n{_sides_text(one.debit, one.credit, one.label)}\t{one.amount}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


@lru_cache(maxsize=16_384)
def _sides_text(debit: str, credit: str, label: str | None) -> str:
    return f"{escape(debit)}\t{escape(credit)}\t{optional(label)}"


def reversal_hash(key: str, of: str, share: Fraction, reference: str | None) -> bytes:
    """SHA-256 of what a request for a reversal asks for."""
    text = f"reverse\t{escape(key)}\t{escape(of)}\t{share}\t{optional(reference)}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
