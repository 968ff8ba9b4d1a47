"""Ends connections whose time is over, whatever they are doing: a timeout of a socket only counts the silence between
two bytes, and a receiver that trickles its headers would hold a thread for ever.

Knows sockets and moments of the monotonic clock. Does not know HTTP.
"""

import contextlib
import heapq
import itertools
import socket
import threading
import time
from collections.abc import Iterator


class Errand:
    """Something that has to be done by a moment, on one connection at a time."""

    def __init__(self, until: float) -> None:
        self.until = until
        self.watched: socket.socket | None = None

    @property
    def is_late(self) -> bool:
        """Whether its time is over."""
        return time.monotonic() >= self.until


class Deadlines:
    """One thread that shuts connections down at their moment; started on first use, in whichever process that is."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int]] = []
        self._errands: dict[int, Errand] = {}
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def errand(self, seconds: float) -> Iterator[Errand]:
        """An errand for the block, whose connection is shut down when the block takes longer."""
        errand, number = Errand(time.monotonic() + seconds), next(self._numbers)
        with self._changed:
            self._errands[number] = errand
            heapq.heappush(self._heap, (errand.until, number))
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="hub-deadlines", daemon=True)
                self._thread.start()
            if self._heap[0][1] == number:
                self._changed.notify()
        try:
            yield errand
        finally:
            with self._changed:
                del self._errands[number]

    def watch(self, errand: Errand, connection: socket.socket) -> None:
        """This connection is the errand's now. Raises: TimeoutError, when its time is over already."""
        with self._changed:
            if errand.is_late:
                raise TimeoutError("the time for this attempt is over")
            errand.watched = connection

    def close(self, connection: socket.socket) -> None:
        """Close a watched connection; under the lock, because its number may be another file's a moment later."""
        with self._changed:
            connection.close()

    def _run(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                while self._heap and (self._heap[0][0] <= now or self._heap[0][1] not in self._errands):
                    errand = self._errands.get(heapq.heappop(self._heap)[1])
                    if errand is not None and errand.watched is not None:
                        # Whoever reads or writes finds the end of the connection.
                        with contextlib.suppress(OSError):
                            errand.watched.shutdown(socket.SHUT_RDWR)
                self._changed.wait(self._heap[0][0] - now if self._heap else None)
