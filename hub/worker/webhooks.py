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
from hub.worker.staging import Staged


class DeliveryStages:
    """Sends an event to an endpoint, if its turn has come."""

    def __init__(self, deliveries: Deliveries, clock: Clock) -> None:
        self._deliveries = deliveries
        self._clock = clock

    def turn(
        self, work: Work, answered: Sequence[tuple[Delivery, Answer]], deliveries: Sequence[Delivery]
    ) -> Sequence[Dispatch | None]:
        """Commit answers, with the end or the next turn of their messages, and attempts."""
        return self._deliveries.turn(work, answered, deliveries, now=self._clock.now())

    def perform(self, step: Dispatch) -> Answer:
        """Send it."""
        answer = self._deliveries.perform(step)
        metrics.webhooks.labels(answer.sent.outcome).inc()
        metrics.webhook_seconds.observe(answer.latency_ms / 1_000)
        return answer


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
        WEBHOOK_DUE: Staged(database, DeliveryStages(deliveries, clock), name="webhooks"),
        WEBHOOK_WAKE: WakeHandler(database, clock),
    }
