"""`/v1/statements`: what settlement windows came to, for the partner whose they are."""

from flask import Flask

from hub.access.scopes import Scope
from hub.gateway.door import Door
from hub.gateway.parsing import checked_id
from hub.gateway.replies import Reply
from hub.kernel.clock import parse_rfc3339, rfc3339
from hub.settlement import store
from hub.settlement.types import Statement

_FILTERS = ("partner",)


class StatementRoutes:
    """Two routes. A statement is shown byte for byte as it was issued, so that its digest can be checked."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, view in (("/v1/statements", self.list), ("/v1/statements/<id>", self.get)):
            name = f"statements.{view.__name__}"
            app.add_url_rule(path, name, view, methods=["GET"], provide_automatic_options=False)

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


def _view(one: Statement) -> dict[str, object]:
    return {
        "id": one.id,
        "window": one.window,
        "calendar": one.calendar,
        "number": one.number,
        "partner": one.partner,
        "due_on": one.due_on.isoformat(),
        "sha256": one.digest.hex(),
        "stated_at": rfc3339(one.stated_at),
    }
