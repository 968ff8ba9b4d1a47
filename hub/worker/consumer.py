"""Takes messages from the broker, has them handled on a pool of threads, and acknowledges what was handled.

One thread owns the connection and does everything that touches it: receiving, acknowledging, heartbeats. The pool's
threads only run handlers. Knows the broker's messages and outcomes. Does not know what a message means.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from kombu import Consumer as Subscription

from hub import outbox
from hub.kernel.clock import Clock
from hub.outbox import QUEUES, Delivery
from hub.storage import Database
from hub.worker import metrics
from hub.worker.dispatch import Outcome, dispatch, faulted, handled
from hub.worker.envelope import EnvelopeInvalid, decode
from hub.worker.handling import Handlers
from hub.worker.link import Link, Message, WakeUp
from hub.worker.pool import Pool
from hub.worker.staging import Staged
from hub.worker.topology import Topology

_log = logging.getLogger(__name__)

_RECONNECT_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)

# What a stopping worker waits for the handlers that run; their rows come back by lease if that was too short.
_STOP_SECONDS = 20.0

# RabbitMQ wakes the wait by its socket; `memory://` by the relay of the same process, or by this poll.
_WAIT_SECONDS = {True: 1.0, False: 0.05}

# Events let happen before acknowledgements get their turn.
_EVENTS_MAX = 64


class _Task:
    """One message on its way through the pool. session: the connection it came by; another one cannot settle it.

    call: of a staged handler that has begun, what is left for a thread. fault: what such a handler met.
    """

    __slots__ = ("begun_at", "call", "delivery", "fault", "message", "outcome", "session")

    def __init__(self, message: Message, delivery: Delivery, session: int) -> None:
        self.message = message
        self.delivery = delivery
        self.session = session
        self.begun_at = time.perf_counter()
        self.call: Callable[[], None] | None = None
        self.fault: Exception | None = None
        self.outcome: Outcome | None = None


class Consumer:
    """Consumes every queue. Nothing is opened before `start`, so objects survive a fork.

    threads: how many messages of one queue may be at work at once; as many again are taken from the broker meanwhile,
    so that no thread waits for transactions. A quarter more threads stand by, so that one queue full of slow partners
    leaves some to the others. on_settled: called after messages were acknowledged.
    """

    def __init__(
        self,
        database: Database,
        broker_url: str,
        topology: Topology,
        handlers: Handlers,
        clock: Clock,
        *,
        threads: int,
        on_settled: Callable[[], None],
    ) -> None:
        self._database = database
        self._topology = topology
        self._handlers = handlers
        self._clock = clock
        self._prefetch = threads * 2
        self._on_settled = on_settled
        self._link = Link(broker_url, topology)
        self._pool: Pool[_Task] = Pool(threads + (threads + 3) // 4, self._handle, name="hub-handler", lane_max=threads)
        self._wake_up: WakeUp | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._session = 0
        self._arrived: list[Message] = []
        self._broken: list[Message] = []
        self._at_work = 0
        self._finished: deque[_Task] = deque()
        self._subscriptions: list[Subscription] = []

    @property
    def is_connected(self) -> bool:
        """Whether it has a connection to the broker, as far as is known."""
        return self._link.is_open

    def start(self) -> None:
        """Begin to consume."""
        assert self._thread is None, "a consumer starts once"
        self._wake_up = WakeUp()
        self._pool.start()
        self._thread = threading.Thread(target=self._run, args=(self._wake_up,), name="hub-consumer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take no more messages, wait up to 20 s for what is at work, give the rest back, leave."""
        self._stopping.set()
        self.wake()
        if self._thread is not None:
            self._thread.join(timeout=_STOP_SECONDS + 10)
        self._pool.stop()

    def wake(self) -> None:
        """Look at the broker at once. Safe from any thread."""
        if self._wake_up is not None:
            self._wake_up.set()

    def _run(self, wake_up: WakeUp) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                self._subscribe()
                failures = 0
                self._serve(wake_up)
                self._leave(wake_up)
            except Exception:  # the door: unacknowledged messages come again, from the broker or by lease
                _log.exception("consumer lost the broker")
                metrics.reconnects.labels("consumer").inc()
                self._link.drop()
                self._stopping.wait(_RECONNECT_SECONDS[min(failures, len(_RECONNECT_SECONDS) - 1)])
                failures += 1
        self._link.close()
        wake_up.close()

    def _subscribe(self) -> None:
        """A new connection with one channel per queue: prefetch is counted per consumer on every broker then."""
        self._session += 1
        self._arrived, self._broken, self._subscriptions = [], [], []
        self._at_work = 0
        self._link.open()
        for queue in QUEUES:
            subscription = Subscription(
                self._link.channel(),
                queues=[self._topology.queue(queue)],
                auto_declare=False,
                on_message=self._arrived.append,
                on_decode_error=self._on_broken,
                prefetch_count=self._prefetch,
            )
            subscription.consume()
            self._subscriptions.append(subscription)

    def _on_broken(self, message: Message, _fault: Exception) -> None:
        """The library could not even open it, for example for its compression; it would drop it by default."""
        self._broken.append(message)

    def _serve(self, wake_up: WakeUp) -> None:
        while not self._stopping.is_set():
            self._settle()
            received = self._receive()
            self._hand_out()
            self._link.beat()
            if not received and not self._finished:
                self._link.wait(wake_up, _WAIT_SECONDS[self._topology.durable])

    def _receive(self) -> bool:
        """Let a bounded number of events happen. Nothing is written to the broker meanwhile: callbacks only collect."""
        received = False
        for _ in range(_EVENTS_MAX):
            if not self._link.drain():
                break
            received = True
        return received

    def _hand_out(self) -> None:
        """Give what arrived to the pool; set aside what nobody can read."""
        for message, delivery in self._read():
            self._at_work += 1
            task = _Task(message, delivery, self._session)
            handler = self._handlers.get(delivery.kind)
            if isinstance(handler, Staged):
                self._start(handler, task)
            else:
                self._pool.submit(task, delivery.queue)

    def _start(self, handler: "Staged[Any, Any]", task: _Task) -> None:
        """Begin without a thread; one is taken for the call, or to write down a fault."""

        def on_thread(call: Callable[[], None]) -> None:
            task.call = call
            self._pool.submit(task, task.delivery.queue)

        def end(fault: BaseException | None) -> None:
            task.call = None
            if isinstance(fault, Exception):
                task.fault = fault
                self._pool.submit(task, task.delivery.queue)
                return
            if fault is None:
                task.outcome = handled(task.delivery, time.perf_counter() - task.begun_at)
            self._put_down(task)

        try:
            handler.start(task.delivery, on_thread=on_thread, end=end)
        except Exception as fault:
            end(fault)

    def _read(self) -> list[tuple[Message, Delivery]]:
        """What arrived and can be read; the rest is set aside."""
        readable: list[tuple[Message, Delivery]] = []
        for message in self._arrived:
            try:
                body = message.body if isinstance(message.body, bytes) else message.body.encode()
                readable.append((message, decode(body)))
            except EnvelopeInvalid as refusal:
                self._set_aside(message, refusal.detail)
        for message in self._broken:
            self._set_aside(message, "The broker's library cannot open the message.")
        self._arrived.clear()
        self._broken.clear()
        return readable

    def _set_aside(self, message: Message, why: str) -> None:
        _log.error("undecodable message set aside", extra={"why": why})
        metrics.undecodable.inc()
        self._link.set_aside(message)

    def _handle(self, task: _Task) -> None:
        """On a pool thread: act, then leave the acknowledgement to the connection's own thread."""
        if task.call is not None:
            task.call()
            return
        try:
            if task.fault is not None:
                task.outcome = faulted(self._database, task.delivery, task.fault, self._clock)
            else:
                task.outcome = dispatch(self._database, self._handlers, task.delivery, self._clock)
        except Exception:
            # The fault could not be written down, so the database is away. The row is still in flight and its lease
            # brings it back; returning the message now would only make the broker deliver it at once, in a circle.
            _log.exception("outcome could not be recorded", extra={"message_id": task.delivery.id})
        self._put_down(task)

    def _put_down(self, task: _Task) -> None:
        """From any thread: have its message settled."""
        self._finished.append(task)
        self.wake()

    def _settle(self) -> None:
        """Acknowledge what was handled. Messages of an earlier connection are the broker's again."""
        settled = 0
        while self._finished:
            task = self._finished.popleft()
            if task.session != self._session:
                continue
            if task.outcome is Outcome.UNKNOWN:
                self._link.set_aside(task.message)
            else:
                task.message.ack()
            settled += 1
        self._at_work -= settled
        if settled:
            self._on_settled()

    def _leave(self, wake_up: WakeUp) -> None:
        """Stop consuming, give back what nobody began, wait for the rest."""
        for subscription in self._subscriptions:
            subscription.cancel()
        self._receive()
        self._give_back()
        deadline = time.monotonic() + _STOP_SECONDS
        while self._at_work and time.monotonic() < deadline:
            self._settle()
            self._receive()
            self._link.beat()
            if self._at_work and not self._finished:
                self._link.wait(wake_up, 0.2)
        if self._at_work:
            _log.warning("left with messages at work", extra={"count": self._at_work})

    def _give_back(self) -> None:
        """Let rows on which nobody began be claimed again at once instead of after their lease."""
        tasks = self._pool.take_back()
        for task in tasks:
            if task.call is not None or task.fault is not None:
                self._pool.submit(task, task.delivery.queue)
        tasks = [task for task in tasks if task.call is None and task.fault is None]
        self._at_work -= sum(task.session == self._session for task in tasks)
        idle = [(task.message, task.delivery) for task in tasks if task.session == self._session]
        if not self._topology.durable:
            self._arrived.extend(self._left_in_memory())
        idle += self._read()
        try:
            with self._database.work() as work:
                outbox.give_back(work, [delivery.id for _, delivery in idle])
        except Exception:  # the door: the leases and the broker bring them back, only later
            _log.exception("messages could not be given back", extra={"count": len(idle)})
            return
        for message, _ in idle:
            message.ack()

    def _left_in_memory(self) -> list[Message]:
        """`memory://` ends with its process: what still lies there is taken out."""
        channel = self._link.channel()
        found: list[Message] = []
        for queue in QUEUES:
            while (message := channel.basic_get(self._topology.queue_name(queue))) is not None:
                found.append(message)
        return found
