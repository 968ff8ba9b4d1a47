"""Periodic tasks, run by one process of many.

Knows names, intervals and who the active scheduler is: the one that holds a session-level advisory lock on a connection
of its own, so that it ends with its process. What a task does is handed in; running it once more must be harmless.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from hub.kernel.clock import Clock
from hub.storage import Database

_log = logging.getLogger(__name__)

# Any constant does, as long as it is used for nothing else in the database.
_SCHEDULER_LOCK = 7_201_201

# How often an idle scheduler looks: tasks are due to the second, and another process takes over within one.
_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Task:
    """Something to be done every so often. run: gets the instant of this run; opens its own transactions."""

    name: str
    every_seconds: int
    run: Callable[[datetime], None]


class Scheduler:
    """Runs due tasks, one after the other, while it is the active scheduler.

    A scheduler that has just become active runs every task once. Runs that were missed are not made up for: the next
    one does all the work.
    """

    def __init__(self, database: Database, tasks: Sequence[Task], clock: Clock) -> None:
        names = [task.name for task in tasks]
        assert len(set(names)) == len(names), "two tasks share a name"
        self._database = database
        self._tasks = tuple(tasks)
        self._clock = clock
        self._connection: Connection | None = None
        self._next: dict[str, datetime] = {}
        self._running = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; returns at once."""
        assert self._thread is None, "a scheduler starts once"
        self._thread = threading.Thread(target=self._run, name="hub-scheduler", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the task that is being run; another scheduler takes over."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=30)
        with self._running:
            if self._connection is not None and self._is_alive(self._connection):
                # Closing alone would release it too, but only when the server notices.
                self._connection.exec_driver_sql("SELECT pg_advisory_unlock(%s)", (_SCHEDULER_LOCK,))
            self._resign()

    def run_once(self) -> list[str]:
        """Run the tasks that are due now; the names of those that succeeded. Nothing unless this is the active one.

        A task that raises is logged, and tried again after its interval.
        """
        with self._running:
            if not self._lead():
                return []
            now = self._clock.now()
            due = [task for task in self._tasks if self._next.get(task.name, now) <= now]
            return [task.name for task in due if self._succeeds(task, now)]

    def _succeeds(self, task: Task, now: datetime) -> bool:
        self._next[task.name] = now + timedelta(seconds=task.every_seconds)
        try:
            task.run(now)
        except Exception:  # the door: one task's fault must not keep the others from running
            _log.exception("scheduled task faulted", extra={"task": task.name})
            return False
        return True

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.run_once()
            except Exception:  # the door: the database is away; look again
                _log.exception("scheduler lost the database")
            self._stopping.wait(_LOOK_SECONDS)

    def _lead(self) -> bool:
        """Whether this is the active scheduler, which it becomes if there is none."""
        if self._connection is not None:
            if self._is_alive(self._connection):
                return True
            _log.warning("scheduler lost its connection, and with it the lock")
            self._resign()
        connection = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        held = connection.exec_driver_sql("SELECT pg_try_advisory_lock(%s)", (_SCHEDULER_LOCK,)).scalar()
        if held is not True:
            connection.close()
            return False
        connection.detach()  # for as long as it leads, so it must not count against the pool
        self._connection = connection
        return True

    def _is_alive(self, connection: Connection) -> bool:
        try:
            connection.exec_driver_sql("SELECT 1")
        except Exception:  # the door: whatever is wrong with it, the lock cannot be relied on
            return False
        return True

    def _resign(self) -> None:
        connection, self._connection = self._connection, None
        self._next.clear()
        if connection is not None:
            connection.close()
