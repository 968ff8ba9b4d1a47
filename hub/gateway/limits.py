"""`/v1/limits`: what may be converted in which time. A partner's client sees those that concern its partner."""

from flask import Flask

from hub.access.scopes import Scope
from hub.access.types import Principal
from hub.agreements.roster import Roster
from hub.gateway.door import Door
from hub.gateway.replies import Reply
from hub.limits.rendering import limit_view
from hub.limits.service import list_limits
from hub.limits.types import LimitRule


class LimitRoutes:
    """One route; limits are set at the command line."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the route."""
        app.add_url_rule(
            "/v1/limits", "limits.list", view_func=self.list, methods=["GET"], provide_automatic_options=False
        )

    def list(self) -> Reply:
        """Limits by id."""
        principal = self._door.caller(Scope.RATES_READ)
        listing = self._door.listing()
        roster = self._door.catalogue().roster
        # What a limit is about is not in columns that a policy could compare, so it is chosen here.
        with self._door.services.database.read() as work:
            rules = [rule for rule in list_limits(work) if _concerns(rule, principal, roster)]
        rows = [rule for rule in rules if rule.id > listing.last]
        return listing.page(rows[: listing.limit + 1], limit_view, lambda rule: (rule.id,))


def _concerns(rule: LimitRule, principal: Principal, roster: Roster) -> bool:
    """Whether a limit names a unit of the caller's partner, or none at all; and none of the other kind, live or test.

    An operator sees every limit of the token's kind.
    """
    owners = {roster.units[unit].partner for unit in (*rule.sources, *rule.targets)}
    if any(roster.partners[owner].live != principal.live for owner in owners):
        return False
    return not owners or not principal.partner or principal.partner in owners
