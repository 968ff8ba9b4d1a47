"""A handler whose effects can be counted, and small helpers around workers."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from kombu import Connection

from hub import outbox
from hub.kernel.clock import SystemClock
from hub.outbox import QUEUES, Delivery, Message
from hub.storage import Database
from hub.worker.handling import Handlers
from hub.worker.process import Worker
from hub.worker.publisher import Publisher
from tests.worker.conftest import Broker


def now() -> datetime:
    """The machine's time: a worker's threads wait in it."""
    return datetime.now(UTC)


def make_table(database: Database) -> None:
    """Where effects are counted: one row each, so that a second effect shows."""
    with database.work() as work:
        work.run("CREATE TABLE effect (message bigint, subject text)")


def apply_once(database: Database, delivery: Delivery) -> bool:
    """What every handler of the hub does: effect and `done` in one transaction; whether it had an effect."""
    with database.work() as work:
        if not outbox.claim_for_effect(work, [delivery.id]):
            return False
        work.run("INSERT INTO effect VALUES (%s, %s)", (delivery.id, delivery.subject))
        outbox.done(work, [delivery.id], now=now())
        return True


class Counting:
    """A handler that takes effect once and counts how often it was called."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self.calls: list[int] = []

    def __call__(self, delivery: Delivery) -> None:
        with self._lock:
            self.calls.append(delivery.id)
        apply_once(self._database, delivery)


def message(subject: str, *, queue: str = "legs", kind: str = "leg.due", lane: str = "aerojet") -> Message:
    return Message(queue=queue, kind=kind, subject=subject, lane=lane)


def announce(database: Database, messages: Sequence[Message]) -> list[str]:
    """Commit these; their subjects, sorted."""
    with database.work() as work:
        outbox.announce(work, messages, now=now())
    return sorted(message.subject for message in messages)


def effects(database: Database) -> list[str]:
    """Subjects that took effect, once each time they did, sorted."""
    with database.read() as work:
        return [row[0] for row in work.fetch("SELECT subject FROM effect ORDER BY subject")]


@contextmanager
def working(
    database: Database,
    broker: Broker,
    handlers: Handlers,
    *,
    threads: int = 8,
    lease_seconds: int = 60,
    lane_max: int = 24,
    in_flight_max: int = 2_048,
) -> Iterator[Worker]:
    """A worker that runs within the block."""
    worker = Worker(
        database,
        broker.url,
        broker.prefix,
        handlers,
        SystemClock(),
        threads,
        10,
        lease_seconds=lease_seconds,
        lane_max=lane_max,
        in_flight_max=in_flight_max,
    )
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()


def wait_until(fact: Callable[[], bool], seconds_max: float = 30) -> None:
    """Wait until `fact` holds; fails the test if it never does."""
    deadline = time.monotonic() + seconds_max
    while not fact():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def open_publisher(broker: Broker) -> Publisher:
    """A publisher of this thread."""
    publisher = Publisher(broker.url, broker.topology)
    publisher.open()
    return publisher


def publish_foreign(broker: Broker, data: bytes, headers: dict[str, str] | None = None) -> None:
    """Put bytes into the `legs` queue that no relay of ours would publish."""
    with Connection(broker.url) as connection, connection.channel() as channel:
        broker.topology.declare(channel)
        foreign = channel.prepare_message(
            data, content_type="text/plain", content_encoding="binary", headers=headers or {}, properties={}
        )
        channel.basic_publish(foreign, exchange=broker.topology.work_exchange, routing_key="legs")


def waiting_count(broker: Broker) -> int:
    """Messages in the queues of work that no worker has taken."""
    with Connection(broker.url) as connection, connection.channel() as channel:
        names = map(broker.topology.queue_name, QUEUES)
        return sum(channel.queue_declare(name, passive=True).message_count for name in names)


def dead_count(broker: Broker) -> int:
    """Messages in the dead-letter queue."""
    with Connection(broker.url) as connection, connection.channel() as channel:
        return int(channel.queue_declare(broker.topology.dead_queue, passive=True).message_count)
