"""The worker without a broker and without threads: due messages go from the database straight to their handlers.

For simulations, for tests that stop between two steps, and for small installations' command line. Same handlers, same
outbox, same faults.
"""

from datetime import datetime

from hub import outbox
from hub.kernel.limits import OUTBOX_LEASE_SECONDS
from hub.outbox import QUEUES
from hub.storage import Database
from hub.worker.dispatch import dispatch
from hub.worker.handling import Handlers


class _Stopped:
    """A clock that stands still."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now


def run_due(database: Database, handlers: Handlers, now: datetime, rows_max: int) -> int:
    """Claim at most `rows_max` due messages and handle them in this thread, by id; how many were claimed.

    A handler's `Exception` postpones its row with back-off, as in the worker. Anything harder ends the call at once, as
    a crash would: rows that were claimed and not handled come back when their lease ends.
    """
    with database.work() as work:
        deliveries = outbox.claim(
            work,
            queues=QUEUES,
            rows_max=rows_max,
            lane_max=rows_max,
            lease_seconds=OUTBOX_LEASE_SECONDS,
            now=now,
        )
    clock = _Stopped(now)
    for delivery in deliveries:
        dispatch(database, handlers, delivery, clock)
    return len(deliveries)


def next_instant(database: Database) -> datetime | None:
    """When `run_due` may next find something: a waiting row's time or the end of a lease. For virtual clocks."""
    with database.work() as work:
        found = (outbox.next_due(work, queues=QUEUES), outbox.next_lapse(work, queues=QUEUES))
    return min((instant for instant in found if instant is not None), default=None)
