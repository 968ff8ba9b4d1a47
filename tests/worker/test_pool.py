"""Threads that tasks run on."""

import os
import threading
from pathlib import Path

from hub.kernel.clock import SystemClock
from hub.storage import Database
from hub.worker.pool import Pool
from hub.worker.process import Worker
from tests.worker.effects import wait_until


def test_as_many_tasks_run_at_once_as_there_are_threads() -> None:
    gate = threading.Event()
    begun: list[int] = []

    def task(number: int) -> None:
        begun.append(number)
        gate.wait(30)

    pool: Pool[int] = Pool(3, task, name="test")
    pool.start()
    for number in range(5):
        pool.submit(number)
    wait_until(lambda: len(begun) == 3)

    left = pool.take_back()
    gate.set()
    pool.stop()

    assert left == [3, 4]
    assert sorted(begun) == [0, 1, 2]


def test_a_lane_that_is_full_leaves_threads_to_the_others() -> None:
    gate = threading.Event()
    begun: list[str] = []

    def task(name: str) -> None:
        begun.append(name)
        if name.startswith("slow"):
            gate.wait(30)

    pool: Pool[str] = Pool(3, task, name="test", lane_max=2)
    for number in range(3):
        pool.submit(f"slow_{number}", "slow")
    pool.submit("quick", "quick")
    pool.start()
    wait_until(lambda: len(begun) == 3)
    before = sorted(begun)
    gate.set()
    wait_until(lambda: len(begun) == 4)
    pool.stop()

    assert before == ["quick", "slow_0", "slow_1"]
    assert begun[-1] == "slow_2"


def test_stopping_finishes_what_waits() -> None:
    done: list[int] = []
    pool: Pool[int] = Pool(1, done.append, name="test")
    for number in range(5):
        pool.submit(number)

    pool.start()
    pool.stop()

    wait_until(lambda: done == [0, 1, 2, 3, 4])


def test_building_a_worker_opens_nothing_that_a_fork_would_share(database: Database) -> None:
    threads, files = threading.active_count(), _open_files()

    Worker(database, "memory://", "test", {}, SystemClock(), 64, 50)
    Worker(database, "amqp://guest@127.0.0.1:9//", "test", {}, SystemClock(), 64, 50)

    assert (threading.active_count(), _open_files()) == (threads, files)


def _open_files() -> int:
    return len(list(Path(f"/proc/{os.getpid()}/fd").iterdir()))
