"""`/v1/partners`: who takes part; operators add partners, edit them, move them, stop them and start them again."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from flask import Flask

from hub.access.scopes import Scope
from hub.access.types import Principal
from hub.agreements import service as agreements
from hub.agreements.refusals import PartnerMissing
from hub.agreements.types import Direction, NewPartner, Partner, PartnerEdit, PartnerState
from hub.gateway.door import Door
from hub.gateway.etags import require_match
from hub.gateway.idempotency import Answer
from hub.gateway.moving import Move, Moves, Step, shown_answer
from hub.gateway.parsing import json_body, loaded
from hub.gateway.rendering import compact, partner_view
from hub.gateway.replies import Reply
from hub.storage import Work
from schemas import partners as shapes
from schemas.conversions import NothingRequest

_ROUTE = "/v1/partners"
_PARTNER = shapes.PartnerRequest()
_EDIT = shapes.PartnerEditRequest()
_EDITABLE = ("name", "base_url", "token_url", "time_zone")


class PartnerRoutes:
    """A client sees its own kind only, live or test; where a partner is called is for operators to see."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, method, view in (
            (_ROUTE, "GET", self.list),
            (_ROUTE, "POST", self.add),
            (f"{_ROUTE}/<code>", "GET", self.get),
            (f"{_ROUTE}/<code>", "PATCH", self.edit),
        ):
            name = f"partners.{view.__name__}"
            app.add_url_rule(path, name, view, methods=[method], provide_automatic_options=False)
        scope, nothing = Scope.PARTNERS_WRITE, NothingRequest()
        moves = Moves(self._door, _ROUTE, read=_seen, check=str, variable="code")
        moves.register(
            app,
            "partners",
            (
                Move("move", scope, shapes.PartnerMoveRequest(), _move, edits=True),
                Move("stop", scope, shapes.PartnerStopRequest(), _stop),
                Move("propose-start", scope, nothing, _propose_start),
                Move("start", scope, nothing, _start),
            ),
        )

    def list(self) -> Reply:
        """Partners by code."""
        principal = self._door.caller(Scope.PARTNERS_READ)
        listing = self._door.listing()
        partners = self._door.catalogue().roster.partners
        rows = [partners[code] for code in sorted(partners) if code > listing.last]
        seen = [row for row in rows if row.live == principal.live]
        return listing.page(seen[: listing.limit + 1], lambda row: _view(row, principal), lambda row: (row.code,))

    def get(self, code: str) -> Reply:
        """One partner."""
        principal = self._door.caller(Scope.PARTNERS_READ)
        found = self._door.catalogue().roster.partners.get(code)
        if found is None or found.live != principal.live:
            raise PartnerMissing("There is no such partner.")
        return self._door.shown(_view(found, principal))

    def add(self) -> Reply:
        """A test partner takes part at once, a live one starts as a draft."""
        principal = self._door.operator(Scope.PARTNERS_WRITE)
        body = loaded(_PARTNER, json_body())
        texts = {name: str(value) for name, value in body.items()}
        partner = NewPartner(**texts, live=principal.live)

        def effect(work: Work, now: datetime) -> Answer:
            agreements.add_partner(work, partner, actor=principal.actor, now=now)
            return shown_answer(_seen(work, partner.code, principal), f"{_ROUTE}/{partner.code}", status=201)

        return self._door.perform(principal, "partners", effect, body)

    def edit(self, code: str) -> Reply:
        """Change a partner that was seen."""
        principal = self._door.operator(Scope.PARTNERS_WRITE)
        body = loaded(_EDIT, json_body())
        expected = self._door.expected()

        def effect(work: Work, now: datetime) -> Answer:
            require_match(expected, compact(_seen(work, code, principal)))
            known = asdict(agreements.get_partner(work, code)) | body
            edit = PartnerEdit(**{name: str(known[name]) for name in _EDITABLE})
            agreements.edit_partner(work, code, edit, actor=principal.actor, now=now)
            return shown_answer(_seen(work, code, principal), f"{_ROUTE}/{code}")

        return self._door.perform(principal, "partners.edit", effect, body)


def _seen(work: Work, code: str, principal: Principal) -> Mapping[str, object]:
    """A partner of the caller's kind. Raises: PartnerMissing."""
    partner = agreements.get_partner(work, code)
    if partner.live != principal.live:
        raise PartnerMissing("There is no such partner.")
    return _view(partner, principal)


def _view(partner: Partner, principal: Principal) -> Mapping[str, object]:
    if principal.partner:
        return partner_view(partner)
    reached = {"profile": partner.profile, "base_url": partner.base_url or None, "token_url": partner.token_url or None}
    return {**partner_view(partner), **reached}


def _move(work: Work, code: str, step: Step) -> None:
    agreements.move_partner(work, code, PartnerState(step.text("to")), actor=step.actor, now=step.now)


def _stop(work: Work, code: str, step: Step) -> None:
    direction, reason = Direction(step.text("direction")), step.text("reason")
    agreements.stop_partner(work, code, direction, actor=step.actor, reason=reason, now=step.now)


def _propose_start(work: Work, code: str, step: Step) -> None:
    agreements.propose_start(work, code, actor=step.actor, now=step.now)


def _start(work: Work, code: str, step: Step) -> None:
    agreements.start_partner(work, code, actor=step.actor, now=step.now)
