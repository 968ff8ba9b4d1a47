"""Steps in the life of a thing over HTTP: `POST /v1/things/{id}/step`, each a line of a table.

Knows how a step is asked and answered. What it does, and what it checks, is the core's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from flask import Flask, request
from marshmallow import Schema

from hub.access.types import Principal
from hub.gateway.door import Door
from hub.gateway.etags import require_match, tag_of
from hub.gateway.idempotency import Answer
from hub.gateway.parsing import idempotency_key, json_body, loaded
from hub.gateway.rendering import compact
from hub.gateway.replies import Reply
from hub.storage import Work

View = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Step:
    """What a step is taken with: the body as its schema loaded it, who takes it, when, and under which key."""

    body: Mapping[str, object]
    principal: Principal
    now: datetime
    key: str

    @property
    def actor(self) -> str:
        """Who, in the audit log and in the rule of the second person."""
        return self.principal.actor

    def text(self, name: str) -> str:
        """A field of the body, empty when it was not sent."""
        return str(self.body.get(name, ""))


@dataclass(frozen=True, slots=True)
class Move:
    """One step. name: the last part of its address. by_partner: whether partners take it, not operators.

    edits: whether it overwrites what somebody may have changed meanwhile, so that If-Match is needed.
    """

    name: str
    scope: str
    schema: Schema
    act: Callable[[Work, str, Step], None]
    by_partner: bool = False
    edits: bool = False


class Moves:
    """The steps of one kind of thing.

    route: address of its list. read: the thing as this caller may see it now; raises when there is none for it.
    check: what an id has to look like; raises when nothing has such an id. variable: what the id is called.
    """

    def __init__(
        self,
        door: Door,
        route: str,
        *,
        read: Callable[[Work, str, Principal], View],
        check: Callable[[str], str],
        variable: str = "id",
    ) -> None:
        self._door = door
        self._variable = variable
        self._route = route
        self._read = read
        self._check = check

    def register(self, app: Flask, name: str, moves: tuple[Move, ...]) -> None:
        """Add a route for each. name: of the thing in the names of the routes."""
        for move in moves:
            path = f"{self._route}/<{self._variable}>/{move.name}"
            view = self._view(name, move)
            app.add_url_rule(path, f"{name}.{move.name}", view, methods=["POST"], provide_automatic_options=False)

    def _view(self, name: str, move: Move) -> Callable[..., Reply]:
        def view(**address: str) -> Reply:
            principal = (self._door.for_partner if move.by_partner else self._door.operator)(move.scope)
            body = loaded(move.schema, json_body())
            known = self._check(address[self._variable])
            key = idempotency_key(request.environ)
            expected = self._door.expected() if move.edits else None

            def effect(work: Work, now: datetime) -> Answer:
                before = self._read(work, known, principal)
                if expected is not None:
                    require_match(expected, compact(before))
                move.act(work, known, Step(body, principal, now, key))
                return shown_answer(self._read(work, known, principal), f"{self._route}/{known}")

            return self._door.perform(principal, f"{name}.{move.name}", effect, body)

        return view


def shown_answer(view: View, location: str, *, status: int = 200) -> Answer:
    """A thing after it was made or changed, with its entity tag."""
    body = compact(view)
    return Answer(status, body, location, tag=tag_of(body))
