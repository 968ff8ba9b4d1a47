"""What the worker does about webhooks: carry a delivery one attempt further, look after what is parked.

Knows which calls belong into one transaction. Nothing is sent inside one.
"""

from collections.abc import Sequence

from hub import outbox
from hub.kernel.clock import Clock
from hub.kernel.errors import HubError
from hub.outbox import Delivery
from hub.storage import Batcher, Database, Work
from hub.webhooks.delivering import Deliveries
from hub.webhooks.numbering import WEBHOOK_DUE
from hub.webhooks.releasing import release
from hub.webhooks.standing import WEBHOOK_WAKE
from hub.webhooks.types import Answer, Dispatch
from hub.worker import metrics
from hub.worker.handling import Handlers


class DeliveryHandler:
    """Sends an event to an endpoint, if its turn has come."""

    def __init__(self, database: Database, deliveries: Deliveries, clock: Clock) -> None:
        self._deliveries = deliveries
        self._clock = clock
        self._beginning: Batcher[Delivery, Dispatch | None] = Batcher(database, self.begin, name="webhooks-begin")
        self._finishing: Batcher[tuple[Delivery, Answer], None] = Batcher(database, self.finish, name="webhooks-finish")

    def __call__(self, delivery: Delivery) -> None:
        """Begin an attempt if there is to be one, perform it, and take the answer home."""
        dispatch = self._beginning.submit(delivery)
        if dispatch is None:
            return
        answer = self._deliveries.perform(dispatch)
        metrics.webhooks.labels(answer.sent.outcome).inc()
        metrics.webhook_seconds.observe(answer.latency_ms / 1_000)
        self._finishing.submit((delivery, answer))

    def begin(self, work: Work, deliveries: Sequence[Delivery]) -> Sequence[Dispatch | HubError | None]:
        """Commit attempts."""
        return self._deliveries.begin(work, deliveries, now=self._clock.now())

    def finish(self, work: Work, answered: Sequence[tuple[Delivery, Answer]]) -> list[HubError | None]:
        """Commit answers, with the end or the next turn of their messages."""
        self._deliveries.finish(work, answered, now=self._clock.now())
        return [None] * len(answered)


class WakeHandler:
    """Lets what is parked for an endpoint go on."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._clock = clock
        self._waking: Batcher[Delivery, None] = Batcher(database, self.wake, name="webhooks-wake")

    def __call__(self, delivery: Delivery) -> None:
        """Look after this endpoint."""
        self._waking.submit(delivery)

    def wake(self, work: Work, deliveries: Sequence[Delivery]) -> list[HubError | None]:
        """Release what may go, and end the messages."""
        now = self._clock.now()
        mine = outbox.claim_for_effect(work, [one.id for one in deliveries])
        release(work, sorted({one.subject for one in deliveries if one.id in mine}), now=now)
        outbox.done(work, sorted(mine), now=now)
        return [None] * len(deliveries)


def webhook_handlers(database: Database, deliveries: Deliveries, clock: Clock) -> Handlers:
    """The kinds of messages by which events reach endpoints."""
    return {
        WEBHOOK_DUE: DeliveryHandler(database, deliveries, clock),
        WEBHOOK_WAKE: WakeHandler(database, clock),
    }
