"""A worker: relay and consumer of one process, started and stopped together.

Knows how they are put together. The handlers and their meaning are handed in.
"""

import signal
import threading
import time
from datetime import timedelta
from types import FrameType

from hub import outbox
from hub.kernel.clock import Clock
from hub.kernel.limits import LANE_IN_FLIGHT_MAX, OUTBOX_IN_FLIGHT_MAX, OUTBOX_LEASE_SECONDS
from hub.storage import Database
from hub.worker.consumer import Consumer
from hub.worker.handling import Handlers
from hub.worker.publisher import Publisher
from hub.worker.relay import Pace, Relay
from hub.worker.topology import topology_of


class DrainTimeout(Exception):
    """Messages were still due or in flight when the time was over."""


class Worker:
    """Carries and handles messages until it is stopped.

    broker_url: `amqp://…`, or `memory://` for a worker that carries its own messages. prefix: of every name at the
    broker. threads: messages of one queue at work at once. poll_ms: how soon an idle relay looks again, at first.
    lane_max: rows of one lane in flight over all workers; by default never more than three eighths of the threads, so
    that no partner takes them all.
    """

    def __init__(
        self,
        database: Database,
        broker_url: str,
        prefix: str,
        handlers: Handlers,
        clock: Clock,
        threads: int,
        poll_ms: int,
        *,
        lease_seconds: int = OUTBOX_LEASE_SECONDS,
        lane_max: int | None = None,
        in_flight_max: int = OUTBOX_IN_FLIGHT_MAX,
    ) -> None:
        topology = topology_of(broker_url, prefix)
        lanes = max(1, min(LANE_IN_FLIGHT_MAX, threads * 3 // 8)) if lane_max is None else lane_max
        self._database = database
        self._clock = clock
        self._consumer = Consumer(
            database, broker_url, topology, handlers, clock, threads=threads, on_settled=self.nudge
        )
        self._relay = Relay(
            database,
            Publisher(broker_url, topology),
            clock,
            Pace(poll_ms, lanes, lease_seconds, in_flight_max),
            on_published=self._consumer.wake,
        )

    @property
    def is_connected(self) -> bool:
        """Whether both halves have a connection to the broker, as far as is known."""
        return self._relay.is_connected and self._consumer.is_connected

    def start(self) -> None:
        """Begin; returns at once, whether or not the broker is there yet."""
        self._consumer.start()
        self._relay.start()

    def stop(self) -> None:
        """Carry and take no more, finish what is at work (up to 20 s), leave."""
        self._relay.stop()
        self._consumer.stop()

    def nudge(self) -> None:
        """Look for announcements at once. Safe from any thread."""
        self._relay.nudge()

    def run_until_signal(self) -> None:
        """Start, wait for SIGTERM or SIGINT, stop. Called by the main thread of the process."""
        asked = threading.Event()

        def on_signal(_number: int, _frame: FrameType | None) -> None:
            asked.set()

        before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            self.start()
            asked.wait()
            self.stop()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def drain(self, seconds_max: float) -> None:
        """Wait until nothing is due or in flight, by the worker's clock. Raises: DrainTimeout."""
        deadline = time.monotonic() + seconds_max
        while True:
            self.nudge()
            # What is announced between this reading of the clock and the snapshot must not look like later work.
            soon = self._clock.now() + timedelta(milliseconds=200)
            with self._database.read() as work:
                left = outbox.backlog(work, now=soon)
            if left.due == 0 and left.in_flight == 0:
                return
            if time.monotonic() > deadline:
                raise DrainTimeout(f"{left.due} messages due and {left.in_flight} in flight after {seconds_max} s")
            time.sleep(0.01)
