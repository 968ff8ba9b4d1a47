"""`/v1/audit`: who did what, newest first, for the hub's operators."""

from flask import Flask

from hub.access.scopes import Scope
from hub.audit import AuditEntry, Sought, find
from hub.gateway.door import Door
from hub.gateway.parsing import instant
from hub.gateway.rendering import audit_view
from hub.gateway.replies import Reply

_FILTERS = ("actor", "action", "subject", "since", "until")


class AuditRoutes:
    """One route. The log is one for the whole hub, test and live."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the route."""
        app.add_url_rule("/v1/audit", "audit.list", self.list, methods=["GET"], provide_automatic_options=False)

    def list(self) -> Reply:
        """Entries, newest first."""
        principal = self._door.operator(Scope.AUDIT_READ)
        listing = self._door.listing(_FILTERS)
        sought = Sought(
            actor=listing.get("actor"),
            action=listing.get("action"),
            subject=listing.get("subject"),
            since=instant(listing.filters, "since"),
            until=instant(listing.filters, "until"),
        )
        before = int(listing.last) if listing.last else None
        with self._door.reading(principal) as work:
            rows = find(work, sought, before=before, limit=listing.limit + 1)
        return listing.page(rows, audit_view, _position)


def _position(entry: AuditEntry) -> tuple[str, ...]:
    return (str(entry.number),)
