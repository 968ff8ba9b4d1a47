"""JSON pointers (RFC 6901): reading a value at one, and building a document out of many.

Knows documents and pointers. Does not know what stands there.
"""

import itertools
import re
from collections.abc import Mapping

_POINTER = re.compile(r"(/([^~/]|~[01])*)+")
# Places of one list that a pointer may name; nobody's answer means the ten-thousandth entry.
_PLACE = re.compile(r"0|[1-9][0-9]{0,3}")

Pointer = tuple[str, ...]


def parse_pointer(text: str) -> Pointer | None:
    """The pieces of a pointer such as `/receipt/number`; None when it is malformed or names the whole document."""
    if not _POINTER.fullmatch(text) or len(text) > 200:
        return None
    return tuple(piece.replace("~1", "/").replace("~0", "~") for piece in text[1:].split("/"))


def value_at(document: object, pointer: Pointer) -> object:
    """What stands there; None when nothing does."""
    found = document
    for piece in pointer:
        if isinstance(found, Mapping):
            found = found.get(piece)
        elif isinstance(found, list) and _PLACE.fullmatch(piece) and int(piece) < len(found):
            found = found[int(piece)]
        else:
            return None
    return found


def put(document: dict[str, object], pointer: Pointer, value: object) -> None:
    """Set a value, making the objects on the way. The pointers of one document never cross."""
    inner = document
    for piece in pointer[:-1]:
        next_ = inner.setdefault(piece, {})
        assert isinstance(next_, dict), "a pointer leads through a value"
        inner = next_
    inner[pointer[-1]] = value


def crossing(pointers: list[Pointer]) -> Pointer | None:
    """A pointer that another one equals or leads through; None when all can stand in one document."""
    ordered = sorted(pointers)
    for before, after in itertools.pairwise(ordered):
        if after[: len(before)] == before:
            return after
    return None
