"""States of a leg, kinds of an attempt, and the moves between states."""

from enum import StrEnum


class LegState(StrEnum):
    """What a leg waits for."""

    OPEN = "open"  # there is no proof yet; the hub calls, inquires and repeats
    DONE = "done"  # the partner applied it, proven; final
    REFUSED = "refused"  # the partner did not and never will, proven; final
    CANCELLED = "cancelled"  # called off before it was ever sent; final
    BY_HAND = "by_hand"  # no proof can be had by machine; a person decides


class LegRole(StrEnum):
    """What a leg is for its owner."""

    DEBIT = "debit"  # take points from the member at the source
    CREDIT = "credit"  # give points to the member at the target
    GIVEBACK = "giveback"  # give the debited points back at the source
    BONUS = "bonus"  # a bonus that the target wants as a credit of its own


class AttemptKind(StrEnum):
    """What one attempt asks of the partner."""

    CALL = "call"  # the instruction itself, always under the same key
    INQUIRY = "inquiry"  # what became of that key


FINAL = frozenset({LegState.DONE, LegState.REFUSED, LegState.CANCELLED})

# From each state, where it may go. Anything else is our mistake.
MOVES: dict[LegState, frozenset[LegState]] = {
    LegState.OPEN: frozenset({LegState.DONE, LegState.REFUSED, LegState.CANCELLED, LegState.BY_HAND}),
    LegState.BY_HAND: frozenset({LegState.DONE, LegState.REFUSED}),
    LegState.DONE: frozenset(),
    LegState.REFUSED: frozenset(),
    LegState.CANCELLED: frozenset(),
}
