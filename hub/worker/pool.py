"""Threads that handlers run on. Daemon threads, because a handler that never returns must not keep a process alive."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Task = TypeVar("Task")


class Pool(Generic[Task]):
    """A fixed number of threads and the tasks they have not begun. run: does one task; raises no `Exception`.

    lane_max: threads that the tasks of one lane may have at once, so that a lane of slow ones leaves some to the
    others; 0 for all of them.
    """

    def __init__(self, threads: int, run: Callable[[Task], None], *, name: str, lane_max: int = 0) -> None:
        assert threads > 0, "a pool has at least one thread"
        self._threads = threads
        self._task = run
        self._name = name
        self._lane_max = lane_max or threads
        self._waiting: dict[str, deque[Task]] = {}
        self._running: dict[str, int] = {}
        self._changed = threading.Condition()
        self._stopping = False

    def start(self) -> None:
        """Start the threads."""
        for number in range(self._threads):
            threading.Thread(target=self._run, name=f"{self._name}-{number}", daemon=True).start()

    def submit(self, task: Task, lane: str = "") -> None:
        """Have `task` done as soon as a thread is free and its lane has room; in order within a lane."""
        with self._changed:
            self._waiting.setdefault(lane, deque()).append(task)
            if self._running.get(lane, 0) < self._lane_max:
                self._changed.notify()

    def take_back(self) -> list[Task]:
        """The tasks that nobody has begun; nobody will."""
        with self._changed:
            taken = [task for lane in self._waiting.values() for task in lane]
            self._waiting.clear()
            return taken

    def stop(self) -> None:
        """Let each thread end when nothing waits any more that it may begin."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                while (lane := self._next()) is None and not self._stopping:
                    self._changed.wait()
                if lane is None:
                    return
                task = self._waiting[lane].popleft()
                # To the end of the row, so that every lane has its turn.
                self._waiting[lane] = self._waiting.pop(lane)
                self._running[lane] = self._running.get(lane, 0) + 1
            try:
                self._task(task)
            finally:
                with self._changed:
                    self._running[lane] -= 1

    def _next(self) -> str | None:
        """A lane with something to begin. Caller holds the lock."""
        return next(
            (lane for lane, tasks in self._waiting.items() if tasks and self._running.get(lane, 0) < self._lane_max),
            None,
        )
