"""What the worker does with announced events: have them numbered, all that wait at once."""

from collections.abc import Sequence

from hub import outbox
from hub.kernel.clock import Clock
from hub.kernel.errors import HubError
from hub.outbox import Delivery
from hub.storage import Batcher, Database, Work
from hub.webhooks.numbering import number_announced


class EventHandler:
    """Numbers events. One message has every older one numbered with it, so their order is kept whoever comes first."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._clock = clock
        self._numbering: Batcher[Delivery, None] = Batcher(database, self.number, name="events")

    def __call__(self, delivery: Delivery) -> None:
        """Number this event and all before it."""
        self._numbering.submit(delivery)

    def number(self, work: Work, deliveries: Sequence[Delivery]) -> list[HubError | None]:
        """Number what was announced; a message that the bound left out is carried again at once."""
        ended = number_announced(work, now=self._clock.now())
        outbox.give_back(work, [one.id for one in deliveries if one.id not in ended])
        return [None] * len(deliveries)
