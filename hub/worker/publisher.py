"""Publishes a batch of messages and waits once for all of the broker's confirms.

Knows confirms, refusals and returns of RabbitMQ; `memory://` confirms by taking the message. Does not know the outbox:
what is not confirmed is simply not in the answer, and its row's lease publishes it again.
"""

import time
from collections.abc import Sequence
from typing import Any

from hub.outbox import Delivery
from hub.worker.envelope import encode
from hub.worker.link import Link, publish
from hub.worker.topology import Topology

# Quorum queues confirm after a majority wrote to disk: milliseconds, seconds on a busy disk.
_CONFIRM_SECONDS = 15


class Publisher:
    """A connection in confirm mode, used by the relay's thread alone."""

    def __init__(self, broker_url: str, topology: Topology) -> None:
        self._topology = topology
        self._link = Link(broker_url, topology)
        # The library's channel, with the confirm mode that only its RabbitMQ kind has.
        self._channel: Any = None
        self._unconfirmed: dict[int, int] = {}
        self._refused: set[int] = set()
        self._returned = False
        self._next_tag = 1

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._link.is_open

    def open(self) -> None:
        """Connect if there is no connection. Raises whatever the broker's library raises."""
        if self._link.is_open:
            return
        self._link.open()
        self._channel = self._link.channel()
        self._unconfirmed, self._refused, self._returned, self._next_tag = {}, set(), False, 1
        if self._topology.durable:
            self._channel.events["basic_ack"].add(self._on_ack)
            self._channel.events["basic_nack"].add(self._on_nack)
            self._channel.events["basic_return"].add(self._on_return)
            self._channel.confirm_select()

    def close(self) -> None:
        """Give the connection back."""
        self._channel = None
        self._link.close()

    def drop(self) -> None:
        """Drop a connection that failed."""
        self._channel = None
        self._link.drop()

    def publish(self, deliveries: Sequence[Delivery]) -> set[int]:
        """Publish all, then wait for the confirms; ids of those the broker has taken into a queue.

        Raises whatever the broker's library raises; then nothing is known about any of them.
        """
        for delivery in deliveries:
            if self._topology.durable:
                self._unconfirmed[self._next_tag] = delivery.id
                self._next_tag += 1
            publish(
                self._channel,
                self._topology.work_exchange,
                delivery.queue,
                encode(delivery),
                {"message_id": str(delivery.id), "type": delivery.kind},
            )
        deadline = time.monotonic() + _CONFIRM_SECONDS
        while self._unconfirmed and time.monotonic() < deadline:
            self._link.drain(0.5)
        failed = self._refused | set(self._unconfirmed.values())
        if self._unconfirmed or self._returned:
            # Late confirms must not be counted for later messages; a missing queue is declared again on opening.
            self.drop()
        self._unconfirmed, self._refused = {}, set()
        return {delivery.id for delivery in deliveries} - failed

    def beat(self) -> None:
        """Keep the connection alive while there is nothing to publish. Raises when it is gone."""
        while self._topology.durable and self._link.drain():
            pass
        self._link.beat()

    def _on_ack(self, tag: int, multiple: bool) -> None:
        for confirmed in self._upto(tag, multiple):
            self._unconfirmed.pop(confirmed, None)

    def _on_nack(self, tag: int, multiple: bool) -> None:
        for refused in self._upto(tag, multiple):
            self._refused.add(self._unconfirmed.pop(refused, 0))

    def _on_return(
        self, _exception: Exception, _exchange: str, _routing_key: str, message: Any
    ) -> None:  # comes before the confirm of the same message
        self._returned = True
        self._refused.add(int(message.properties.get("message_id", "0")))

    def _upto(self, tag: int, multiple: bool) -> list[int]:
        return [known for known in self._unconfirmed if known <= tag] if multiple else [tag]
