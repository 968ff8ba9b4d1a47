"""Which version of a thing somebody has seen: strong entity tags made from the very bytes that were shown.

Knows RFC 9110 §8.8 and §13.1. Does not know the things.
"""

import hashlib
import re

from hub.gateway.refusals import PreconditionFailed, PreconditionInvalid, PreconditionMissing

_TAG = re.compile(r'(W/)?"[\x21\x23-\x7e]*"')
_TAGS = re.compile(rf"\s*{_TAG.pattern}(\s*,\s*{_TAG.pattern})*\s*")
_HEADER_CHARS_MAX = 1_000


def tag_of(body: str) -> str:
    """The strong entity tag of a thing shown as `body`."""
    return f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'


def is_known(header: str, tag: str) -> bool:
    """Whether If-None-Match names this tag; one that cannot be read names nothing."""
    if header.strip() == "*":
        return True
    return tag in {one.removeprefix("W/") for one in _tags(header)}


def expected_tags(header: str | None) -> frozenset[str]:
    """The tags of If-Match. Raises: PreconditionMissing, PreconditionInvalid."""
    if not header:
        raise PreconditionMissing(
            "Send If-Match with the ETag of what you have seen, so that no change is overwritten."
        )
    found = frozenset(_tags(header))
    if not found:
        raise PreconditionInvalid('If-Match is a list of entity tags such as "5f2c…", as ETag gave them.')
    return found


def require_match(expected: frozenset[str], body: str) -> None:
    """Raises: PreconditionFailed, when the thing, now shown as `body`, is not the one that was seen."""
    if tag_of(body) not in expected:
        raise PreconditionFailed("It has changed since you looked; read it again and decide anew.")


def _tags(header: str) -> list[str]:
    if len(header) > _HEADER_CHARS_MAX or not _TAGS.fullmatch(header):
        return []
    return [found.group(0) for found in _TAG.finditer(header)]
