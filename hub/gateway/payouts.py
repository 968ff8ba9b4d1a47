"""`/v1/payouts`: what went from a bank's accruals to the partners, and what came back."""

from collections.abc import Mapping

from flask import Flask

from hub.access.scopes import Scope
from hub.access.types import Principal
from hub.agreements import service as agreements
from hub.earning import service as earning
from hub.earning.payouts import PayoutState
from hub.earning.refusals import PayoutMissing
from hub.gateway.door import Door
from hub.gateway.moving import Move, Moves, Step
from hub.gateway.parsing import checked_id, chosen
from hub.gateway.replies import Reply
from hub.gateway.spend_rendering import payout_view
from hub.storage import Work
from schemas.conversions import NothingRequest

_ROUTE = "/v1/payouts"


class PayoutRoutes:
    """A bank sees those of its own members."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, view in ((_ROUTE, self.list), (f"{_ROUTE}/<id>", self.get)):
            name = f"payouts.{view.__name__}"
            app.add_url_rule(path, name, view, methods=["GET"], provide_automatic_options=False)
        moves = Moves(self._door, _ROUTE, read=_seen, check=checked_id)
        move = Move("retry", Scope.SPEND_WRITE, NothingRequest(), _retry, by_partner=True)
        moves.register(app, "payouts", (move,))

    def list(self) -> Reply:
        """Payouts in the order in which they were made."""
        principal = self._door.caller(Scope.SPEND_READ)
        listing = self._door.listing(("member", "state"))
        state = chosen(listing.filters, "state", PayoutState)
        with self._door.reading(principal) as work:
            rows = earning.list_payouts(
                work,
                bank=principal.partner,
                member=listing.get("member"),
                state=state,
                live=principal.live,
                after=listing.last,
                limit=listing.limit + 1,
            )
        return listing.page(rows, payout_view, lambda one: (one.id,))

    def get(self, id: str) -> Reply:
        """One payout."""
        principal = self._door.caller(Scope.SPEND_READ)
        with self._door.reading(principal) as work:
            return self._door.shown(_seen(work, checked_id(id), principal))


def _seen(work: Work, id: str, principal: Principal) -> Mapping[str, object]:
    """Raises: PayoutMissing, also for a bank of the other kind, live or test."""
    found = earning.get_payout(work, id, bank=principal.partner)
    if agreements.is_live(work, partner=found.bank) != principal.live:
        raise PayoutMissing("There is no such payout.")
    return payout_view(found)


def _retry(work: Work, id: str, step: Step) -> None:
    earning.retry(work, id, bank=step.principal.partner, now=step.now)
