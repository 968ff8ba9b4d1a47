"""Locks by name over all processes that share a database, held by one connection of each process.

Knows session-level advisory locks. They save work that would only be wasted if it were done twice, and guard nothing
else: whoever loses the connection loses its locks, and nobody tells it. No transaction is open meanwhile, so what is
done under one may take its time.
"""

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

_POLL_SECONDS = 0.025
_CONNECT_SECONDS = 5


class SharedLocks:
    """The locks that this process holds. Safe between threads; connects on first use and again after a fork."""

    def __init__(self, url: str) -> None:
        """url: `postgresql+psycopg://` of the database that all processes share."""
        self._url = url.replace("postgresql+psycopg://", "postgresql://", 1)
        self._lock = threading.Lock()
        self._held: set[str] = set()
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None
        self._process = 0

    def __repr__(self) -> str:
        return f"SharedLocks({sorted(self._held)})"

    @contextmanager
    def held(self, name: str, *, patience_seconds: int) -> Iterator[bool]:
        """Hold the lock `name`; True when it is held, False when `patience_seconds` passed while somebody else had it.

        Raises: psycopg.Error when the database cannot be reached.
        """
        until = time.monotonic() + patience_seconds
        mine = self._taken(name)
        while not mine and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)
            mine = self._taken(name)
        try:
            yield mine
        finally:
            if mine:
                self._give_back(name)

    def close(self) -> None:
        """Give everything back."""
        with self._lock:
            self._drop()

    def _taken(self, name: str) -> bool:
        with self._lock:
            if name in self._held:
                return False  # by another thread: the server would let the same connection in twice
            taken = self._ask("SELECT pg_try_advisory_lock(%s)", name)
            if taken:
                self._held.add(name)
            return taken

    def _give_back(self, name: str) -> None:
        with self._lock:
            self._held.discard(name)
            if self._connection is None:
                return  # closed or lost meanwhile, and the lock with it
            try:
                self._ask("SELECT pg_advisory_unlock(%s)", name)
            except psycopg.Error:
                self._drop()  # a connection that is gone has given it back

    def _ask(self, sql: str, name: str) -> bool:
        try:
            row = self._connected().execute(sql.encode(), (_number(name),)).fetchone()
        except psycopg.Error:
            self._drop()
            row = self._connected().execute(sql.encode(), (_number(name),)).fetchone()
        return bool(row and row[0])

    def _connected(self) -> "psycopg.Connection[tuple[object, ...]]":
        if self._connection is None or self._process != os.getpid():
            self._connection = psycopg.connect(self._url, autocommit=True, connect_timeout=_CONNECT_SECONDS)
            self._process = os.getpid()
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None and self._process == os.getpid():
            self._connection.close()
        self._connection = None


def _number(name: str) -> int:
    """The 64-bit number that stands for a name; the hub's other advisory locks are small numbers."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)
