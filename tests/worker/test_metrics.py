"""What the worker counts."""

from prometheus_client import REGISTRY

from hub import outbox
from hub.outbox import Delivery
from hub.storage import Database
from tests.worker.conftest import Broker
from tests.worker.effects import Counting, announce, make_table, message, now, wait_until, working


def _value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0


def test_published_and_handled_messages_are_counted(database: Database, broker: Broker) -> None:
    make_table(database)
    published = _value("hub_outbox_published_total", queue="legs")
    handled = _value("hub_worker_handled_total", kind="leg.due", outcome="handled")
    timed = _value("hub_worker_handling_seconds_count", kind="leg.due")
    announce(database, [message(f"m{number}") for number in range(7)])

    with working(database, broker, {"leg.due": Counting(database)}) as worker:
        worker.drain(30)

    assert _value("hub_outbox_published_total", queue="legs") - published == 7
    assert _value("hub_worker_handled_total", kind="leg.due", outcome="handled") - handled == 7
    assert _value("hub_worker_handling_seconds_count", kind="leg.due") - timed == 7


def test_faults_and_unknown_kinds_are_counted_apart(database: Database, broker: Broker) -> None:
    def fault(delivery: Delivery) -> None:
        raise ValueError("no")

    faulted = _value("hub_worker_handled_total", kind="leg.due", outcome="faulted")
    unknown = _value("hub_worker_handled_total", kind="unknown", outcome="unknown")
    announce(database, [message("m1"), message("m2", kind="leg.unheard")])

    with working(database, broker, {"leg.due": fault}):
        wait_until(lambda: _value("hub_worker_handled_total", kind="leg.due", outcome="faulted") > faulted)
        wait_until(lambda: _value("hub_worker_handled_total", kind="unknown", outcome="unknown") > unknown)

    assert _value("hub_worker_handled_total", kind="leg.unheard", outcome="unknown") == 0


def test_no_more_than_so_many_are_in_flight_over_all_lanes(database: Database, broker: Broker) -> None:
    make_table(database)
    most: list[int] = []
    counting = Counting(database)

    def handler(delivery: Delivery) -> None:
        with database.read() as work:
            most.append(outbox.in_flight(work, now=now()))
        counting(delivery)

    announce(database, [message(f"m{number:02}", lane=f"lane_{number}") for number in range(30)])
    with working(database, broker, {"leg.due": handler}, in_flight_max=5) as worker:
        worker.drain(30)

    assert len(counting.calls) == 30
    assert max(most) <= 5
