"""Transactions and group commit on a real PostgreSQL."""

import queue
import threading
from collections.abc import Sequence

import pytest

from hub.kernel.errors import HubError, Overloaded
from hub.storage import Batcher, Database, KeyRaced, Work, in_transaction


class Odd(HubError):
    """Refused because odd."""

    code = "test_odd"


def _table(database: Database) -> None:
    with database.work() as work:
        work.run("CREATE TABLE seen (number bigint PRIMARY KEY)")


def _insert(work: Work, numbers: Sequence[int]) -> list[int | HubError]:
    even = [number for number in numbers if number % 2 == 0]
    work.copy_in("seen", ["number"], [(number,) for number in even])
    return [number if number % 2 == 0 else Odd("odd numbers are refused") for number in numbers]


def test_a_block_that_raises_leaves_nothing_behind(database: Database) -> None:
    _table(database)

    def fail() -> None:
        with database.work() as work:
            work.run("INSERT INTO seen VALUES (1)")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    with database.read() as work:
        assert work.fetch("SELECT count(*) FROM seen") == [(0,)]


def test_a_transaction_inside_another_is_our_mistake(database: Database) -> None:
    with database.work():
        assert in_transaction()
        with pytest.raises(AssertionError), database.work():
            pass
    assert not in_transaction()


def test_each_request_of_a_batch_gets_its_own_answer(database: Database) -> None:
    _table(database)
    batcher: Batcher[int, int] = Batcher(database, _insert, name="test")

    answers = batcher.submit_many([2, 3, 4])

    assert answers == [2, Odd("odd numbers are refused"), 4]
    with database.read() as work:
        assert work.fetch("SELECT count(*) FROM seen") == [(2,)]
    batcher.stop()


def test_many_threads_share_few_transactions(database: Database) -> None:
    _table(database)
    batches: list[int] = []

    def decide(work: Work, numbers: Sequence[int]) -> list[int | HubError]:
        batches.append(len(numbers))
        return _insert(work, numbers)

    batcher: Batcher[int, int] = Batcher(database, decide, name="test")
    threads = [threading.Thread(target=batcher.submit, args=(number * 2,)) for number in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(batches) == 200
    assert len(batches) < 200
    with database.read() as work:
        assert work.fetch("SELECT count(*) FROM seen") == [(200,)]
    batcher.stop()


def test_what_nobody_waits_for_gathers_and_each_is_told_its_own(database: Database) -> None:
    _table(database)
    batches: list[int] = []
    told: queue.SimpleQueue[tuple[int, object]] = queue.SimpleQueue()

    def decide(work: Work, numbers: Sequence[int]) -> list[int | HubError]:
        if 666 in numbers:
            raise ValueError("the guilty one")
        batches.append(len(numbers))
        return _insert(work, numbers)

    batcher: Batcher[int, int] = Batcher(database, decide, name="test", gather_seconds=60)
    for number in (2, 3, 666):
        batcher.submit_later(number, lambda answer, number=number: told.put((number, answer)))  # type: ignore[misc]
    waited_for = batcher.submit(4)
    answers = dict(told.get(timeout=30) for _ in range(3))
    batcher.stop()

    assert waited_for == 4, "whoever waits is not kept waiting for others"
    assert answers[2] == 2
    assert isinstance(answers[3], Odd)
    assert isinstance(answers[666], ValueError)
    assert sum(batches) == 3


def test_the_guilty_request_fails_alone(database: Database) -> None:
    _table(database)
    gate = threading.Event()

    def decide(work: Work, numbers: Sequence[int]) -> list[int | HubError]:
        gate.wait(10)
        if 666 in numbers:
            raise ValueError("the guilty one")
        return _insert(work, numbers)

    batcher: Batcher[int, int] = Batcher(database, decide, name="test")
    outcomes: dict[int, object] = {}

    def call(number: int) -> None:
        try:
            outcomes[number] = batcher.submit(number)
        except ValueError as fault:
            outcomes[number] = fault

    threads = [threading.Thread(target=call, args=(number,)) for number in (2, 4, 666, 8, 10)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()

    assert isinstance(outcomes.pop(666), ValueError)
    assert outcomes == {2: 2, 4: 4, 8: 8, 10: 10}
    batcher.stop()


def test_a_key_race_repeats_the_batch_from_the_start(database: Database) -> None:
    _table(database)
    tries: list[int] = []

    def decide(work: Work, numbers: Sequence[int]) -> list[int | HubError]:
        tries.append(1)
        work.run("DELETE FROM seen")
        answers = _insert(work, numbers)
        if len(tries) < 3:
            raise KeyRaced
        return answers

    batcher: Batcher[int, int] = Batcher(database, decide, name="test")

    assert batcher.submit(2) == 2
    assert len(tries) == 3
    batcher.stop()


def test_a_full_queue_refuses_and_says_when_to_come_back(database: Database) -> None:
    gate = threading.Event()
    started = threading.Event()

    def decide(work: Work, numbers: Sequence[int]) -> list[int | HubError]:
        started.set()
        gate.wait(10)
        return list(numbers)

    batcher: Batcher[int, int] = Batcher(database, decide, name="test", waiting_max=2)
    busy = threading.Thread(target=batcher.submit, args=(1,))
    busy.start()
    started.wait(10)
    waiting = threading.Thread(target=batcher.submit_many, args=([2, 3],))
    waiting.start()
    while batcher._waiting < 2:
        pass

    with pytest.raises(Overloaded) as refusal:
        batcher.submit(4)

    assert refusal.value.facts["retry_after_seconds"] == 1
    gate.set()
    busy.join()
    waiting.join()
    batcher.stop()
