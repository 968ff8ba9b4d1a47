"""What the worker asks of a handler."""

from collections.abc import Mapping
from typing import Protocol

from hub.outbox import Delivery


class Handler(Protocol):
    """Acts on one kind of message. Runs on a pool thread, outside any transaction, and opens its own `Work`
    (through a batcher).

    It must mark the row done, postponed or buried in the transaction of its effect. When it returns, the broker
    message is acknowledged; when it raises, the consumer postpones the row with back-off and logs the fault.
    Everything it does may be done twice.
    """

    def __call__(self, delivery: Delivery) -> None:
        """Act on it."""


Handlers = Mapping[str, Handler]
