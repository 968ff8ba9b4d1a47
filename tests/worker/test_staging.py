"""Handlers that hold a thread for their call alone: same effects, same faults, same stopping as any other."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta

from hub import outbox
from hub.kernel.clock import SystemClock
from hub.outbox import Delivery
from hub.storage import Database, Work
from hub.worker.process import Worker
from hub.worker.staging import Staged
from tests.worker.conftest import Broker
from tests.worker.effects import Counting, announce, effects, make_table, message, now, wait_until, working


class Recording:
    """Stages whose effect is counted. call: what is done on a thread. Begun messages are begun once."""

    def __init__(self, call: Callable[[Delivery], None]) -> None:
        self._call = call
        self.begun: Counter[str] = Counter()
        self.batches: list[int] = []
        self.refused: set[str] = set()

    def turn(
        self, work: Work, answered: Sequence[tuple[Delivery, str]], deliveries: Sequence[Delivery]
    ) -> list[Delivery | None]:
        """Write effects, then begin what is not done yet."""
        mine = outbox.claim_for_effect(work, [one.id for one in deliveries] + [one.id for one, _ in answered])
        if any(one.subject in self.refused for one in deliveries):
            self.refused.clear()
            raise ValueError("not this one, not yet")
        done = [one for one, answer in answered if one.id in mine and answer == one.subject]
        for one in done:
            work.run("INSERT INTO effect VALUES (%s, %s)", (one.id, one.subject))
        outbox.done(work, [one.id for one in done], now=now())
        self.begun.update(one.subject for one in deliveries if one.id in mine)
        self.batches.append(len(answered) + len(deliveries))
        return [one if one.id in mine else None for one in deliveries]

    def perform(self, step: Delivery) -> str:
        """Call, and answer with the subject."""
        self._call(step)
        return step.subject


def test_calls_fill_every_thread_and_share_their_transactions(database: Database, broker: Broker) -> None:
    make_table(database)
    lock, at_once, most = threading.Lock(), 0, 0
    full = threading.Barrier(4)

    def call(_: Delivery) -> None:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        full.wait(30)
        with lock:
            at_once -= 1

    stages = Recording(call)
    subjects = announce(database, [message(f"m{number:03}", lane=f"lane_{number}") for number in range(80)])
    with working(database, broker, {"leg.due": Staged(database, stages, name="test")}, threads=4) as worker:
        worker.drain(60)

    assert effects(database) == subjects
    assert most == 4
    assert set(stages.begun.values()) == {1}
    assert len(stages.batches) < 2 * len(subjects)


def test_a_fault_in_any_stage_brings_its_message_back_and_no_other(database: Database, broker: Broker) -> None:
    make_table(database)
    faulty = {"m02"}

    def call(step: Delivery) -> None:
        if step.subject in faulty:
            faulty.clear()
            raise ValueError("once")

    stages = Recording(call)
    stages.refused = {"m04"}
    subjects = announce(database, [message(f"m{number:02}") for number in range(6)])
    with working(database, broker, {"leg.due": Staged(database, stages, name="test")}, threads=4):
        wait_until(lambda: len(effects(database)) == 6)

    assert effects(database) == subjects
    assert {one for one, count in stages.begun.items() if count > 1} == {"m02"}


def test_a_worker_that_stops_makes_the_calls_that_were_begun(database: Database, broker: Broker) -> None:
    make_table(database)
    gate, calling = threading.Event(), threading.Semaphore(0)

    def call(_: Delivery) -> None:
        calling.release()
        gate.wait(60)

    stages = Recording(call)
    subjects = announce(database, [message(f"m{number:02}", lane=f"lane_{number}") for number in range(40)])
    handlers = {"leg.due": Staged(database, stages, name="test")}
    worker = Worker(database, broker.url, broker.prefix, handlers, SystemClock(), 2, 10, lane_max=9)
    worker.start()
    for _ in range(2):
        calling.acquire(timeout=30)
    wait_until(lambda: len(stages.begun) == 4)
    stopping = threading.Thread(target=worker.stop)
    stopping.start()
    gate.set()
    stopping.join(60)
    finished = effects(database)
    with working(database, broker, {"leg.due": Counting(database)}) as another:
        another.drain(20)

    assert set(finished) == set(stages.begun)
    assert effects(database) == subjects
    with database.read() as work:
        assert outbox.in_flight(work, now=now() - timedelta(days=1)) == 0
