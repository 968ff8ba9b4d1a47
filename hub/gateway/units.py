"""`/v1/units` and `/v1/partners`: what there is to convert, and between whom."""

from flask import Flask

from hub.access.scopes import Scope
from hub.agreements.refusals import PartnerMissing
from hub.agreements.types import Partner, Unit
from hub.gateway.door import Door
from hub.gateway.parsing import page_limit, query
from hub.gateway.rendering import partner_view, unit_view
from hub.gateway.replies import Reply, json_reply
from hub.kernel.clock import parse_rfc3339
from hub.rates.catalogue import Catalogue

# Units and partners are listed by code; a cursor needs an instant, and theirs does not matter.
_NO_TIME = parse_rfc3339("2000-01-01T00:00:00Z")


class UnitRoutes:
    """Read from the snapshot that prices quotes. A client sees its own kind only: live, or test."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, view in (
            ("/v1/units", self.units),
            ("/v1/partners", self.partners),
            ("/v1/partners/<code>", self.partner),
        ):
            app.add_url_rule(path, f"units.{view.__name__}", view, methods=["GET"], provide_automatic_options=False)

    def units(self) -> Reply:
        """Units by code."""
        principal = self._door.caller(Scope.UNITS_READ)
        found = query(("limit", "cursor", "partner"))
        catalogue = self._catalogue()
        rows = [
            unit
            for unit in sorted(catalogue.roster.units.values(), key=_code)
            if catalogue.roster.partners[unit.partner].live == principal.live
            and found.get("partner", unit.partner) == unit.partner
        ]
        return self._page(rows, "/v1/units", found)

    def partners(self) -> Reply:
        """Partners by code."""
        principal = self._door.caller(Scope.PARTNERS_READ)
        found = query(("limit", "cursor"))
        partners = sorted(self._catalogue().roster.partners.values(), key=_code)
        return self._page([one for one in partners if one.live == principal.live], "/v1/partners", found)

    def partner(self, code: str) -> Reply:
        """One partner."""
        principal = self._door.caller(Scope.PARTNERS_READ)
        found = self._catalogue().roster.partners.get(code)
        if found is None or found.live != principal.live:
            raise PartnerMissing("There is no such partner.")
        return json_reply(partner_view(found))

    def _catalogue(self) -> Catalogue:
        services = self._door.services
        with services.database.read() as work:
            return services.catalogues.get(work)

    def _page(self, rows: list[Unit] | list[Partner], route: str, found: dict[str, str]) -> Reply:
        cursors, limit = self._door.cursors, page_limit(found)
        after = cursors.read(found.get("cursor"), route=route, filters=found)
        rest = [row for row in rows if after is None or row.code > after[1]]
        shown = [unit_view(row) if isinstance(row, Unit) else partner_view(row) for row in rest[:limit]]
        more = len(rest) > limit
        cursor = cursors.write(_NO_TIME, rest[limit - 1].code, route=route, filters=found) if more else None
        return self._door.page(shown, cursor)


def _code(row: Unit | Partner) -> str:
    return row.code
