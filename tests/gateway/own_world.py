"""Members with tokens of their own, for tests of what members see and do."""

from werkzeug.test import TestResponse

from hub.access.grants import Consent, open_grant
from hub.access.people import add_member_person
from hub.access.scopes import MEMBER_SCOPES
from hub.members.service import add_member, open_link, record_validation
from hub.members.types import NewLink
from partners.base import Done, MemberValidation
from tests.gateway.contract_client import World
from tests.gateway.oauth_world import CHALLENGE, REDIRECT, App, app_of

ALL = tuple(sorted(MEMBER_SCOPES))


def own_app(world: World) -> App:
    """An app of aerojet that may do everything that members do."""
    return app_of(world, scopes=ALL)


def member_token(world: World, app: App, member: str, *, scopes: tuple[str, ...] = ALL) -> str:
    """An access token of this member by this app, from a code."""
    with world.database.work() as work:
        person = add_member_person(work, member, now=world.services.clock.now())
        consent = Consent(app.id, person.kind, person.id, scopes, REDIRECT, CHALLENGE, "")
        code = open_grant(work, consent, now=world.services.clock.now())
    return str(app.redeem(code).json["access_token"])  # type: ignore[index]


def linked_member(world: World, reference: str) -> str:
    """Another member of aerojet, linked at aerojet and staywell."""
    now = world.services.clock.now()
    with world.database.work() as work:
        member = add_member(work, reference=reference, partner="aerojet", now=now)
        for partner in ("aerojet", "staywell"):
            new = NewLink(member, partner, f"{reference}-{partner}", ".+", "hub")
            link = open_link(work, new, now=now)
            record_validation(work, link.id, MemberValidation(Done("ok")), now=now)
    return member


class Own:
    """A member's app: asks with the member's token, each request under a key of its own."""

    def __init__(self, world: World, token: str) -> None:
        self._world, self._token, self._keys = world, token, 0

    def ask(self, method: str, path: str, body: object = None, *, key: str = "") -> TestResponse:
        """One request."""
        self._keys += 1
        headers = {"Authorization": f"Bearer {self._token}"}
        if method != "GET":
            headers["Idempotency-Key"] = key or f"own-{self._token[-12:]}-{self._keys}"
        if body is None:
            return self._world.client().open(path, method=method, headers=headers)
        return self._world.client().open(path, method=method, json=body, headers=headers)
