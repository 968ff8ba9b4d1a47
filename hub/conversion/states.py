"""States of a conversion and the moves between them."""

from enum import StrEnum


class ConversionState(StrEnum):
    """What a conversion waits for."""

    REVIEW = "review"  # held; a person decides whether it may go on
    HELD = "held"  # everything reserved; waits for the debit at the source
    DEBITED = "debited"  # points left the member; waits for the credit at the target
    POSTED = "posted"  # points arrived; final
    REVERSING = "reversing"  # the target refused; waits for the give-back at the source
    VOIDED = "voided"  # nothing moved in the end; final
    OWED = "owed"  # the give-back was refused too: the points stand in the hub's books for the member


FINAL = frozenset({ConversionState.POSTED, ConversionState.VOIDED, ConversionState.OWED})

# From each state, where it may go. Anything else is our mistake.
MOVES: dict[ConversionState, frozenset[ConversionState]] = {
    ConversionState.REVIEW: frozenset({ConversionState.HELD, ConversionState.VOIDED}),
    ConversionState.HELD: frozenset({ConversionState.DEBITED, ConversionState.VOIDED}),
    ConversionState.DEBITED: frozenset({ConversionState.POSTED, ConversionState.REVERSING}),
    ConversionState.REVERSING: frozenset({ConversionState.VOIDED, ConversionState.OWED}),
    ConversionState.POSTED: frozenset(),
    ConversionState.VOIDED: frozenset(),
    ConversionState.OWED: frozenset({ConversionState.VOIDED}),  # paid out to somebody who may have them
}
