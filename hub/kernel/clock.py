"""Time as an argument: aware UTC instants from a clock that is handed in, so that tests and simulations own it."""

import threading
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Protocol


class Clock(Protocol):
    """Gives the present instant, always aware and in UTC."""

    def now(self) -> datetime:
        """The present instant."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant, microseconds kept."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that moves only when told; for tests and simulations. Safe between threads."""

    def __init__(self, start: datetime) -> None:
        assert start.tzinfo is not None, "a clock starts at an aware instant"
        self._now = start.astimezone(UTC)
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The instant it was last set to."""
        with self._lock:
            return self._now

    def advance(self, by: timedelta) -> None:
        """Move by `by`, backwards too: a simulation jumps clocks on purpose."""
        with self._lock:
            self._now += by


@lru_cache(maxsize=1_024)
def rfc3339(moment: datetime) -> str:
    """`2026-11-22T09:30:00.000000Z`: UTC, always with microseconds, so that texts sort like instants.

    The newest texts are kept: everything in one batch shares its instant.
    """
    assert moment.tzinfo is not None, "a naive time reached a border"
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_rfc3339(text: str) -> datetime:
    """The instant of an RFC 3339 text with an offset. Raises ValueError for a text without one."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time needs an offset such as Z")
    return moment.astimezone(UTC)


def to_seconds(moment: datetime) -> int:
    """Whole seconds since 1970, as JWTs and OAuth count them; a started one does not count."""
    assert moment.tzinfo is not None, "a naive time reached a border"
    return int(moment.timestamp())
