"""`/v1/accruals`: what a bank's transactions earned, and how it came about."""

from flask import Flask

from hub.access.scopes import Scope
from hub.agreements import service as agreements
from hub.earning import service as earning
from hub.earning.accruals import Accrual
from hub.earning.refusals import AccrualMissing
from hub.gateway.door import Door
from hub.gateway.parsing import checked_id
from hub.gateway.replies import Reply
from hub.gateway.spend_rendering import accrual_view, explained_view

_ROUTE = "/v1/accruals"


class AccrualRoutes:
    """A bank sees its own."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, view in ((_ROUTE, self.list), (f"{_ROUTE}/<id>", self.get)):
            name = f"accruals.{view.__name__}"
            app.add_url_rule(path, name, view, methods=["GET"], provide_automatic_options=False)

    def list(self) -> Reply:
        """Accruals in the order in which they were taken."""
        principal = self._door.caller(Scope.SPEND_READ)
        listing = self._door.listing(("member", "transaction"))
        chunk, line = listing.after or ("0", "0")
        with self._door.reading(principal) as work:
            rows = earning.list_accruals(
                work,
                bank=principal.partner,
                member=listing.get("member"),
                transaction=listing.get("transaction"),
                live=principal.live,
                after=(int(chunk), int(line)),
                limit=listing.limit + 1,
            )
        return listing.page(rows, accrual_view, _position)

    def get(self, id: str) -> Reply:
        """One accrual with its explanation."""
        principal = self._door.caller(Scope.SPEND_READ)
        with self._door.reading(principal) as work:
            found = earning.get_accrual(work, checked_id(id), bank=principal.partner)
            if agreements.is_live(work, partner=found.bank) != principal.live:
                raise AccrualMissing("There is no such accrual.")
            steps = earning.explain(work, found)
        return self._door.shown({**accrual_view(found), "explain": [explained_view(one) for one in steps]})


def _position(accrual: Accrual) -> tuple[str, ...]:
    return (str(accrual.chunk), str(accrual.line))
