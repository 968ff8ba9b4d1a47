"""Group commit: request threads hand in their requests, one thread decides them together in one transaction.

Why: conversions that all hit the same two accounts run an order of magnitude faster in batches of 64-256 than with one
transaction and its row locks each. The batch is what removes the hot account. There is no timer where somebody waits:
an idle batcher commits at once, a busy one takes the whole queue when it is done.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import psycopg
from sqlalchemy.exc import DBAPIError

from hub.kernel.errors import HubError, Overloaded
from hub.kernel.limits import BATCH_REPEATS_MAX, BATCH_REQUESTS_MAX, BATCH_WAITING_MAX
from hub.storage.database import Database, Work

Request = TypeVar("Request")
Answer = TypeVar("Answer")

_log = logging.getLogger(__name__)

# What a repeat of the whole batch can cure: lock order lost to another process, or a key inserted meanwhile.
_REPEATABLE = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.errors.UniqueViolation,
    psycopg.errors.LockNotAvailable,
)


class KeyRaced(Exception):
    """Another process inserted one of our keys meanwhile; reading again will find it."""


class _Parcel(Generic[Request, Answer]):
    """The requests of one caller, which wait for their answers together."""

    __slots__ = ("answers", "fault", "ready", "requests", "then")

    def __init__(
        self, requests: Sequence[Request], then: Callable[[Answer | BaseException], None] | None = None
    ) -> None:
        self.requests = requests
        self.then = then
        self.answers: list[Answer | HubError] = []
        self.fault: BaseException | None = None
        # A bare lock instead of an event: held until the answers are there, it wakes its one waiter in a single call.
        self.ready = threading.Lock()
        self.ready.acquire()

    def hand_over(self) -> None:
        """Tell whoever waits, or is to be called, that it is decided."""
        if self.then is None:
            self.ready.release()
        else:
            self.then(self.fault if self.fault is not None else self.answers[0])


class Batcher(Generic[Request, Answer]):
    """Decides requests of many threads in shared transactions.

    decide: takes `Work` and the requests, returns one answer or refusal each, in order. It must leave nothing behind
    but through `Work`, since a batch may be repeated or split. It neither commits nor calls anything remote.

    gather_seconds: how long what nobody waits for (`submit_later`) gathers, so that fewer transactions take it.

    The thread starts on first use, in whichever process that is, because servers fork after building their objects.
    """

    def __init__(
        self,
        database: Database,
        decide: Callable[[Work, Sequence[Request]], Sequence[Answer | HubError]],
        *,
        name: str,
        requests_max: int = BATCH_REQUESTS_MAX,
        waiting_max: int = BATCH_WAITING_MAX,
        gather_seconds: float = 0,
    ) -> None:
        self._database = database
        self._decide = decide
        self._name = name
        self._requests_max = requests_max
        self._waiting_max = waiting_max
        self._gather_seconds = gather_seconds
        self._gathering = False
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._queue: deque[_Parcel[Request, Answer]] = deque()
        self._waiting = 0
        self._thread: threading.Thread | None = None
        self._stopping = False

    def submit(self, request: Request) -> Answer:
        """Decide one request and wait until it is committed.

        Raises: the refusal it was answered with; Overloaded; whatever fault its transaction met.
        """
        answer = self.submit_many([request])[0]
        if isinstance(answer, HubError):
            raise answer
        return answer

    def submit_many(self, requests: Sequence[Request]) -> list[Answer | HubError]:
        """Decide several requests in one transaction if they fit into one; one answer or refusal each, in order.

        Raises: Overloaded, when the queue is full; whatever fault the transaction met.
        """
        if not requests:
            return []
        parcel: _Parcel[Request, Answer] = _Parcel(requests)
        self._put(parcel)
        parcel.ready.acquire()
        if parcel.fault is not None:
            raise parcel.fault
        return parcel.answers

    def submit_later(self, request: Request, then: Callable[[Answer | BaseException], None]) -> None:
        """Decide one request without waiting for it. then: called once, on the batcher's thread, after the commit, with
        the answer, the refusal, or the fault its transaction met; returns soon and raises nothing.

        Raises: Overloaded.
        """
        self._put(_Parcel([request], then))

    def _put(self, parcel: _Parcel[Request, Answer]) -> None:
        count = len(parcel.requests)
        with self._lock:
            if self._waiting + count > self._waiting_max and self._waiting:
                raise Overloaded("The hub has more work queued than it can do soon; try again.", retry_after_seconds=1)
            if self._stopping:
                raise Overloaded("The hub is stopping; try again.", retry_after_seconds=2)
            self._waiting += count
            self._queue.append(parcel)
            self._start_if_needed()
            if not self._gathering or parcel.then is None:
                self._arrived.notify()

    def stop(self) -> None:
        """Finish what is queued and end the thread; later requests are refused as `overloaded`."""
        with self._lock:
            self._stopping = True
            self._arrived.notify()
            thread = self._thread
        if thread is not None:
            thread.join(timeout=30)

    def _start_if_needed(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name=f"batcher-{self._name}", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            with self._lock:
                while not self._queue and not self._stopping:
                    self._arrived.wait()
                if not self._queue:
                    return
                self._gather()
                parcels = self._take()
            self._finish(parcels)

    def _gather(self) -> None:
        """Let more arrive, unless somebody waits. Caller holds the lock."""
        if self._gather_seconds and not self._stopping and all(parcel.then is not None for parcel in self._queue):
            self._gathering = True
            self._arrived.wait(self._gather_seconds)
            self._gathering = False

    def _take(self) -> list[_Parcel[Request, Answer]]:
        """As many whole parcels as fit into one transaction, at least one. Caller holds the lock."""
        taken = [self._queue.popleft()]
        count = len(taken[0].requests)
        while self._queue and count + len(self._queue[0].requests) <= self._requests_max:
            taken.append(self._queue.popleft())
            count += len(taken[-1].requests)
        self._waiting -= count
        return taken

    def _finish(self, parcels: list[_Parcel[Request, Answer]]) -> None:
        """Answer these parcels; on a fault split them until the guilty parcel stands alone."""
        try:
            answers = self._commit([request for parcel in parcels for request in parcel.requests])
        except BaseException as fault:
            if len(parcels) > 1:
                middle = len(parcels) // 2
                self._finish(parcels[:middle])
                self._finish(parcels[middle:])
                return
            parcels[0].fault = fault
            parcels[0].hand_over()
            return
        start = 0
        for parcel in parcels:
            end = start + len(parcel.requests)
            parcel.answers = answers[start:end]
            parcel.hand_over()
            start = end

    def _commit(self, requests: list[Request]) -> list[Answer | HubError]:
        """One transaction, repeated from the start after a deadlock, a serialization failure or a key race."""
        for attempt in range(BATCH_REPEATS_MAX):
            try:
                with self._database.work() as work:
                    answers = list(self._decide(work, requests))
                assert len(answers) == len(requests), f"{self._name} answered {len(answers)} of {len(requests)}"
                return answers
            except Exception as fault:
                if attempt == BATCH_REPEATS_MAX - 1 or not is_repeatable(fault):
                    raise
                _log.info("batch repeated", extra={"batcher": self._name, "reason": type(fault).__name__})
        raise AssertionError("unreachable: the last attempt raises")


def is_repeatable(fault: BaseException) -> bool:
    """Whether running the whole transaction again can cure `fault`."""
    if isinstance(fault, KeyRaced | psycopg.Error):
        return isinstance(fault, (KeyRaced, *_REPEATABLE))
    return isinstance(fault, DBAPIError) and isinstance(fault.orig, _REPEATABLE)
