"""Who may see and approve what concerns a route: rate rules and campaigns between two units.

Knows the two partners of a route. Does not know what the rule or campaign says.
"""

from typing import Protocol

from hub.access.types import Principal
from hub.agreements import service as agreements
from hub.gateway.moving import Step
from hub.rates.types import RuleState
from hub.storage import Work


class OnRoute(Protocol):
    """A rate rule or a campaign."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def source_unit(self) -> str:
        """What leaves."""

    @property
    def target_unit(self) -> str:
        """What arrives."""

    @property
    def state(self) -> RuleState:
        """Proposed, active, stopped or withdrawn."""


def may_see_route(work: Work, principal: Principal, found: OnRoute) -> bool:
    """Everybody of its kind, live or test; while it is only proposed, operators and the partners that it names."""
    if agreements.is_live(work, unit=found.source_unit) != principal.live:
        return False
    return not principal.partner or found.state is not RuleState.PROPOSED or _names(found, principal.partner)


def approve_route(work: Work, found: OnRoute, step: Step) -> bool:
    """Record that the caller's partner agrees; whether it is named at all."""
    partner = step.principal.partner
    if not _names(found, partner):
        return False
    agreements.approve(work, found.id, partner=partner, actor=step.actor, now=step.now)
    return True


def _names(found: OnRoute, partner: str) -> bool:
    """Units are called after their partner."""
    return partner in (found.source_unit.partition(".")[0], found.target_unit.partition(".")[0])
