"""`/v1/events`: the log of what a partner is told by webhooks, to be read at its own pace.

Knows filters and where to go on. Numbering and delivery are the worker's.
"""

from flask import Flask

from hub.access.scopes import Scope
from hub.access.types import Principal
from hub.gateway.door import Door
from hub.gateway.paging import Listing
from hub.gateway.parsing import checked_id, instant
from hub.gateway.refusals import ValidationFailed
from hub.gateway.replies import Reply
from hub.storage import Work
from hub.webhooks.catalogue import is_known
from hub.webhooks.numbering import NumberedEvent, event_view
from hub.webhooks.reading import EventMissing, EventsSought, get_event, list_events
from schemas.base import FieldProblem

_FILTERS = ("partner", "type", "subject", "since", "until", "after")


class EventRoutes:
    """Two routes. A program keeps the id of the last event it has dealt with, and asks for what came `after`."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, view in (("/v1/events", self.list), ("/v1/events/<id>", self.get)):
            app.add_url_rule(path, f"events.{view.__name__}", view, methods=["GET"], provide_automatic_options=False)

    def list(self) -> Reply:
        """Events in the order of the log."""
        principal = self._door.caller(Scope.EVENTS_READ)
        listing = self._door.listing(_FILTERS)
        sought = EventsSought(
            partner=_partner(listing, principal),
            live=principal.live,
            type=_type(listing),
            subject=listing.get("subject"),
            since=instant(listing.filters, "since"),
            until=instant(listing.filters, "until"),
        )
        with self._door.reading(principal) as work:
            after = _after(work, listing, sought)
            rows = list_events(work, sought, after=after, limit=listing.limit + 1)
        return listing.page(rows, event_view, lambda event: (str(event.number),))

    def get(self, id: str) -> Reply:
        """One event."""
        principal = self._door.caller(Scope.EVENTS_READ)
        with self._door.reading(principal) as work:
            return self._door.shown(event_view(get_event(work, checked_id(id), live=principal.live)))


def _partner(listing: Listing, principal: Principal) -> str:
    """Whose log: a partner reads its own, an operator says which."""
    named = listing.get("partner") or principal.partner
    if not named:
        raise ValidationFailed([FieldProblem("?partner", "missing", "Say whose: every partner has a log of its own.")])
    return named


def _type(listing: Listing) -> str | None:
    type_ = listing.get("type")
    if type_ is not None and not is_known(type_):
        raise ValidationFailed([FieldProblem("?type", "invalid", "There are no events of this type.")])
    return type_


def _after(work: Work, listing: Listing, sought: EventsSought) -> int:
    """The number to go on after. Raises: EventMissing, for an id that is not in this log (any more)."""
    if listing.last:
        return int(listing.last)
    id = listing.get("after")
    if id is None:
        return 0
    found: NumberedEvent = get_event(work, id, live=sought.live)
    if found.partner != sought.partner:
        raise EventMissing("There is no such event in this partner's log.")
    return found.number
