"""Time-ordered ids with a prefix that says what they name.

An id is `<prefix>_` and 26 characters of Crockford's base 32: 48 bits of milliseconds, then 80 random bits, so ids of
one kind sort by their time. Source: the layout of ULID (github.com/ulid/spec).
"""

import secrets
import uuid
from datetime import datetime
from functools import lru_cache

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]


def new_id(prefix: str, at: datetime, random: int | None = None) -> str:
    """A new id. random: 80 bits; drawn from the system when not handed in (simulations hand it in)."""
    bits = secrets.randbits(80) if random is None else random
    return f"{prefix}_{_time_text(int(at.timestamp() * 1000))}{_random_text(bits)}"


@lru_cache(maxsize=1_024)
def _time_text(milliseconds: int) -> str:
    """48 bits as ten characters; the ids of a batch share one."""
    return "".join([_PAIRS[milliseconds >> shift & 1023] for shift in (40, 30, 20, 10, 0)])


def _random_text(bits: int) -> str:
    """80 bits as sixteen characters. Written out, because two ids a conversion showed in its cost."""
    pairs = _PAIRS
    return (
        f"{pairs[bits >> 70 & 1023]}{pairs[bits >> 60 & 1023]}{pairs[bits >> 50 & 1023]}{pairs[bits >> 40 & 1023]}"
        f"{pairs[bits >> 30 & 1023]}{pairs[bits >> 20 & 1023]}{pairs[bits >> 10 & 1023]}{pairs[bits & 1023]}"
    )


def new_uuid(at: datetime, random: int | None = None) -> uuid.UUID:
    """A UUID version 7 (RFC 9562 §5.7) of that millisecond. random: 74 bits."""
    bits = secrets.randbits(74) if random is None else random
    number = int(at.timestamp() * 1000) << 80 | 7 << 76 | (bits >> 62) << 64 | 2 << 62 | bits & (1 << 62) - 1
    return uuid.UUID(int=number)
