"""`/v1/me/balances`, `/quotes` and `/conversions`: a member's points, where they are, and moving them itself.

A conversion found here is the member's own; one of anybody else is as absent as none.
"""

from flask import Flask

from hub.access.scopes import Scope
from hub.access.types import Principal
from hub.agreements.refusals import TestLiveMixed
from hub.agreements.roster import Roster
from hub.conversion.errors import ConversionMissing
from hub.conversion.states import ConversionState
from hub.conversion.types import Acceptance, Conversion
from hub.gateway.door import Door, trace
from hub.gateway.own_views import balance_view, followed_view, own_conversion_view
from hub.gateway.parsing import checked_id, chosen, json_body, loaded
from hub.gateway.quotes import price_request
from hub.gateway.replies import Reply, json_reply
from hub.kernel.clock import parse_rfc3339, rfc3339
from hub.kernel.ids import new_id
from hub.members.service import links_of
from hub.members.states import LinkState
from hub.rates.rendering import quote_view
from hub.storage import Work
from schemas.members import OwnConversionRequest, OwnQuoteRequest

_QUOTE = OwnQuoteRequest()
_CONVERSION = OwnConversionRequest()


class OwnPointsRoutes:
    """A member's points."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, method, view in (
            ("/v1/me/balances", "GET", self.balances),
            ("/v1/me/quotes", "POST", self.quote),
            ("/v1/me/conversions", "GET", self.list),
            ("/v1/me/conversions", "POST", self.accept),
            ("/v1/me/conversions/<id>", "GET", self.get),
        ):
            name = f"own_points.{view.__name__}"
            app.add_url_rule(path, name, view, methods=[method], provide_automatic_options=False)

    def balances(self) -> Reply:
        """What each active membership holds, asked at all partners at once; each says how far it is to be believed."""
        principal, services = self._door.member(Scope.MEMBER_READ), self._door.services
        roster = self._door.catalogue().roster
        with services.database.read() as work:
            links = [
                one
                for one in links_of(work, principal.member)
                if one.state is LinkState.ACTIVE and roster.partners[one.partner].live == principal.live
            ]
        # Outside of any transaction: partners are asked.
        found = services.balances.gather([(one.partner, one.membership) for one in links])
        rows = [
            balance_view(link, balance, _unit_of(roster, link.partner))
            for link, balance in zip(links, found, strict=True)
        ]
        return json_reply({"data": rows})

    def quote(self) -> Reply:
        """A firm, signed offer for the member alone."""
        principal, services = self._door.member(Scope.MEMBER_CONVERT), self._door.services
        wanted = price_request(loaded(_QUOTE, json_body()))
        now = services.clock.now()
        with services.database.read() as work:
            catalogue = services.catalogues.get(work)
            used = services.conversions.bonus_used(work, principal.member)
        quote = services.quoter.quote(
            catalogue,
            wanted,
            member=principal.member,
            client_partner=principal.partner,
            at=now,
            id=new_id("quo", now),
            used=used,
        )
        if quote.live != principal.live:
            raise TestLiveMixed("A test app quotes test units and a live app live ones.")
        return json_reply(quote_view(quote, services.quoter.seal(quote)))

    def accept(self) -> Reply:
        """Carry out a quote between own memberships."""
        principal = self._door.member(Scope.MEMBER_CONVERT)
        body = loaded(_CONVERSION, json_body())
        asked = self._door.asked(principal, "me.conversions", "", body)
        wanted = Acceptance(
            asked.key, str(body["quote"]), principal.member, principal.partner, principal.live, trace(), by_member=True
        )
        return self._door.answer(self._door.writing.accept([asked.carrying(wanted)])[0])

    def list(self) -> Reply:
        """Its conversions, newest first."""
        principal = self._door.member(Scope.MEMBER_READ)
        listing = self._door.listing(("state",))
        after = (parse_rfc3339(listing.after[0]), listing.after[1]) if listing.after else None
        with self._door.services.database.read() as work:
            rows = self._door.services.conversions.list(
                work,
                client_partner="",
                state=chosen(listing.filters, "state", ConversionState),
                partner=None,
                member=principal.member,
                after=after,
                limit=listing.limit + 1,
                since=None,
                until=None,
                live=principal.live,
            )
        return listing.page(rows, own_conversion_view, _position)

    def get(self, id: str) -> Reply:
        """One conversion: what happened to it, who has the ball, and until when it should have ended."""
        principal, known = self._door.member(Scope.MEMBER_READ), checked_id(id)
        conversions = self._door.services.conversions
        with self._door.services.database.read() as work:
            found = self._own(work, known, principal)
            moments = conversions.timeline(work, known, client_partner="", live=principal.live)
            outlook = conversions.outlook(work, known, client_partner="")
        return self._door.shown(followed_view(found, moments, outlook))

    def _own(self, work: Work, id: str, principal: Principal) -> Conversion:
        """Raises: ConversionMissing."""
        found = self._door.services.conversions.get(work, id, client_partner="", live=principal.live)
        if found.member != principal.member:
            raise ConversionMissing("There is no such conversion.")
        return found


def _unit_of(roster: Roster, partner: str) -> str:
    """The one unit of a partner; empty where it has several."""
    units = [unit.code for unit in roster.units.values() if unit.partner == partner]
    return units[0] if len(units) == 1 else ""


def _position(row: Conversion) -> tuple[str, ...]:
    return (rfc3339(row.created_at), row.id)
