"""Moves of a partner through its life, and the states of an agreement version.

Being stopped is beside these: an operator's stop puts `test` and `live` into `suspended`, and starting again, which
takes two people, puts them back; a partner that is winding down can be stopped and started too and stays what it is.
"""

from datetime import timedelta
from enum import StrEnum

from hub.agreements.types import PartnerState

# How long a partner that winds down honours claims and reversals before it may leave.
TAIL = timedelta(days=180)


class AgreementState(StrEnum):
    """Life of an agreement version: never edited, only followed."""

    PROPOSED = "proposed"  # written by one person
    ACTIVE = "active"  # activated by a second one; binds inside its dates


PARTNER_MOVES: dict[PartnerState, frozenset[PartnerState]] = {
    PartnerState.DRAFT: frozenset({PartnerState.LIVE, PartnerState.EXITED}),
    PartnerState.TEST: frozenset({PartnerState.WINDING_DOWN}),
    PartnerState.LIVE: frozenset({PartnerState.WINDING_DOWN}),
    PartnerState.SUSPENDED: frozenset({PartnerState.WINDING_DOWN}),
    PartnerState.WINDING_DOWN: frozenset({PartnerState.EXITED}),
    PartnerState.EXITED: frozenset(),
}

# States in which a partner takes part in new quotes; a stop is looked at beside them.
TAKES_PART = frozenset({PartnerState.TEST, PartnerState.LIVE, PartnerState.SUSPENDED})
