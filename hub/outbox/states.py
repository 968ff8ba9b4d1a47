"""The states of an outbox row and the moves between them."""

from enum import StrEnum


class MessageState(StrEnum):
    """Where a message is."""

    WAITING = "waiting"
    """To be published once `available_at` has come."""
    SENT = "sent"
    """Claimed for publishing; in flight until `lease_until`, then claimed again."""
    DONE = "done"
    """Took effect, in the transaction that set this state."""
    DEAD = "dead"
    """Set aside for a person, who may revive it."""


MOVES: dict[MessageState, frozenset[MessageState]] = {
    MessageState.WAITING: frozenset(MessageState),
    MessageState.SENT: frozenset(MessageState),
    MessageState.DEAD: frozenset({MessageState.WAITING, MessageState.DONE}),
    MessageState.DONE: frozenset(),
}
"""A handler may act on a row that waits again, because an older copy of its message can still arrive."""
