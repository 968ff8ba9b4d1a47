"""What can go wrong with a partner's answer file: kinds, rates, and how bytes are spoilt.

Knows layouts and bytes. Which file goes wrong is decided by a seed, never by the order of things.
"""

import hashlib
from collections.abc import Callable, Mapping
from enum import StrEnum

from partners.files.layout import FileLayout


class FileFault(StrEnum):
    """What a partner, or the way from it, can do to a file of answers."""

    TRUNCATED = "truncated"  # it ends in the middle
    REPEATED = "repeated"  # it comes twice
    REORDERED = "reordered"  # two of its records have changed places
    WRONG_TOTAL = "wrong_total"  # a record is missing, and the totals say so
    WRONG_CHARSET = "wrong_charset"  # a byte in it is no character
    WRONG_TYPE = "wrong_type"  # it is a page of HTML
    EMPTY = "empty"  # there is nothing in it
    MISSING = "missing"  # it never arrives, until its partner sends it again
    LATE = "late"  # it arrives a turn later
    UNKNOWN_WORD = "unknown_word"  # a record's result is a word that nobody agreed on
    STRANGER = "stranger"  # a record has a key that the hub never gave out
    REFUSING = "refusing"  # the file of instructions counts as spoilt, and is wanted again


Chooses = Callable[[int], FileFault | None]
"""What goes wrong with the n-th file that is sent, from 1; None for nothing."""

# Whatever is spoilt so is spoilt in its bytes; the others are acted out by whoever writes and sends.
SPOILING = frozenset(
    {
        FileFault.TRUNCATED,
        FileFault.REORDERED,
        FileFault.WRONG_TOTAL,
        FileFault.WRONG_CHARSET,
        FileFault.WRONG_TYPE,
        FileFault.EMPTY,
    }
)


def seeded(seed: int, per_mille: Mapping[str, int]) -> Chooses:
    """Faults at these rates in a thousand files, by name; other names are for other kinds of partner."""
    rates = {kind: per_mille[kind] for kind in FileFault if per_mille.get(kind)}

    def choose(number: int) -> FileFault | None:
        digest = hashlib.blake2b(f"{seed} {number}".encode(), digest_size=8).digest()
        draw = int.from_bytes(digest, "big") % 1_000
        for kind, rate in rates.items():
            if draw < rate:
                return kind
            draw -= rate
        return None

    return choose


def in_order(*faults: FileFault | None) -> Chooses:
    """These faults with the first files, and none afterwards."""
    return lambda number: faults[number - 1] if number <= len(faults) else None


def spoilt(layout: FileLayout, good: bytes, fault: FileFault) -> bytes:
    """The bytes of a file with this fault."""
    if layout.line_end.characters:
        end = layout.line_end.characters.encode(layout.encoding)
        lines = [line + end for line in good.split(end)[:-1]]
    else:
        width = layout.detail.width
        lines = [good[at : at + width] for at in range(0, len(good), width)]
    lead = len(layout.headers) + (1 if layout.titles else 0)
    match fault:
        case FileFault.TRUNCATED:
            return good[: len(good) // 2]
        case FileFault.REORDERED:
            place = min(lead, len(lines) - 2)
            return b"".join([*lines[:place], lines[place + 1], lines[place], *lines[place + 2 :]])
        case FileFault.WRONG_TOTAL:
            last = len(lines) - len(layout.trailers)
            return b"".join([*lines[: last - 1], *lines[last:]])
        case FileFault.WRONG_CHARSET:
            return good[: len(good) // 2] + b"\x07" + good[len(good) // 2 + 1 :]
        case FileFault.WRONG_TYPE:
            return b"<html><body>Service unavailable</body></html>\r\n"
    assert fault is FileFault.EMPTY, f"{fault} spoils no bytes"
    return b""
