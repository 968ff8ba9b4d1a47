"""`/v1/webhook-deliveries`: what was sent where, what came back, and what never arrived."""

from collections.abc import Mapping

from flask import Flask

from hub.access.scopes import Scope
from hub.access.types import Principal
from hub.gateway.door import Door
from hub.gateway.moving import Move, Moves, Step
from hub.gateway.parsing import checked_id, chosen, instant
from hub.gateway.replies import Reply
from hub.gateway.webhook_rendering import delivery_log_view, delivery_view
from hub.kernel.clock import parse_rfc3339, rfc3339
from hub.storage import Work
from hub.webhooks import service as webhooks
from hub.webhooks.refusals import DeliveryMissing
from hub.webhooks.states import DeliveryState
from hub.webhooks.types import WebhookDelivery
from schemas.conversions import NothingRequest

_ROUTE = "/v1/webhook-deliveries"


class WebhookDeliveryRoutes:
    """Dead letters are the deliveries in state `exhausted`."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, view in ((_ROUTE, self.list), (f"{_ROUTE}/<id>", self.get)):
            name = f"webhook_deliveries.{view.__name__}"
            app.add_url_rule(path, name, view, methods=["GET"], provide_automatic_options=False)
        moves = Moves(self._door, _ROUTE, read=_seen, check=checked_id)
        replay = Move("replay", Scope.WEBHOOKS_WRITE, NothingRequest(), _replay, by_partner=True)
        moves.register(app, "webhook_deliveries", (replay,))

    def list(self) -> Reply:
        """Deliveries, newest first."""
        principal = self._door.caller(Scope.WEBHOOKS_READ)
        listing = self._door.listing(("partner", "endpoint", "state", "type", "subject", "since", "until"))
        sought = webhooks.DeliveriesSought(
            live=principal.live,
            partner=listing.get("partner"),
            endpoint=listing.get("endpoint"),
            state=chosen(listing.filters, "state", DeliveryState),
            type=listing.get("type"),
            subject=listing.get("subject"),
            since=instant(listing.filters, "since"),
            until=instant(listing.filters, "until"),
        )
        after = (parse_rfc3339(listing.after[0]), listing.after[1]) if listing.after else None
        with self._door.reading(principal) as work:
            rows = webhooks.list_deliveries(work, sought, after=after, limit=listing.limit + 1)
        return listing.page(rows, delivery_view, lambda one: (rfc3339(one.created_at), one.id))

    def get(self, id: str) -> Reply:
        """One delivery with its event and its attempts."""
        principal = self._door.caller(Scope.WEBHOOKS_READ)
        with self._door.reading(principal) as work:
            found = _found(work, checked_id(id), principal)
            event = webhooks.event_of_delivery(work, found)
            return self._door.shown(delivery_log_view(found, event, webhooks.attempts(work, found.id)))


def _found(work: Work, id: str, principal: Principal) -> WebhookDelivery:
    """Raises: DeliveryMissing."""
    delivery = webhooks.get_delivery(work, id, live=principal.live)
    if principal.partner not in ("", delivery.partner):
        raise DeliveryMissing("There is no such delivery.")
    return delivery


def _seen(work: Work, id: str, principal: Principal) -> Mapping[str, object]:
    return delivery_view(_found(work, id, principal))


def _replay(work: Work, id: str, step: Step) -> None:
    webhooks.replay_one(work, id, now=step.now)
