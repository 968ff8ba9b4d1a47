"""`/v1/units`: what there is to convert; operators add units to partners."""

from datetime import datetime

from flask import Flask

from hub.access.scopes import Scope
from hub.agreements import service as agreements
from hub.agreements.refusals import PartnerMissing
from hub.agreements.types import Unit
from hub.gateway.door import Door
from hub.gateway.idempotency import Answer
from hub.gateway.moving import shown_answer
from hub.gateway.parsing import json_body, loaded
from hub.gateway.refusals import NotFound
from hub.gateway.rendering import unit_view
from hub.gateway.replies import Reply
from hub.storage import Work
from schemas.partners import UnitRequest

_ROUTE = "/v1/units"
_UNIT = UnitRequest()


class UnitRoutes:
    """Read from the snapshot that prices quotes. A client sees its own kind only: live, or test."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, method, view in (
            (_ROUTE, "GET", self.list),
            (_ROUTE, "POST", self.add),
            (f"{_ROUTE}/<code>", "GET", self.get),
        ):
            app.add_url_rule(path, f"units.{view.__name__}", view, methods=[method], provide_automatic_options=False)

    def list(self) -> Reply:
        """Units by code."""
        principal = self._door.caller(Scope.UNITS_READ)
        listing = self._door.listing(("partner",))
        roster, partner = self._door.catalogue().roster, listing.get("partner")
        rows = [
            unit
            for code, unit in sorted(roster.units.items())
            if code > listing.last
            and partner in (None, unit.partner)
            and roster.partners[unit.partner].live == principal.live
        ]
        return listing.page(rows[: listing.limit + 1], unit_view, lambda unit: (unit.code,))

    def get(self, code: str) -> Reply:
        """One unit."""
        principal = self._door.caller(Scope.UNITS_READ)
        roster = self._door.catalogue().roster
        unit = roster.units.get(code)
        if unit is None or roster.partners[unit.partner].live != principal.live:
            raise NotFound("There is no such unit.")
        return self._door.shown(unit_view(unit))

    def add(self) -> Reply:
        """A unit of the partner that its code begins with."""
        principal = self._door.operator(Scope.UNITS_WRITE)
        body = loaded(_UNIT, json_body())
        code, scale = str(body["code"]), body["scale"]
        assert isinstance(scale, int)
        unit = Unit(
            code=code,
            partner=code.partition(".")[0],
            name=str(body["name"]),
            scale=scale,
            kind=str(body["kind"]),
            currency=str(body.get("currency", "")),
            hosted=bool(body.get("hosted", False)),
        )

        def effect(work: Work, now: datetime) -> Answer:
            if agreements.is_live(work, partner=unit.partner) != principal.live:
                raise PartnerMissing(f"There is no partner {unit.partner}; add it first.", partner=unit.partner)
            if unit.hosted:
                partner = agreements.get_partner(work, unit.partner)
                self._door.services.programmes.require_rules(partner, unit)
            agreements.add_unit(work, unit, actor=principal.actor, now=now)
            return shown_answer(unit_view(unit), f"{_ROUTE}/{unit.code}", status=201)

        return self._door.perform(principal, "units", effect, body)
