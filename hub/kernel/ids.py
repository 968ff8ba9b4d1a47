"""Time-ordered ids with a prefix that says what they name.

An id is `<prefix>_` and 26 characters of Crockford's base 32: 48 bits of milliseconds, then 80 random bits, so ids of
one kind sort by their time. Source: the layout of ULID (github.com/ulid/spec).
"""

import secrets
import uuid
from datetime import datetime

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]


def new_id(prefix: str, at: datetime, random: int | None = None) -> str:
    """A new id. random: 80 bits; drawn from the system when not handed in (simulations hand it in)."""
    bits = secrets.randbits(80) if random is None else random
    number = (int(at.timestamp() * 1000) << 80 | bits) & (1 << 130) - 1
    text = "".join(_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10))
    return f"{prefix}_{text}"


def new_uuid(at: datetime, random: int | None = None) -> uuid.UUID:
    """A UUID version 7 (RFC 9562 §5.7) of that millisecond. random: 74 bits."""
    bits = secrets.randbits(74) if random is None else random
    number = int(at.timestamp() * 1000) << 80 | 7 << 76 | (bits >> 62) << 64 | 2 << 62 | bits & (1 << 62) - 1
    return uuid.UUID(int=number)
