"""A real worker with threads, a real sender and real receivers: who hangs holds up nobody, whatever the broker."""

import threading

from hub.kernel.clock import SystemClock
from hub.outbox.events import EVENT_ANNOUNCED
from hub.storage import Database
from hub.webhooks import endpoint_secrets, endpoints
from hub.webhooks.delivering import Deliveries
from hub.webhooks.destinations import Destinations, networks_of
from hub.webhooks.releasing import release_forgotten
from hub.webhooks.sending import Sender
from hub.webhooks.types import EndpointDraft
from hub.worker.events import EventHandler
from hub.worker.process import Worker
from hub.worker.webhooks import webhook_handlers
from tests.webhooks.receiver import Got, Reply, receiving
from tests.webhooks.world import World
from tests.worker.conftest import Broker, broker  # noqa: F401 - a fixture
from tests.worker.effects import wait_until

EVENTS = 25


def test_everything_reaches_the_healthy_endpoint_while_the_others_hang(
    database: Database,
    broker: Broker,  # noqa: F811 - the fixture
) -> None:
    world, clock, let_go = World(database, SystemClock()), SystemClock(), threading.Event()  # type: ignore[arg-type]

    def hang(_: Got) -> Reply:
        let_go.wait(60)
        return Reply()

    sender = Sender(Destinations(networks_of("127.0.0.0/8")), total_seconds=60)
    deliveries = Deliveries(world.vault, sender, lambda below: 0, sick_max=2)
    handlers = {EVENT_ANNOUNCED: EventHandler(database, clock), **webhook_handlers(database, deliveries, clock)}
    with receiving() as healthy, receiving(hang) as one, receiving(hang) as other:
        for receiver in (one, other, healthy):
            with database.work() as work:
                made = endpoints.add_endpoint(
                    work,
                    "aerojet",
                    EndpointDraft(receiver.url),
                    Destinations(networks_of("127.0.0.0/8")),
                    live=False,
                    actor="operator:maya",
                    now=clock.now(),
                )
                endpoint_secrets.issue(work, world.vault, made, now=clock.now())
        world.happen(*(f"cnv_{number:02}" for number in range(EVENTS)))
        # Four threads for three endpoints: two that hang for ever leave two.
        worker = Worker(database, broker.url, broker.prefix, handlers, clock, 4, 10)
        worker.start()
        try:
            wait_until(lambda: len(healthy.got) == EVENTS)
            at_the_sick = (len(one.got), len(other.got))
        finally:
            let_go.set()
            worker.stop()
            sender.close()

    assert max(at_the_sick) <= 1
    assert {got.event["subject"] for got in healthy.got} == {f"cnv_{number:02}" for number in range(EVENTS)}
    assert len({got.headers["webhook-id"] for got in healthy.got}) == EVENTS


def test_what_everybody_forgot_is_looked_after(world: World) -> None:
    world.endpoint()
    world.happen("cnv_1", "cnv_2")
    handler = world.handlers[EVENT_ANNOUNCED]
    assert isinstance(handler, EventHandler)
    with world.database.work() as work:
        handler.number(work, [])
        work.run("UPDATE webhook_delivery SET state = 'parked'")
        work.run("UPDATE outbox_message SET state = 'done', lease_until = NULL, finished_at = created_at")

    with world.database.work() as work:
        found = release_forgotten(work, now=world.clock.now())
    world.carry()

    assert found == 1
    assert [state for state, _ in world.states()] == ["delivered", "delivered"]
