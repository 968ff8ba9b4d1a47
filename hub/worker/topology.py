"""Exchanges and queues of the broker, named once.

One topic exchange, one durable queue per kind of work, and one exchange and queue for what nobody can read. On RabbitMQ
the queues are quorum queues; `memory://` has the same names without the arguments. The broker keeps no retry clock:
the outbox row does, so there are no delay queues.
"""

import threading
from dataclasses import dataclass

from kombu import Exchange, Queue

from hub.outbox import QUEUES

# Deliveries of one message, without an acknowledgement, before RabbitMQ itself sets it aside: a message that kills
# its worker each time must not go round for ever.
_DELIVERY_LIMIT = 5

# `memory://` keeps its tables in the process, without locks; relay and consumer declare at the same moment.
_declaring = threading.Lock()


@dataclass(frozen=True, slots=True)
class Topology:
    """Names and arguments under one prefix. durable: a real broker, not `memory://`."""

    prefix: str
    durable: bool

    @property
    def work_exchange(self) -> str:
        """Where the relay publishes; the routing key is the queue's short name."""
        return f"{self.prefix}.work"

    @property
    def dead_exchange(self) -> str:
        """Where undecodable, refused and poisonous messages go."""
        return f"{self.prefix}.dead"

    @property
    def dead_queue(self) -> str:
        """Holds dead messages until a person looks at them."""
        return f"{self.prefix}.dead"

    def queue_name(self, queue: str) -> str:
        """The broker's name of one of the outbox's queues."""
        return f"{self.prefix}.{queue}"

    def queue(self, queue: str) -> Queue:
        """One work queue, bound to the work exchange."""
        arguments = {
            "x-queue-type": "quorum",
            "x-delivery-limit": _DELIVERY_LIMIT,
            "x-dead-letter-exchange": self.dead_exchange,
            # at-least-once needs reject-publish: dropping the oldest would lose messages on their way.
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        }
        return Queue(
            self.queue_name(queue),
            exchange=self._exchange(self.work_exchange),
            routing_key=queue,
            durable=True,
            queue_arguments=arguments if self.durable else None,
        )

    def declare(self, channel: object) -> None:
        """Create what is missing; the same again does nothing. Other arguments than those in place raise.

        channel: of a connection that this thread owns.
        """
        dead = Queue(
            self.dead_queue,
            exchange=self._exchange(self.dead_exchange),
            routing_key="#",
            durable=True,
            queue_arguments={"x-queue-type": "quorum"} if self.durable else None,
        )
        with _declaring:
            for queue in (dead, *(self.queue(name) for name in QUEUES)):
                queue(channel).declare()

    def _exchange(self, name: str) -> Exchange:
        return Exchange(name, type="topic", durable=True)


def topology_of(broker_url: str, prefix: str) -> Topology:
    """The topology for this broker. prefix: keeps several hubs on one broker apart."""
    return Topology(prefix, durable=not broker_url.startswith("memory:"))
