"""Answers that are sent as they are: a status, a list of headers and bytes, without Flask's machinery for pages.

Knows WSGI. Flask's own response corrects, escapes and measures headers for browsers; that costs more than everything
else the door does for a conversion.
"""

from collections.abc import Callable, Iterable
from http import HTTPStatus

from flask import Response

from hub.gateway.rendering import compact

JSON = "application/json"

_LINES = {status.value: f"{status.value} {status.phrase.upper()}" for status in HTTPStatus}

Start = Callable[[str, list[tuple[str, str]]], object]


class Reply(Response):
    """An answer of the hub. Headers are ASCII without line breaks: they are ours, or checked before they are echoed."""

    def __init__(self, body: bytes, status: int, kind: str) -> None:
        # Flask's constructor is left out on purpose: what it prepares is not used by `__call__` below.
        self._status_code = status
        self.body = body
        self.lines = [("Content-Type", kind), ("Content-Length", str(len(body)))]

    @classmethod
    def without_body(cls, status: int) -> "Reply":
        """An answer that has no content, such as 204 and 304."""
        reply = cls(b"", status, "")
        reply.lines = []
        return reply

    def add(self, name: str, value: str) -> None:
        """One more header."""
        self.lines.append((name, value))

    def has(self, name: str) -> bool:
        """Whether there is such a header, spelled like this."""
        return any(one == name for one, _ in self.lines)

    def __call__(self, environ: dict[str, object], start_response: Start) -> Iterable[bytes]:
        """Send it."""
        start_response(_LINES[self._status_code], self.lines)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [self.body]


def json_reply(value: object, status: int = 200) -> Reply:
    """`value` as JSON."""
    return Reply(compact(value).encode(), status, JSON)
