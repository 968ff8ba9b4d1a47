"""Every committed announcement is handled at least once and takes effect exactly once, on each broker."""

import threading

import pytest

from hub import outbox
from hub.kernel.clock import SystemClock
from hub.kernel.errors import Overloaded
from hub.outbox import QUEUES, Delivery
from hub.storage import Database, Work
from hub.worker.process import DrainTimeout, Worker
from tests.worker.conftest import Broker
from tests.worker.effects import (
    Counting,
    announce,
    apply_once,
    dead_count,
    effects,
    make_table,
    message,
    now,
    open_publisher,
    publish_foreign,
    wait_until,
    working,
)


def test_every_announcement_of_every_queue_takes_effect_once(database: Database, broker: Broker) -> None:
    make_table(database)
    handler = Counting(database)
    subjects = announce(
        database,
        [message(f"m{number:03}", queue=QUEUES[number % 5], lane=f"lane_{number % 3}") for number in range(300)],
    )

    with working(database, broker, {"leg.due": handler}) as worker:
        worker.drain(30)

    assert effects(database) == subjects


def test_what_is_announced_while_it_runs_is_carried_too(database: Database, broker: Broker) -> None:
    make_table(database)

    with working(database, broker, {"leg.due": Counting(database)}) as worker:
        subjects = [announce(database, [message(f"m{number:02}")])[0] for number in range(20)]
        worker.nudge()
        worker.drain(30)

    assert effects(database) == subjects


def test_what_rolled_back_is_never_carried(database: Database, broker: Broker) -> None:
    make_table(database)
    handler = Counting(database)
    with database.engine.connect() as connection, connection.begin() as transaction:
        outbox.announce(Work(connection), [message("never")], now=now())
        transaction.rollback()

    with working(database, broker, {"leg.due": handler}) as worker:
        worker.drain(10)

    assert handler.calls == []


def test_a_handler_may_announce_what_comes_next(database: Database, broker: Broker) -> None:
    make_table(database)

    def step(delivery: Delivery) -> None:
        count = int(delivery.subject)
        with database.work() as work:
            if not outbox.claim_for_effect(work, [delivery.id]):
                return
            work.run("INSERT INTO effect VALUES (%s, %s)", (delivery.id, delivery.subject))
            outbox.done(work, [delivery.id], now=now())
            if count < 9:
                outbox.announce(work, [message(str(count + 1), queue="conversions")], now=now())

    announce(database, [message("0")])
    with working(database, broker, {"leg.due": step}) as worker:
        worker.drain(30)

    assert effects(database) == [str(count) for count in range(10)]


def test_messages_that_arrive_twice_and_out_of_order_take_effect_once(database: Database, broker: Broker) -> None:
    make_table(database)
    handler = Counting(database)
    subjects = announce(database, [message(f"m{number:02}") for number in range(40)])
    publisher = open_publisher(broker)
    with database.work() as work:
        deliveries = outbox.claim(work, queues=QUEUES, rows_max=99, lane_max=99, lease_seconds=60, now=now())
    publisher.publish(deliveries[::-1])
    publisher.publish(deliveries)
    publisher.close()

    with working(database, broker, {"leg.due": handler}) as worker:
        worker.drain(30)
        wait_until(lambda: len(handler.calls) == 80)

    assert effects(database) == subjects


def test_a_relay_that_died_after_publishing_leaves_one_effect(database: Database, broker: Broker) -> None:
    make_table(database)
    handler = Counting(database)
    subjects = announce(database, [message("published"), message("only_claimed")])
    with database.work() as work:
        deliveries = outbox.claim(work, queues=QUEUES, rows_max=99, lane_max=99, lease_seconds=1, now=now())
    publisher = open_publisher(broker)
    publisher.publish([delivery for delivery in deliveries if delivery.subject == "published"])
    publisher.close()

    with working(database, broker, {"leg.due": handler}) as worker:
        worker.drain(30)

    assert effects(database) == subjects


def test_a_handler_that_committed_and_then_raised_had_its_effect_once(database: Database, broker: Broker) -> None:
    make_table(database)
    calls: list[int] = []

    def commit_then_raise(delivery: Delivery) -> None:
        calls.append(delivery.id)
        apply_once(database, delivery)
        raise RuntimeError("after the effect")

    subjects = announce(database, [message(f"m{number}") for number in range(5)])
    with working(database, broker, {"leg.due": commit_then_raise}) as worker:
        worker.drain(30)

    assert effects(database) == subjects
    with database.read() as work:
        assert outbox.backlog(work, now=now()) == outbox.Backlog(0, 0, 0, 0, None)


def test_a_fault_brings_the_message_back_after_a_wait(database: Database, broker: Broker) -> None:
    make_table(database)
    calls: list[int] = []

    def fail_once(delivery: Delivery) -> None:
        calls.append(delivery.attempts)
        if len(calls) == 1:
            raise RuntimeError("a passing fault, with password=hunter22 in it")
        apply_once(database, delivery)

    subjects = announce(database, [message("m1")])
    with working(database, broker, {"leg.due": fail_once}):
        wait_until(lambda: len(calls) == 1)
        wait_until(lambda: _state(database) == ("waiting", 1))
        wait_until(lambda: effects(database) == subjects)

    assert calls == [0, 1]
    with database.read() as work:
        [(reason,)] = work.fetch("SELECT reason FROM outbox_message")
    assert reason.startswith("RuntimeError: a passing fault")
    assert "hunter22" not in reason


def test_a_message_that_faults_every_time_is_buried_and_holds_up_nobody(database: Database, broker: Broker) -> None:
    make_table(database)
    handler = Counting(database)

    def poison(delivery: Delivery) -> None:
        if delivery.subject == "poison":
            raise RuntimeError("every time")
        handler(delivery)

    subjects = announce(database, [message("poison"), *(message(f"m{number}") for number in range(9))])
    with database.work() as work:
        work.run("UPDATE outbox_message SET faults = 11 WHERE subject = 'poison'")
    with working(database, broker, {"leg.due": poison}) as worker:
        worker.drain(30)

    assert effects(database) == [subject for subject in subjects if subject != "poison"]
    with database.read() as work:
        [letter] = outbox.dead_letters(work, after=0, limit=10)
    assert (letter.delivery.subject, letter.reason) == ("poison", "RuntimeError: every time")


def test_an_overloaded_hub_postpones_without_counting_a_fault(database: Database, broker: Broker) -> None:
    make_table(database)
    calls: list[int] = []

    def overloaded_once(delivery: Delivery) -> None:
        calls.append(delivery.id)
        if len(calls) == 1:
            raise Overloaded("later", retry_after_seconds=1)
        apply_once(database, delivery)

    subjects = announce(database, [message("m1")])
    with working(database, broker, {"leg.due": overloaded_once}):
        wait_until(lambda: _state(database) == ("waiting", 0))
        wait_until(lambda: effects(database) == subjects)


def test_a_kind_without_handler_is_a_dead_letter(database: Database, broker: Broker) -> None:
    make_table(database)
    announce(database, [message("m1"), message("m2", kind="leg.unheard")])

    with working(database, broker, {"leg.due": Counting(database)}) as worker:
        worker.drain(30)
        wait_until(lambda: dead_count(broker) == 1)

    assert effects(database) == ["m1"]
    with database.read() as work:
        [letter] = outbox.dead_letters(work, after=0, limit=10)
    assert letter.reason == "no handler for 'leg.unheard'"


@pytest.mark.parametrize("data", [b"", b"not json", b"\xff\xfe", b'{"version":1}', b"[" * 50_000])
def test_what_nobody_can_read_is_set_aside_and_not_dropped(database: Database, broker: Broker, data: bytes) -> None:
    make_table(database)
    subjects = announce(database, [message("m1")])

    with working(database, broker, {"leg.due": Counting(database)}) as worker:
        publish_foreign(broker, data)
        worker.drain(30)
        wait_until(lambda: dead_count(broker) == 1)

    assert effects(database) == subjects


def test_what_the_library_cannot_open_is_set_aside_too(database: Database, broker: Broker) -> None:
    make_table(database)
    subjects = announce(database, [message("m1")])

    with working(database, broker, {"leg.due": Counting(database)}) as worker:
        publish_foreign(broker, b"x", headers={"compression": "application/x-gzip"})
        worker.drain(30)
        wait_until(lambda: dead_count(broker) == 1)

    assert effects(database) == subjects


def test_a_slow_lane_does_not_delay_another(database: Database, broker: Broker) -> None:
    make_table(database)
    gate = threading.Event()
    at_once: list[int] = []
    lock = threading.Lock()

    def handler(delivery: Delivery) -> None:
        if delivery.lane == "slow":
            with lock:
                at_once.append(delivery.id)
            gate.wait(60)
        apply_once(database, delivery)

    announce(database, [message(f"slow_{number:03}", lane="slow") for number in range(100)])
    quick = announce(database, [message(f"quick_{number:03}", lane="quick") for number in range(100)])
    with working(database, broker, {"leg.due": handler}, threads=6, lane_max=3) as worker:
        wait_until(lambda: effects(database) == quick)
        held = len(at_once)
        gate.set()
        worker.drain(60)

    assert held == 3
    assert len(effects(database)) == 200


def test_a_queue_full_of_slow_work_leaves_threads_to_the_others(database: Database, broker: Broker) -> None:
    make_table(database)
    gate = threading.Event()

    def handler(delivery: Delivery) -> None:
        if delivery.queue == "legs":
            gate.wait(60)
        apply_once(database, delivery)

    announce(database, [message(f"slow_{number}", lane=f"lane_{number}") for number in range(30)])
    quick = announce(database, [message(f"quick_{number}", queue="conversions") for number in range(5)])
    with working(database, broker, {"leg.due": handler}, threads=4) as worker:
        wait_until(lambda: effects(database) == quick)
        gate.set()
        worker.drain(60)

    assert len(effects(database)) == 35


def test_a_lease_that_ran_out_brings_the_message_again_and_one_effect(database: Database, broker: Broker) -> None:
    make_table(database)
    calls: list[int] = []

    def slow_at_first(delivery: Delivery) -> None:
        calls.append(delivery.id)
        if len(calls) == 1:
            wait_until(lambda: len(calls) >= 2)
        apply_once(database, delivery)

    subjects = announce(database, [message("m1")])
    with working(database, broker, {"leg.due": slow_at_first}, lease_seconds=1) as worker:
        wait_until(lambda: len(calls) >= 2)
        worker.drain(30)

    assert effects(database) == subjects


def test_two_workers_share_the_work_and_double_nothing(database: Database, broker: Broker) -> None:
    make_table(database)
    first, second = Counting(database), Counting(database)
    subjects = announce(database, [message(f"m{number:03}", lane=f"lane_{number % 9}") for number in range(400)])

    with working(database, broker, {"leg.due": first}) as worker, working(database, broker, {"leg.due": second}):
        worker.drain(60)

    assert effects(database) == subjects
    assert len(first.calls) + len(second.calls) == 400


def test_stopping_finishes_what_runs_and_gives_the_rest_back(database: Database, broker: Broker) -> None:
    make_table(database)
    begun = threading.Semaphore(0)
    gate = threading.Event()

    def handler(delivery: Delivery) -> None:
        begun.release()
        gate.wait(60)
        apply_once(database, delivery)

    subjects = announce(database, [message(f"m{number:02}", lane=f"lane_{number}") for number in range(40)])
    worker = Worker(database, broker.url, broker.prefix, {"leg.due": handler}, SystemClock(), 4, 10, lane_max=9)
    worker.start()
    for _ in range(4):
        begun.acquire(timeout=30)
    threading.Timer(0.5, gate.set).start()
    worker.stop()
    finished = len(effects(database))
    with working(database, broker, {"leg.due": Counting(database)}) as another:
        another.drain(20)

    assert 4 <= finished < 40
    assert effects(database) == subjects


def test_waiting_in_vain_says_what_is_left(database: Database, broker: Broker) -> None:
    announce(database, [message("m1")])
    worker = Worker(database, broker.url, broker.prefix, {}, SystemClock(), 1, 10)

    with pytest.raises(DrainTimeout, match="1 messages due and 0 in flight"):
        worker.drain(0.1)


def _state(database: Database) -> tuple[str, int]:
    with database.read() as work:
        [(state, faults)] = work.fetch("SELECT state, faults FROM outbox_message")
        return state, faults
