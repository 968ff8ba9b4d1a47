"""One thread's own connection to the broker; no other thread ever touches it.

Knows how RabbitMQ (py-amqp) and `memory://` differ in waiting, heartbeats and dead letters. Does not know the outbox.
"""

import logging
import selectors
import socket
import time
from collections.abc import Mapping
from typing import Protocol, cast

from kombu import Connection

from hub.worker.envelope import CONTENT_TYPE
from hub.worker.topology import Topology

_log = logging.getLogger(__name__)

_HEARTBEAT_SECONDS = 30
_CONNECT_SECONDS = 5
# A broker that blocks publishers (out of memory or disk) stops reading, and a frozen one stops answering. A connection
# that takes or gives nothing for that long is treated as lost, and the rows' leases publish them again.
_ANSWER_SECONDS = 20


class Message(Protocol):
    """What is used of the library's message."""

    body: bytes | str
    channel: "Channel"

    def ack(self) -> None:
        """Take it off the queue."""

    def reject(self, *, requeue: bool) -> None:
        """Put it back, or give it to the dead-letter exchange."""


class Channel(Protocol):
    """What is used of the library's channel; the same on RabbitMQ and `memory://`."""

    def prepare_message(
        self,
        body: bytes,
        *,
        content_type: str,
        content_encoding: str,
        properties: Mapping[str, str | int],
    ) -> object:
        """A message to be published."""

    def basic_publish(self, message: object, *, exchange: str, routing_key: str, mandatory: bool) -> None:
        """Write it to the socket; nothing is known yet."""

    def basic_get(self, queue: str) -> Message | None:
        """One message if there is one."""


class WakeUp:
    """Lets other threads interrupt a wait. Both ends are sockets, so that it can be waited for beside a connection."""

    def __init__(self) -> None:
        self.reader, self._writer = socket.socketpair()
        self.reader.setblocking(False)
        self._writer.setblocking(False)

    def set(self) -> None:
        """End the present wait, or the next one at once. Safe from any thread."""
        try:
            self._writer.send(b"!")
        except OSError:
            return  # full: a wake-up is pending already; closed: nobody waits any more

    def clear(self) -> None:
        """Forget the wake-ups so far."""
        try:
            while self.reader.recv(4096):
                pass
        except OSError:
            return

    def close(self) -> None:
        """Release both ends."""
        self.reader.close()
        self._writer.close()


class Link:
    """A connection that is opened, used and closed by one thread.

    heartbeat_seconds: how long the broker may be silent before the connection counts as lost.
    """

    def __init__(self, broker_url: str, topology: Topology, *, heartbeat_seconds: int = _HEARTBEAT_SECONDS) -> None:
        self._url = broker_url
        self._heartbeat_seconds = heartbeat_seconds
        self._topology = topology
        self._connection: Connection | None = None
        # The library's inner connection: its own `close` can leave the socket behind when the broker is gone.
        self._wire: object = None
        self._beaten_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether `open` succeeded since the last `close`."""
        return self._connection is not None

    def open(self) -> None:
        """Connect and declare the topology. Raises whatever the broker's library raises."""
        self.drop()
        durable = self._topology.durable
        timeouts = {"read_timeout": _ANSWER_SECONDS, "write_timeout": _ANSWER_SECONDS}
        connection = Connection(
            self._url,
            heartbeat=self._heartbeat_seconds if durable else 0,
            connect_timeout=_CONNECT_SECONDS,
            transport_options=timeouts if durable else {"polling_interval": 0.005},
        )
        self._wire = connection.connect()
        self._connection = connection
        try:
            with connection.channel() as channel:
                self._topology.declare(channel)
        except BaseException:
            self.drop()
            raise

    def close(self) -> None:
        """Say goodbye to the broker, then drop the connection."""
        if self._connection is not None:
            try:
                self._connection.close()
            except Exception as fault:  # it is being thrown away, whatever state it is in
                _log.info("broker connection closed badly", extra={"reason": type(fault).__name__})
        self.drop()

    def drop(self) -> None:
        """Let go of the connection at once, without a word to a broker that may be gone."""
        connection, self._connection = self._connection, None
        wire, self._wire = self._wire, None
        if wire is not None and hasattr(wire, "collect"):
            wire.collect()
        elif connection is not None:
            connection.close()

    def channel(self) -> Channel:
        """A new channel of this connection."""
        return cast("Channel", self._opened().channel())

    def drain(self, seconds_max: float = 0) -> bool:
        """Let at most one event of the broker happen; False when none came in time."""
        try:
            self._opened().drain_events(timeout=seconds_max)
        except TimeoutError:
            return False
        return True

    def beat(self) -> None:
        """Keep the heartbeat, once a second however often it is called. Raises when the broker's is missing."""
        if self._topology.durable and time.monotonic() - self._beaten_at >= 1:
            self._beaten_at = time.monotonic()
            self._opened().heartbeat_check()

    def wait(self, wake_up: WakeUp, seconds_max: float) -> None:
        """Sleep until the broker sends something, somebody wakes us, or the time is over."""
        with selectors.DefaultSelector() as selector:
            selector.register(wake_up.reader, selectors.EVENT_READ)
            if self._topology.durable:
                selector.register(self._opened().connection.sock, selectors.EVENT_READ)
            selector.select(seconds_max)
        wake_up.clear()

    def set_aside(self, message: Message) -> None:
        """Move a message to the dead-letter queue."""
        if self._topology.durable:
            message.reject(requeue=False)
            return
        # `memory://` drops what is rejected.
        body = message.body if isinstance(message.body, bytes) else message.body.encode()
        publish(message.channel, self._topology.dead_exchange, "dead", body, {})
        message.ack()

    def _opened(self) -> Connection:
        assert self._connection is not None, "the link is used while it is closed"
        if not self._connection.connected:
            # The library would connect anew by itself, without our channels and consumers, and wait for ever.
            raise ConnectionResetError("the connection to the broker is gone")
        return self._connection


def publish(
    channel: Channel, exchange: str, routing_key: str, body: bytes, properties: Mapping[str, str | int]
) -> None:
    """Write one durable message to the broker; whether it arrived, only a confirm tells."""
    message = channel.prepare_message(
        body,
        content_type=CONTENT_TYPE,
        content_encoding="binary",  # or the library decodes the bytes by itself
        properties={"delivery_mode": 2, **properties},
    )
    channel.basic_publish(message, exchange=exchange, routing_key=routing_key, mandatory=True)
