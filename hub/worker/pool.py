"""Threads that handlers run on. Daemon threads, because a handler that never returns must not keep a process alive."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Task = TypeVar("Task")


class Pool(Generic[Task]):
    """A fixed number of threads and the tasks they have not begun. run: does one task; raises no `Exception`."""

    def __init__(self, threads: int, run: Callable[[Task], None], *, name: str) -> None:
        assert threads > 0, "a pool has at least one thread"
        self._threads = threads
        self._task = run
        self._name = name
        self._waiting: deque[Task] = deque()
        self._changed = threading.Condition()
        self._stopping = False

    def start(self) -> None:
        """Start the threads."""
        for number in range(self._threads):
            threading.Thread(target=self._run, name=f"{self._name}-{number}", daemon=True).start()

    def submit(self, task: Task) -> None:
        """Have `task` done as soon as a thread is free."""
        with self._changed:
            self._waiting.append(task)
            self._changed.notify()

    def take_back(self) -> list[Task]:
        """The tasks that nobody has begun; nobody will."""
        with self._changed:
            taken = list(self._waiting)
            self._waiting.clear()
            return taken

    def stop(self) -> None:
        """Let each thread end when nothing waits any more."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._stopping:
                    self._changed.wait()
                if not self._waiting:
                    return
                task = self._waiting.popleft()
            self._task(task)
