"""Names and arguments at the broker."""

from hub.outbox import QUEUES
from hub.worker.link import Link
from hub.worker.topology import topology_of
from tests.worker.conftest import Broker


def test_on_rabbitmq_queues_are_durable_quorum_queues_with_a_dead_letter_exchange() -> None:
    queue = topology_of("amqp://guest@127.0.0.1//", "hub").queue("legs")

    assert queue.name == "hub.legs"
    assert (queue.exchange.name, queue.exchange.type, queue.routing_key) == ("hub.work", "topic", "legs")
    assert queue.durable
    assert queue.exchange.durable
    assert queue.queue_arguments == {
        "x-queue-type": "quorum",
        "x-delivery-limit": 5,
        "x-dead-letter-exchange": "hub.dead",
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def test_in_memory_the_same_names_have_no_arguments() -> None:
    memory, real = (topology_of(url, "hub") for url in ("memory://", "amqp://127.0.0.1//"))

    assert [memory.queue(name).name for name in QUEUES] == [real.queue(name).name for name in QUEUES]
    assert memory.queue("legs").queue_arguments is None


def test_declaring_twice_changes_nothing(broker: Broker) -> None:
    link = Link(broker.url, broker.topology)

    link.open()
    link.open()

    channel = link.channel()
    assert [channel.basic_get(broker.topology.queue_name(name)) for name in QUEUES] == [None] * 5
    link.close()
    assert not link.is_open
