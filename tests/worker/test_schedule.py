"""Periodic tasks: due ones run, one scheduler of many is active, a task's fault stays its own."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from hub.kernel.clock import ManualClock, SystemClock
from hub.storage import Database
from hub.worker.schedule import Scheduler, Task
from tests.conftest import START
from tests.worker.effects import wait_until


class _Runs:
    """Makes tasks that remember when they ran."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, datetime]] = []

    def task(self, name: str, every_seconds: int) -> Task:
        return Task(name, every_seconds, lambda at: self.seen.append((name, at)))


def test_a_task_runs_at_once_and_then_after_its_interval(database: Database, clock: ManualClock) -> None:
    runs = _Runs()
    scheduler = Scheduler(database, [runs.task("often", 10), runs.task("seldom", 60)], clock)

    ran = [scheduler.run_once()]
    for _ in range(6):
        clock.advance(timedelta(seconds=10))
        ran.append(scheduler.run_once())
    scheduler.stop()

    assert ran == [["often", "seldom"], *[["often"]] * 5, ["often", "seldom"]]
    assert runs.seen[0] == ("often", START)


def test_a_task_is_not_run_before_it_is_due(database: Database, clock: ManualClock) -> None:
    scheduler = Scheduler(database, [_Runs().task("often", 10)], clock)
    scheduler.run_once()
    clock.advance(timedelta(seconds=9, microseconds=999_999))

    assert scheduler.run_once() == []
    scheduler.stop()


def test_runs_that_were_missed_are_not_made_up_for(database: Database, clock: ManualClock) -> None:
    runs = _Runs()
    scheduler = Scheduler(database, [runs.task("often", 10)], clock)
    scheduler.run_once()
    clock.advance(timedelta(hours=1))

    scheduler.run_once()
    scheduler.run_once()

    assert len(runs.seen) == 2
    scheduler.stop()


def test_of_two_schedulers_one_is_active_and_the_other_takes_over(database: Database, clock: ManualClock) -> None:
    first_runs, second_runs = _Runs(), _Runs()
    first = Scheduler(database, [first_runs.task("sweep", 10)], clock)
    second = Scheduler(database, [second_runs.task("sweep", 10)], clock)

    assert first.run_once() == ["sweep"]
    assert second.run_once() == []
    first.stop()
    assert second.run_once() == ["sweep"]
    second.stop()


def test_a_scheduler_whose_connection_died_lets_another_lead(database: Database, clock: ManualClock) -> None:
    first = Scheduler(database, [_Runs().task("sweep", 10)], clock)
    second = Scheduler(database, [_Runs().task("sweep", 10)], clock)
    first.run_once()
    with database.work() as work:
        work.fetch("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted")

    wait_until(lambda: second.run_once() == ["sweep"])

    clock.advance(timedelta(seconds=10))
    assert first.run_once() == []
    first.stop()
    second.stop()


def test_a_task_that_faults_neither_ends_the_scheduler_nor_the_others(
    database: Database, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(at: datetime) -> None:
        raise ValueError("no")

    runs = _Runs()
    scheduler = Scheduler(database, [Task("broken", 10, fail), runs.task("sound", 10)], clock)

    assert scheduler.run_once() == ["sound"]
    clock.advance(timedelta(seconds=10))
    assert scheduler.run_once() == ["sound"]
    scheduler.stop()

    assert [record.getMessage() for record in caplog.records] == ["scheduled task faulted"] * 2


def test_a_started_scheduler_runs_by_itself_until_it_is_stopped(database: Database) -> None:
    ran = threading.Event()
    scheduler = Scheduler(database, [Task("sweep", 1, _setting(ran))], SystemClock())

    scheduler.start()
    assert ran.wait(30)
    scheduler.stop()

    ran.clear()
    assert not ran.wait(1.5)


def test_two_tasks_of_one_name_are_our_mistake(database: Database, clock: ManualClock) -> None:
    with pytest.raises(AssertionError):
        Scheduler(database, [_Runs().task("sweep", 1), _Runs().task("sweep", 2)], clock)


def _setting(event: threading.Event) -> Callable[[datetime], None]:
    def run(at: datetime) -> None:
        event.set()

    return run
