"""`/v1/webhook-endpoints`: where a partner is told of events, looked after by the partner itself."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from flask import Flask

from hub.access.scopes import Scope
from hub.access.types import Principal
from hub.gateway.door import Door
from hub.gateway.etags import require_match
from hub.gateway.idempotency import Answer
from hub.gateway.moving import Move, Moves, Step, shown_answer
from hub.gateway.parsing import as_sent, checked_id, chosen, json_body, loaded
from hub.gateway.rendering import compact
from hub.gateway.replies import Reply
from hub.gateway.webhook_rendering import endpoint_view, with_secrets, without_secrets
from hub.storage import Work
from hub.webhooks import service as webhooks
from hub.webhooks.refusals import EndpointMissing
from hub.webhooks.states import EndpointState, Scheme
from hub.webhooks.types import Endpoint, EndpointDraft, NewSecret, Replaying
from schemas.conversions import NothingRequest
from schemas.moves import ReasonRequest
from schemas.webhooks import EndpointEditRequest, EndpointRequest, ReplayRequest

_ROUTE = "/v1/webhook-endpoints"
_ENDPOINT = EndpointRequest()
_EDIT = EndpointEditRequest()
_REPLAY = ReplayRequest()
_NOTHING = NothingRequest()


class WebhookEndpointRoutes:
    """A secret is shown once, in the answer that made it; a repeat of the request is answered without it."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, method, view in (
            (_ROUTE, "GET", self.list),
            (_ROUTE, "POST", self.add),
            (f"{_ROUTE}/<id>", "GET", self.get),
            (f"{_ROUTE}/<id>", "PATCH", self.edit),
            (f"{_ROUTE}/<id>", "DELETE", self.remove),
            (f"{_ROUTE}/<id>/rotate", "POST", self.rotate),
            (f"{_ROUTE}/<id>/replay", "POST", self.replay),
        ):
            name = f"webhook_endpoints.{view.__name__}"
            app.add_url_rule(path, name, view, methods=[method], provide_automatic_options=False)
        moves = Moves(self._door, _ROUTE, read=self._seen, check=checked_id)
        scope = Scope.WEBHOOKS_WRITE
        moves.register(
            app,
            "webhook_endpoints",
            (
                Move("test", scope, _NOTHING, _test, by_partner=True),
                Move("pause", scope, _NOTHING, _pause, by_partner=True),
                Move("resume", scope, _NOTHING, _resume, by_partner=True),
                Move("disable", Scope.PARTNERS_WRITE, ReasonRequest(), _disable),
            ),
        )

    def list(self) -> Reply:
        """Endpoints in the order in which they were added."""
        principal = self._door.caller(Scope.WEBHOOKS_READ)
        listing = self._door.listing(("partner", "state"))
        with self._door.reading(principal) as work:
            rows = webhooks.list_endpoints(
                work,
                partner=listing.get("partner"),
                state=chosen(listing.filters, "state", EndpointState),
                live=principal.live,
                after=listing.last,
                limit=listing.limit + 1,
            )
        views = self._views(rows)
        return listing.page(rows, lambda one: views[one.id], lambda one: (one.id,))

    def get(self, id: str) -> Reply:
        """One endpoint."""
        principal = self._door.caller(Scope.WEBHOOKS_READ)
        with self._door.reading(principal) as work:
            found = _of(webhooks.get_endpoint(work, checked_id(id)), principal)
        return self._door.shown(self._views([found])[found.id])

    def add(self) -> Reply:
        """A new endpoint; its secrets are shown this once."""
        principal = self._door.for_partner(Scope.WEBHOOKS_WRITE)
        body = loaded(_ENDPOINT, json_body())
        draft = EndpointDraft(**_fields(body))  # type: ignore[arg-type]  # as its schema loaded them
        services = self._door.services

        def effect(work: Work, now: datetime) -> Answer:
            endpoint = webhooks.add_endpoint(
                work,
                principal.partner,
                draft,
                services.destinations,
                live=principal.live,
                actor=principal.actor,
                now=now,
            )
            made = webhooks.issue(work, services.vault, endpoint, now=now)
            return self._told(work, endpoint.id, made, principal, status=201)

        return self._door.perform(principal, "webhook_endpoints", effect, body)

    def edit(self, id: str) -> Reply:
        """Change an endpoint that was seen."""
        principal = self._door.for_partner(Scope.WEBHOOKS_WRITE)
        body, known = loaded(_EDIT, json_body()), checked_id(id)
        expected = self._door.expected()

        def effect(work: Work, now: datetime) -> Answer:
            require_match(expected, compact(self._seen(work, known, principal)))
            destinations = self._door.services.destinations
            webhooks.edit_endpoint(work, known, _fields(body), destinations, actor=principal.actor, now=now)
            webhooks.release(work, [known], now=now)
            return shown_answer(self._seen(work, known, principal), f"{_ROUTE}/{known}")

        return self._door.perform(principal, "webhook_endpoints.edit", effect, body)

    def remove(self, id: str) -> Reply:
        """Forget an endpoint that was seen."""
        principal = self._door.for_partner(Scope.WEBHOOKS_WRITE)
        known, expected = checked_id(id), self._door.expected()

        def effect(work: Work, now: datetime) -> Answer:
            require_match(expected, compact(self._seen(work, known, principal)))
            webhooks.remove_endpoint(work, known, actor=principal.actor, now=now)
            return Answer(204, "")

        return self._door.perform(principal, "webhook_endpoints.remove", effect, {})

    def rotate(self, id: str) -> Reply:
        """New secrets, shown this once; the old ones sign for another day."""
        principal = self._door.for_partner(Scope.WEBHOOKS_WRITE)
        body, known = loaded(_NOTHING, json_body()), checked_id(id)

        def effect(work: Work, now: datetime) -> Answer:
            self._seen(work, known, principal)
            made = webhooks.rotate(work, self._door.services.vault, known, actor=principal.actor, now=now)
            return self._told(work, known, made, principal, status=200)

        return self._door.perform(principal, "webhook_endpoints.rotate", effect, body)

    def replay(self, id: str) -> Reply:
        """Send an endpoint its part of the log again."""
        principal = self._door.for_partner(Scope.WEBHOOKS_WRITE)
        body, known = loaded(_REPLAY, json_body()), checked_id(id)
        since, until = body["since"], body.get("until")
        assert isinstance(since, datetime)
        assert until is None or isinstance(until, datetime)
        asked = Replaying(since, until, all=body.get("what") == "all", after=str(body.get("after", "")))

        def effect(work: Work, now: datetime) -> Answer:
            self._seen(work, known, principal)
            done = webhooks.replay(work, known, asked, now=now)
            return Answer(200, compact({"count": done.count, "next_after": done.next_after}))

        return self._door.perform(principal, "webhook_endpoints.replay", effect, as_sent(body))

    def _views(self, endpoints: Sequence[Endpoint]) -> dict[str, Mapping[str, object]]:
        """What is shown of endpoints that the caller may see; their secrets only the hub itself can read."""
        services = self._door.services
        with services.database.read() as work:
            infos = webhooks.infos(work, [one.id for one in endpoints], now=services.clock.now())
        return {one.id: endpoint_view(one, infos[one.id]) for one in endpoints}

    def _seen(self, work: Work, id: str, principal: Principal) -> Mapping[str, object]:
        """An endpoint of the caller's partner. Raises: EndpointMissing."""
        endpoint = _of(webhooks.get_endpoint(work, id, partner=principal.partner), principal)
        infos = webhooks.infos(work, [id], now=self._door.services.clock.now())
        return endpoint_view(endpoint, infos[id])

    def _told(self, work: Work, id: str, made: Sequence[NewSecret], principal: Principal, *, status: int) -> Answer:
        """The endpoint with its new secrets, and what a repeat is answered with: the same without them."""
        view = self._seen(work, id, principal)
        kept = compact(without_secrets(view, made))
        return Answer(status, compact(with_secrets(view, made)), f"{_ROUTE}/{id}", body_kept=kept)


def _of(endpoint: Endpoint, principal: Principal) -> Endpoint:
    """Raises: EndpointMissing, when it is of the other kind, live or test."""
    if endpoint.live != principal.live:
        raise EndpointMissing("There is no such endpoint.")
    return endpoint


def _fields(body: Mapping[str, object]) -> dict[str, object]:
    """The body's fields as an endpoint has them."""
    found = dict(body)
    for name, kind in (("types", str), ("schemes", Scheme)):
        given = body.get(name)
        if isinstance(given, list):
            found[name] = tuple(kind(one) for one in given)
    return found


def _test(work: Work, id: str, step: Step) -> None:
    webhooks.send_test(work, id, now=step.now)


def _pause(work: Work, id: str, step: Step) -> None:
    webhooks.pause_endpoint(work, id, actor=step.actor, now=step.now)


def _resume(work: Work, id: str, step: Step) -> None:
    webhooks.resume_endpoint(work, id, actor=step.actor, now=step.now)
    webhooks.release(work, [id], now=step.now)


def _disable(work: Work, id: str, step: Step) -> None:
    webhooks.disable_endpoint(work, id, reason=step.text("reason"), actor=step.actor, now=step.now)
