"""`/v1/statements`: what settlement windows came to, for the partner whose they are."""

from datetime import datetime

from flask import Flask

from hub.access.scopes import Scope
from hub.gateway.door import Door
from hub.gateway.idempotency import Answer
from hub.gateway.moving import shown_answer
from hub.gateway.parsing import checked_id, json_body, loaded
from hub.gateway.replies import Reply
from hub.kernel.clock import parse_rfc3339, rfc3339
from hub.reports.books import render_statement
from hub.reports.objections import objection_view
from hub.settlement import objections, store
from hub.settlement import service as settlement
from hub.settlement.types import LineChoice, Statement
from hub.storage import Work
from schemas.conversions import NothingRequest
from schemas.settlement import ObjectionRequest

_ROUTE = "/v1/statements"
_NOTHING = NothingRequest()
_OBJECTION = ObjectionRequest()
_FILTERS = ("partner",)


class StatementRoutes:
    """A statement is shown byte for byte as it was issued, so that its digest can be checked; partners answer it."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, method, view in (
            (_ROUTE, "GET", self.list),
            (f"{_ROUTE}/<id>", "GET", self.get),
            (f"{_ROUTE}/<id>/acknowledgement", "POST", self.acknowledge),
            (f"{_ROUTE}/<id>/objections", "GET", self.objections),
            (f"{_ROUTE}/<id>/objections", "POST", self.object),
        ):
            name = f"statements.{view.__name__}"
            app.add_url_rule(path, name, view, methods=[method], provide_automatic_options=False)

    def list(self) -> Reply:
        """The partner's statements, newest first; an operator's list has those of all partners, or of one."""
        principal = self._door.caller(Scope.SETTLEMENTS_READ)
        listing = self._door.listing(_FILTERS)
        after = (parse_rfc3339(listing.after[0]), listing.after[1]) if listing.after else None
        partner = listing.get("partner") or ""
        with self._door.reading(principal) as work:
            rows = store.statements_of(work, partner, live=principal.live, after=after, limit=listing.limit + 1)
        return listing.page(rows, _view, lambda one: (rfc3339(one.stated_at), one.id))

    def get(self, id: str) -> Reply:
        """One statement, as it was issued."""
        principal = self._door.caller(Scope.SETTLEMENTS_READ)
        with self._door.reading(principal) as work:
            found = store.statement_by_id(work, checked_id(id), live=principal.live)
        return self._door.shown_as_kept(found.document)

    def acknowledge(self, id: str) -> Reply:
        """Accept a statement."""
        principal = self._door.for_partner(Scope.SETTLEMENTS_WRITE)
        known = checked_id(id)
        body = loaded(_NOTHING, json_body())

        def effect(work: Work, now: datetime) -> Answer:
            found = settlement.acknowledge(
                work, known, partner=principal.partner, live=principal.live, actor=principal.actor, now=now
            )
            return shown_answer(_view(found), f"{_ROUTE}/{known}")

        return self._door.perform(principal, "statements.acknowledgement", effect, body)

    def objections(self, id: str) -> Reply:
        """What was objected to in one statement."""
        principal = self._door.caller(Scope.SETTLEMENTS_READ)
        with self._door.reading(principal) as work:
            found = store.statement_by_id(work, checked_id(id), live=principal.live)
            views = [objection_view(work, one) for one in objections.listed(work, statement=found.id)]
        return self._door.shown({"data": views})

    def object(self, id: str) -> Reply:
        """Dispute lines of a statement."""
        principal = self._door.for_partner(Scope.SETTLEMENTS_WRITE)
        known = checked_id(id)
        body = loaded(_OBJECTION, json_body())
        lines = body["lines"]
        assert isinstance(lines, list)
        choices = [LineChoice(**line) for line in lines]

        def effect(work: Work, now: datetime) -> Answer:
            made = settlement.object_to(
                work,
                known,
                choices,
                render_statement,
                partner=principal.partner,
                live=principal.live,
                reason=str(body["reason"]),
                actor=principal.actor,
                now=now,
            )
            return shown_answer(objection_view(work, made), f"{_ROUTE}/{known}/objections", status=201)

        return self._door.perform(principal, "statements.objections", effect, body)


def _view(one: Statement) -> dict[str, object]:
    return {
        "id": one.id,
        "window": one.window,
        "calendar": one.calendar,
        "number": one.number,
        "partner": one.partner,
        "revision": one.revision,
        "replaced": one.replaced,
        "acknowledged_at": rfc3339(one.acknowledged_at) if one.acknowledged_at else None,
        "due_on": one.due_on.isoformat(),
        "sha256": one.digest.hex(),
        "stated_at": rfc3339(one.stated_at),
    }
