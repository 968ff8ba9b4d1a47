"""States of a link and the moves between them."""

from enum import StrEnum


class LinkState(StrEnum):
    """How far the tie between a member and a membership is proven."""

    PENDING = "pending"  # recorded; the partner has not confirmed the membership yet
    ACTIVE = "active"  # the partner confirmed it; conversions may use it
    REFUSED = "refused"  # the partner said no; final
    CLOSED = "closed"  # taken back by the member or an operator; final


MOVES: dict[LinkState, frozenset[LinkState]] = {
    LinkState.PENDING: frozenset({LinkState.ACTIVE, LinkState.REFUSED, LinkState.CLOSED}),
    LinkState.ACTIVE: frozenset({LinkState.CLOSED}),
    LinkState.REFUSED: frozenset(),
    LinkState.CLOSED: frozenset(),
}
