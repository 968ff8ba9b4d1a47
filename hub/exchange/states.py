"""States of files, and the series they are numbered in."""

from enum import StrEnum


class Series(StrEnum):
    """What is numbered on its own, for each partner."""

    INSTRUCTIONS = "instructions"  # ours: what the partner is to do
    ANSWERS = "answers"  # the partner's: what became of it
    RECEIPTS = "receipts"  # ours: what became of the partner's file, record by record


class OutState(StrEnum):
    """How far a file of ours has come."""

    CUT = "cut"  # its lines are fixed; no byte of it was written
    WRITTEN = "written"  # its bytes are fixed; perhaps it was delivered
    DELIVERED = "delivered"  # it lies in the partner's folder
    ANSWERED = "answered"  # every line has its answer; final
    REFUSED = "refused"  # the partner refused it as a whole; its lines went into another file, or a person decides


class InState(StrEnum):
    """How far a file of a partner has come."""

    TAKEN = "taken"  # it is the hub's; nobody has looked at it
    ACCEPTED = "accepted"  # it is whole and new; its records are being applied
    DONE = "done"  # every record has its code; final
    REFUSED = "refused"  # refused as a whole, without effect; final


class LineOutcome(StrEnum):
    """What a partner answered about a line."""

    NONE = ""  # nothing yet
    DONE = "done"
    REFUSED = "refused"
    DIFFERS = "differs"  # done, but not what was instructed: a person decides


OUT_MOVES: dict[OutState, frozenset[OutState]] = {
    OutState.CUT: frozenset({OutState.WRITTEN}),
    OutState.WRITTEN: frozenset({OutState.DELIVERED}),
    OutState.DELIVERED: frozenset({OutState.ANSWERED, OutState.REFUSED, OutState.WRITTEN}),
    OutState.REFUSED: frozenset({OutState.WRITTEN}),
    OutState.ANSWERED: frozenset(),
}
IN_MOVES: dict[InState, frozenset[InState]] = {
    InState.TAKEN: frozenset({InState.ACCEPTED, InState.REFUSED}),
    InState.ACCEPTED: frozenset({InState.DONE}),
    InState.DONE: frozenset(),
    InState.REFUSED: frozenset(),
}
