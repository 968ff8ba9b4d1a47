"""States of a membership of a hosted programme, and the moves between them."""

from enum import StrEnum


class MembershipState(StrEnum):
    """What a membership may do."""

    ACTIVE = "active"  # everything
    BLOCKED = "blocked"  # keeps its points, which still lapse; nothing comes or goes otherwise
    CLOSED = "closed"  # empty and ended; final


MOVES: dict[MembershipState, frozenset[MembershipState]] = {
    MembershipState.ACTIVE: frozenset({MembershipState.BLOCKED, MembershipState.CLOSED}),
    MembershipState.BLOCKED: frozenset({MembershipState.ACTIVE, MembershipState.CLOSED}),
    MembershipState.CLOSED: frozenset(),
}
