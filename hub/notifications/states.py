"""The states of a notification and the moves between them."""

from enum import StrEnum


class NotificationState(StrEnum):
    """What became of a partner's genuine notification."""

    RECEIVED = "received"  # stored; its message is in the outbox
    DONE = "done"  # acted on
    QUARANTINED = "quarantined"  # nobody can act on it as it is; an operator has it tried again, or dismisses it
    DISMISSED = "dismissed"  # an operator has decided that nothing follows from it; final


MOVES: dict[NotificationState, frozenset[NotificationState]] = {
    NotificationState.RECEIVED: frozenset({NotificationState.DONE, NotificationState.QUARANTINED}),
    NotificationState.QUARANTINED: frozenset({NotificationState.RECEIVED, NotificationState.DISMISSED}),
    NotificationState.DONE: frozenset(),
    NotificationState.DISMISSED: frozenset(),
}
