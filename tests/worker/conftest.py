"""Brokers under test: `memory://` always, RabbitMQ when HUB_TEST_BROKER_URL names one; a prefix for each test."""

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from kombu import Connection

from hub.outbox import QUEUES
from hub.worker.topology import Topology, topology_of

_brokers = ["memory"] + (["rabbitmq"] if os.environ.get("HUB_TEST_BROKER_URL") else [])


@dataclass(frozen=True, slots=True)
class Broker:
    """Where it is, and what this test's names there begin with."""

    url: str
    prefix: str

    @property
    def topology(self) -> Topology:
        return topology_of(self.url, self.prefix)


def remove_names(broker: Broker) -> None:
    """Delete every queue and exchange of this test."""
    topology = broker.topology
    with Connection(broker.url, connect_timeout=5) as connection, connection.channel() as channel:
        for queue in (*map(topology.queue_name, QUEUES), topology.dead_queue):
            channel.queue_delete(queue)
        for exchange in (topology.work_exchange, topology.dead_exchange):
            if topology.durable:
                channel.exchange_delete(exchange)


@pytest.fixture(params=_brokers)
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """Each broker under test, with names that this test alone uses."""
    url = "memory://" if request.param == "memory" else os.environ["HUB_TEST_BROKER_URL"]
    broker = Broker(url, f"test-{uuid.uuid4().hex[:12]}")
    yield broker
    remove_names(broker)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without RabbitMQ, leave out the tests that need it; the report's header says so."""
    if _brokers[1:]:
        return
    left_out = [item for item in items if "rabbitmq" in getattr(item, "fixturenames", ())]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def rabbitmq() -> Iterator[Broker]:
    """RabbitMQ only, for what `memory://` cannot do."""
    broker = Broker(os.environ["HUB_TEST_BROKER_URL"], f"test-{uuid.uuid4().hex[:12]}")
    yield broker
    remove_names(broker)
