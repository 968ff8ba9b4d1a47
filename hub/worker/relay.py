"""Carries committed messages from the outbox to the broker.

Claim and commit, publish all, wait for the confirms. Nothing is written after that: a message that was not confirmed,
or whose worker died, is claimed again when its lease ends. So the relay may be killed between any two steps.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from hub import outbox
from hub.kernel.clock import Clock
from hub.kernel.limits import CLAIM_ROWS_MAX, OUTBOX_IN_FLIGHT_MAX
from hub.outbox import QUEUES, Delivery
from hub.storage import Database
from hub.worker import metrics
from hub.worker.publisher import Publisher

_log = logging.getLogger(__name__)

# An idle relay asks the database four times a second; a waiting member does not notice more.
_POLL_SECONDS_MAX = 0.25

# Between two claims that were asked for by `nudge`: lets a few announcements gather, so that one claim takes them.
_GATHER_SECONDS = 0.003

# After a claim that took all there was, in turns as long as it took itself, and at most: a claim costs about the same
# for one row as for a hundred, and nobody notices ten milliseconds more before the next one.
_REST_TURNS = 3
_REST_SECONDS_MAX = 0.01

_RECONNECT_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Pace:
    """How the relay claims. poll_ms: wait after which an idle relay looks again, at first; it doubles up to 250 ms.

    lane_max: rows of one lane in flight over all workers; in_flight_max: of all lanes together. lease_seconds: how long
    a claimed row may take.
    """

    poll_ms: int
    lane_max: int
    lease_seconds: int
    in_flight_max: int = OUTBOX_IN_FLIGHT_MAX


class Relay:
    """One thread that claims and publishes. Nothing is opened before `start`, so objects survive a fork.

    on_published: called after each batch that was published.
    """

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        clock: Clock,
        pace: Pace,
        *,
        on_published: Callable[[], None],
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._clock = clock
        self._pace = pace
        self._on_published = on_published
        self._nudged = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_connected(self) -> bool:
        """Whether it has a connection to the broker, as far as is known."""
        return self._publisher.is_open

    def start(self) -> None:
        """Begin to carry messages."""
        assert self._thread is None, "a relay starts once"
        self._thread = threading.Thread(target=self._run, name="hub-relay", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the batch that is on its way."""
        self._stopping.set()
        self._nudged.set()
        if self._thread is not None:
            self._thread.join(timeout=30)

    def nudge(self) -> None:
        """Look at once: something was announced, or there is room again. Safe from any thread."""
        self._nudged.set()

    def _run(self) -> None:
        failures = 0
        idle_seconds = self._pace.poll_ms / 1000
        while not self._stopping.is_set():
            begun_at = time.monotonic()
            try:
                carried = self._turn()
            except Exception:  # the door: whatever happened, the rows are safe and the next turn starts anew
                _log.exception("relay lost the broker or the database")
                metrics.reconnects.labels("relay").inc()
                self._publisher.drop()
                self._stopping.wait(_RECONNECT_SECONDS[min(failures, len(_RECONNECT_SECONDS) - 1)])
                failures += 1
                continue
            failures = 0
            if carried:
                idle_seconds = self._pace.poll_ms / 1000
                if carried < CLAIM_ROWS_MAX:
                    self._stopping.wait(min((time.monotonic() - begun_at) * _REST_TURNS, _REST_SECONDS_MAX))
                continue
            if self._nudged.wait(min(idle_seconds, _POLL_SECONDS_MAX)):
                self._nudged.clear()
                idle_seconds = self._pace.poll_ms / 1000
                time.sleep(_GATHER_SECONDS)
            else:
                idle_seconds = min(idle_seconds * 2, _POLL_SECONDS_MAX)
        self._publisher.close()

    def _turn(self) -> int:
        """One claim and what follows from it; how many messages were claimed."""
        self._publisher.open()  # before claiming: without a broker rows keep waiting, and no lease is spent
        deliveries = self._claim()
        if not deliveries:
            self._publisher.beat()
            return 0
        confirmed = self._publisher.publish(deliveries)
        self._on_published()
        for delivery in deliveries:
            if delivery.id in confirmed:
                metrics.published.labels(delivery.queue).inc()
        if len(confirmed) < len(deliveries):
            metrics.unconfirmed.inc(len(deliveries) - len(confirmed))
            _log.warning("messages were not confirmed", extra={"count": len(deliveries) - len(confirmed)})
        return len(deliveries)

    def _claim(self) -> list[Delivery]:
        now = self._clock.now()
        with self._database.work() as work:
            room = self._pace.in_flight_max - outbox.in_flight(work, now=now)
            if room <= 0:
                return []
            return outbox.claim(
                work,
                queues=QUEUES,
                rows_max=min(CLAIM_ROWS_MAX, room),
                lane_max=self._pace.lane_max,
                lease_seconds=self._pace.lease_seconds,
                now=now,
            )
