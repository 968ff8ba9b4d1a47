"""`/v1/quotes`: what a conversion would be. Asking writes nothing, so it needs no Idempotency-Key."""

from flask import Flask

from hub.access.scopes import Scope
from hub.agreements.refusals import TestLiveMixed
from hub.gateway.door import Door
from hub.gateway.parsing import json_body, loaded
from hub.gateway.replies import Reply, json_reply
from hub.kernel.ids import new_id
from hub.members.errors import MemberMissing
from hub.members.service import knows_member
from hub.rates.rendering import quote_view
from hub.rates.types import PriceRequest
from schemas.conversions import QuoteRequest

_QUOTE = QuoteRequest()


class QuoteRoutes:
    """One route."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the route."""
        app.add_url_rule("/v1/quotes", view_func=self.quote, methods=["POST"], provide_automatic_options=False)

    def quote(self) -> Reply:
        """A firm, signed offer."""
        principal = self._door.caller(Scope.QUOTES_READ)
        body = loaded(_QUOTE, json_body())
        services = self._door.services
        now = services.clock.now()
        wanted = price_request(body)
        member = str(body.get("member", ""))
        # Priced with the hub's own view: a cap counts what a member had through every partner's client.
        with services.database.read() as work:
            catalogue = services.catalogues.get(work)
            campaigns = catalogue.campaigns.get((wanted.source_unit, wanted.target_unit), ())
            capped = member and any(campaign.member_cap is not None for campaign in campaigns)
            if capped and principal.partner and not knows_member(work, member, partner=principal.partner):
                raise MemberMissing("There is no such member.", pointer="#/member")
            used = services.conversions.bonus_used(work, member) if capped else {}
        quote = services.quoter.quote(
            catalogue,
            wanted,
            member=member,
            client_partner=principal.partner,
            at=now,
            id=new_id("quo", now),
            used=used,
        )
        if quote.live != principal.live:
            raise TestLiveMixed("A test client quotes test units and a live client live ones.")
        return json_reply(quote_view(quote, services.quoter.seal(quote)))


def price_request(body: dict[str, object]) -> PriceRequest:
    """What is asked for in a body as its schema loaded it."""
    amount, traits = body["amount"], body.get("traits", {})
    assert isinstance(amount, int)
    assert isinstance(traits, dict)
    return PriceRequest(
        source_unit=str(body["source_unit"]), target_unit=str(body["target_unit"]), amount=amount, traits=traits
    )
