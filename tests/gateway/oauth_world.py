"""Apps, people and proofs for the tests of the authorization server; each shows only what matters to a test."""

import base64
import hashlib
import json
import uuid
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey
from werkzeug.test import TestResponse

from hub.access.grants import Consent, open_grant
from hub.access.people import Person, add_member_person
from hub.access.service import register_client
from hub.access.types import AuthMethod, CallerKind, ClientDraft, Profile
from tests.gateway.contract_client import ISSUER, World

REDIRECT = "https://app.example/callback"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

Key = ECKey | RSAKey | OKPKey


@dataclass
class App:
    """A registered app and what it proves itself with."""

    world: World
    id: str
    secret: str
    key: ECKey | None

    def credentials(self) -> dict[str, str]:
        """What it sends to authenticate, fresh each time."""
        if self.key is not None:
            text = assertion(self.world, self.key, self.id)
            return {"client_id": self.id, "client_assertion_type": ASSERTION, "client_assertion": text}
        return {"client_id": self.id, **({"client_secret": self.secret} if self.secret else {})}

    def post(self, path: str, headers: dict[str, str] | None = None, **form: str) -> TestResponse:
        """POST a form to an endpoint of OAuth as this app."""
        return self.world.client().post(path, data={**self.credentials(), **form}, headers=headers)

    def redeem(self, code: str, headers: dict[str, str] | None = None, **changed: str) -> TestResponse:
        """Ask for the tokens of a code."""
        form = {"code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER, **changed}
        return self.post("/oauth/token", headers, grant_type="authorization_code", **form)

    def refresh(self, token: str, headers: dict[str, str] | None = None, **form: str) -> TestResponse:
        """Ask for new tokens."""
        return self.post("/oauth/token", headers, grant_type="refresh_token", refresh_token=token, **form)


def app_of(world: World, **changed: Any) -> App:
    """A member app of aerojet, public unless `changed` says otherwise."""
    key = ECKey.generate_key("P-256") if changed.get("auth") is AuthMethod.PRIVATE_KEY_JWT else None
    fields: dict[str, Any] = {
        "partner": "aerojet",
        "auth": AuthMethod.NONE,
        "scopes": ("member:convert", "member:read"),
        "live": False,
        "name": "Pocket Miles",
        "people": CallerKind.MEMBER,
        "redirect_uris": (REDIRECT,),
        "jwks": json.dumps({"keys": [key.as_dict(private=False)]}) if key else "",
        **changed,
    }
    with world.database.work() as work:
        made = register_client(work, ClientDraft(**fields), actor="alice", now=world.services.clock.now())
    return App(world, made.id, made.secret, key)


def strict_app(world: World) -> App:
    """A member app of profile fapi2."""
    return app_of(world, auth=AuthMethod.PRIVATE_KEY_JWT, profile=Profile.FAPI2)


def member_of(world: World) -> Person:
    """The world's member, who can sign in."""
    with world.database.work() as work:
        return add_member_person(work, world.member, now=world.services.clock.now())


def code_for(world: World, app: App, *, scopes: tuple[str, ...] = ("member:read",), bound_to: str = "") -> str:
    """A code as the consent page hands it out."""
    person = member_of(world)
    consent = Consent(app.id, person.kind, person.id, scopes, REDIRECT, CHALLENGE, bound_to)
    with world.database.work() as work:
        return open_grant(work, consent, now=world.services.clock.now())


def tokens_for(world: World, app: App, **proven: Any) -> dict[str, Any]:
    """The tokens of a fresh consent."""
    response = app.redeem(code_for(world, app), **proven)
    assert response.status_code == 200, response.get_data(as_text=True)
    found: dict[str, Any] = response.json
    return found


def assertion(world: World, key: ECKey, client: str) -> str:
    """A client's signed assertion."""
    now = int(world.services.clock.now().timestamp())
    claims = {"iss": client, "sub": client, "aud": ISSUER, "jti": uuid.uuid4().hex, "iat": now, "exp": now + 60}
    return jwt.encode({"alg": "ES256"}, claims, key)


def thumb(token: str) -> str:
    """`ath` of a token."""
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()


def proof(
    world: World,
    key: Key,
    *,
    method: str = "POST",
    path: str = "/oauth/token",
    token: str = "",
    header: dict[str, Any] | None = None,
    alg: str = "ES256",
    **changed: Any,
) -> dict[str, str]:
    """A DPoP header; None takes a claim away."""
    claims: dict[str, Any] = {
        "htm": method,
        "htu": ISSUER + path,
        "iat": int(world.services.clock.now().timestamp()),
        "jti": uuid.uuid4().hex,
        **({"ath": thumb(token)} if token else {}),
        **changed,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    full = {"alg": alg, "typ": "dpop+jwt", "jwk": key.as_dict(private=False), **(header or {})}
    return {"DPoP": jwt.encode(full, kept, key, algorithms=[alg])}
