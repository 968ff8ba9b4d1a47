"""`/v1/partners/{code}/notifications`, where partners send, and `/v1/notifications`, where people look after it.

Knows headers, raw bytes and answers. What proves a notification, and what becomes of it, is the core's.
"""

from collections.abc import Mapping
from urllib.parse import quote

from flask import Flask, request

from hub.access.scopes import Scope
from hub.access.types import Principal
from hub.gateway.door import Door
from hub.gateway.moving import Move, Moves, Step
from hub.gateway.parsing import checked_id, chosen, raw_body
from hub.gateway.refusals import MediaTypeUnsupported
from hub.gateway.rendering import notification_view
from hub.gateway.replies import Reply, json_reply
from hub.kernel.errors import HubError
from hub.kernel.limits import BODY_BYTES_MAX
from hub.notifications import service as notifications
from hub.notifications.refusals import NotificationMissing, SignatureMissing
from hub.notifications.states import NotificationState
from hub.notifications.types import Incoming, Proven, Received
from hub.storage import Work
from partners.signatures import SignatureInvalid
from schemas.conversions import NothingRequest
from schemas.moves import ReasonRequest

_NOTHING = NothingRequest()
_REASON = ReasonRequest()

_SIGNATURES = ("webhook-signature", "signature")


class NotificationRoutes:
    """A sender needs no token: its signature says who it is, and its address whose keys are asked."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, method, view in (
            ("/v1/partners/<code>/notifications", "POST", self.take),
            ("/v1/notifications", "GET", self.list),
            ("/v1/notifications/<id>", "GET", self.get),
        ):
            name = f"notifications.{view.__name__}"
            app.add_url_rule(path, name, view, methods=[method], provide_automatic_options=False)
        moves = Moves(self._door, "/v1/notifications", read=self._seen, check=checked_id)
        scope = Scope.NOTIFICATIONS_WRITE
        moves.register(
            app, "notifications", (Move("retry", scope, _NOTHING, _retry), Move("dismiss", scope, _REASON, _dismiss))
        )

    def take(self, code: str) -> Reply:
        """Keep a genuine notification and thank for it; one that is kept already is thanked for again."""
        try:
            proven = self._proven(code)
            self._door.limiter.take(f"notifications {code}")
            stored = self._door.writing.store(proven)
        except HubError as refusal:
            known = self._door.services.senders(code) is not None
            self._door.metrics.refuse_notification(code if known else "unknown", refusal.code)
            raise
        reply = json_reply({"id": stored.id}, 202 if stored.fresh else 200)
        reply.add("Location", f"{self._door.services.public_url}/v1/notifications/{stored.id}")
        return reply

    def list(self) -> Reply:
        """Notifications of the caller's partner, or of all for operators; newest first."""
        principal = self._door.caller(Scope.NOTIFICATIONS_READ)
        listing = self._door.listing(("partner", "state"))
        state = chosen(listing.filters, "state", NotificationState)
        with self._door.reading(principal) as work:
            rows = notifications.list_received(
                work,
                partner=listing.get("partner"),
                state=state,
                live=principal.live,
                before=listing.last,
                limit=listing.limit + 1,
            )
        return listing.page(rows, notification_view, lambda one: (one.id,))

    def get(self, id: str) -> Reply:
        """One notification, with what was sent."""
        principal = self._door.caller(Scope.NOTIFICATIONS_READ)
        with self._door.reading(principal) as work:
            return self._door.shown(self._seen(work, checked_id(id), principal))

    def _proven(self, code: str) -> Proven:
        """Raises: MediaTypeUnsupported, BodyTooLarge, and what `notifications.prove` raises."""
        if request.environ.get("HTTP_CONTENT_ENCODING", "identity") != "identity":
            raise MediaTypeUnsupported("Send the body as it is signed, without a Content-Encoding.")
        body = raw_body(bytes_max=BODY_BYTES_MAX)
        services, headers = self._door.services, _headers()
        if not any(headers.get(name) for name in _SIGNATURES):
            raise SignatureMissing("Notifications are signed; this one carries no signature.")
        sender = services.senders(code)
        if sender is None:
            # Whoever cannot prove anything learns nothing either, not even which partners there are.
            raise SignatureInvalid("No signature of this notification holds with a key of this partner.")
        now = services.clock.now()
        with services.database.read() as work:
            keys = notifications.good_keys(work, services.vault, sender, now=now)
        return notifications.prove(sender, keys, Incoming(self._address(), headers, body), now=now)

    def _address(self) -> str:
        """As the sender has it: the published one, never a Host header's."""
        environ = request.environ
        query = f"?{environ['QUERY_STRING']}" if environ["QUERY_STRING"] else ""
        return self._door.services.public_url + quote(environ["PATH_INFO"]) + query

    def _seen(self, work: Work, id: str, principal: Principal) -> Mapping[str, object]:
        """Raises: NotificationMissing."""
        found = notifications.get(work, id)
        if principal.partner not in ("", found.partner) or not self._is_of(found, principal):
            raise NotificationMissing("There is no such notification.")
        body = notifications.body_of(work, self._door.services.vault, id)
        return {**notification_view(found), "body": body.decode("utf-8", "replace")}

    def _is_of(self, found: Received, principal: Principal) -> bool:
        partner = self._door.services.senders(found.partner)
        return partner is None or partner.live == principal.live


def _headers() -> Mapping[str, str]:
    environ = request.environ
    headers = {
        name[5:].replace("_", "-").lower(): str(value) for name, value in environ.items() if name.startswith("HTTP_")
    }
    return {**headers, "content-type": str(environ.get("CONTENT_TYPE", ""))}


def _retry(work: Work, id: str, step: Step) -> None:
    notifications.retry(work, id, actor=step.actor, now=step.now)


def _dismiss(work: Work, id: str, step: Step) -> None:
    notifications.dismiss(work, id, reason=step.text("reason"), actor=step.actor, now=step.now)
