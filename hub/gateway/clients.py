"""`/v1/clients`: operators look after the programs by which partners call.

The hub's own clients are only made at the command line: whoever could make one here would be two persons at once.
"""

from collections.abc import Mapping
from datetime import datetime

from flask import Flask

from hub.access import service as access
from hub.access.clients import ClientMissing
from hub.access.scopes import Scope
from hub.access.types import AuthMethod, Client, NewClient, Principal
from hub.agreements import service as agreements
from hub.agreements.refusals import PartnerMissing
from hub.gateway.door import Door
from hub.gateway.idempotency import Answer
from hub.gateway.moving import Move, Moves, Step
from hub.gateway.parsing import checked_id, json_body, loaded
from hub.gateway.refusals import ClientOfHub
from hub.gateway.rendering import client_view, compact
from hub.gateway.replies import Reply
from hub.storage import Work
from schemas.clients import ClientRequest
from schemas.conversions import NothingRequest

_ROUTE = "/v1/clients"
_CLIENT = ClientRequest()
_NOTHING = NothingRequest()


class ClientRoutes:
    """A secret is shown once, in the answer that made it; a repeat of the request is answered without it."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, method, view in (
            (_ROUTE, "GET", self.list),
            (_ROUTE, "POST", self.add),
            (f"{_ROUTE}/<id>", "GET", self.get),
            (f"{_ROUTE}/<id>/rotate", "POST", self.rotate),
        ):
            name = f"clients.{view.__name__}"
            app.add_url_rule(path, name, view, methods=[method], provide_automatic_options=False)
        scope = Scope.CLIENTS_WRITE
        moves = Moves(self._door, _ROUTE, read=self._seen, check=checked_id)
        moves.register(app, "clients", (Move("stop", scope, _NOTHING, _stop), Move("start", scope, _NOTHING, _start)))

    def list(self) -> Reply:
        """Clients by id."""
        principal = self._door.operator(Scope.CLIENTS_READ)
        listing = self._door.listing(("partner",))
        partner = listing.get("partner")
        with self._door.reading(principal) as work:
            clients = access.list_clients(work, now=self._door.services.clock.now())
        rows = [one for one in clients if one.live == principal.live and partner in (None, one.partner)]
        rest = [one for one in rows if one.id > listing.last]
        return listing.page(rest[: listing.limit + 1], client_view, lambda client: (client.id,))

    def get(self, id: str) -> Reply:
        """One client."""
        principal = self._door.operator(Scope.CLIENTS_READ)
        with self._door.reading(principal) as work:
            return self._door.shown(self._seen(work, checked_id(id), principal))

    def add(self) -> Reply:
        """A client of a partner; its secret is shown this once."""
        principal = self._door.operator(Scope.CLIENTS_WRITE)
        body = loaded(_CLIENT, json_body())
        partner, scopes = str(body["partner"]), body["scopes"]
        assert isinstance(scopes, list)

        def effect(work: Work, now: datetime) -> Answer:
            if agreements.is_live(work, partner=partner) != principal.live:
                raise PartnerMissing(f"There is no partner {partner}.", partner=partner)
            made = access.add_client(
                work,
                partner=partner,
                auth=AuthMethod(str(body["auth"])),
                jwks=str(body.get("jwks", "")),
                scopes=scopes,
                live=principal.live,
                actor=principal.actor,
                now=now,
            )
            return self._told(work, made, principal, status=201)

        return self._door.perform(principal, "clients", effect, body)

    def rotate(self, id: str) -> Reply:
        """A new secret, shown this once; the old one stays good for a day."""
        principal = self._door.operator(Scope.CLIENTS_WRITE)
        body, known = loaded(_NOTHING, json_body()), checked_id(id)

        def effect(work: Work, now: datetime) -> Answer:
            _require_partners(self._client(work, known, principal))
            made = access.rotate_secret(work, known, actor=principal.actor, now=now)
            return self._told(work, made, principal, status=200)

        return self._door.perform(principal, "clients.rotate", effect, body)

    def _client(self, work: Work, id: str, principal: Principal) -> Client:
        client = access.get_client(work, id, now=self._door.services.clock.now())
        if client.live != principal.live:
            raise ClientMissing("There is no such client.")
        return client

    def _seen(self, work: Work, id: str, principal: Principal) -> Mapping[str, object]:
        return client_view(self._client(work, id, principal))

    def _told(self, work: Work, made: NewClient, principal: Principal, *, status: int) -> Answer:
        """The client with its secret, and what a repeat is answered with: the same without it."""
        view = self._seen(work, made.id, principal)
        kept = compact({**view, "secret": None})
        return Answer(status, compact({**view, "secret": made.secret or None}), f"{_ROUTE}/{made.id}", body_kept=kept)


def _require_partners(client: Client) -> None:
    """Raises: ClientOfHub."""
    if not client.partner:
        raise ClientOfHub("The hub's own clients are looked after at the command line.")


def _stop(work: Work, id: str, step: Step) -> None:
    """Any client, the hub's own too: whoever sees that one is misused stops it."""
    access.stop_client(work, id, actor=step.actor, now=step.now)


def _start(work: Work, id: str, step: Step) -> None:
    _require_partners(access.get_client(work, id, now=step.now))
    access.start_client(work, id, actor=step.actor, now=step.now)
