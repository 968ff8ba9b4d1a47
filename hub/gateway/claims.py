"""`/v1/claims`: a member misses points, and is told what became of the purchase."""

from datetime import date, datetime

from flask import Flask

from hub.access.scopes import Scope
from hub.agreements import service as agreements
from hub.agreements.roster import roster
from hub.earning import service as earning
from hub.earning.claims import NewClaim
from hub.earning.refusals import ClaimMissing
from hub.gateway.card_tokens import require_kind
from hub.gateway.door import Door
from hub.gateway.idempotency import Answer
from hub.gateway.moving import shown_answer
from hub.gateway.parsing import checked_id, json_body, loaded
from hub.gateway.refusals import ValidationFailed
from hub.gateway.replies import Reply
from hub.gateway.spend_rendering import claim_view
from hub.storage import Work
from schemas.base import FieldProblem
from schemas.spend import ClaimRequest

_CLAIM = ClaimRequest()
_ROUTE = "/v1/claims"


class ClaimRoutes:
    """A bank claims for its own members."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, method, view in (
            (_ROUTE, "GET", self.list),
            (_ROUTE, "POST", self.make),
            (f"{_ROUTE}/<id>", "GET", self.get),
        ):
            name = f"claims.{view.__name__}"
            app.add_url_rule(path, name, view, methods=[method], provide_automatic_options=False)

    def list(self) -> Reply:
        """Claims in the order in which they were made."""
        principal = self._door.caller(Scope.SPEND_READ)
        listing = self._door.listing()
        with self._door.reading(principal) as work:
            rows = earning.list_claims(
                work, bank=principal.partner, live=principal.live, after=listing.last, limit=listing.limit + 1
            )
        return listing.page(rows, claim_view, lambda one: (one.id,))

    def get(self, id: str) -> Reply:
        """One claim and its answer."""
        principal = self._door.caller(Scope.SPEND_READ)
        with self._door.reading(principal) as work:
            found = earning.get_claim(work, checked_id(id), bank=principal.partner)
            if agreements.is_live(work, partner=found.bank) != principal.live:
                raise ClaimMissing("There is no such claim.")
        return self._door.shown(claim_view(found))

    def make(self) -> Reply:
        """Answer a claim for missing points."""
        principal = self._door.for_partner(Scope.SPEND_WRITE)
        body = loaded(_CLAIM, json_body())
        amount = body["amount"]
        assert isinstance(amount, int)
        new = NewClaim(
            token=str(body["token"]),
            day=_day(str(body["day"])),
            amount=amount,
            transaction=str(body.get("transaction", "")),
            merchant=str(body.get("merchant", "")),
        )

        def effect(work: Work, now: datetime) -> Answer:
            known = roster(work)
            require_kind(known.partners[principal.partner].live, principal)
            claim = earning.make_claim(work, earning.desk_of(work, known, principal.partner, now=now), new)
            return shown_answer(claim_view(claim), f"{_ROUTE}/{claim.id}", status=201)

        return self._door.perform(principal, "claims", effect, body)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValidationFailed([FieldProblem("#/day", "invalid_time", "A day such as 2026-11-22.")]) from None
