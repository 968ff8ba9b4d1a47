"""Clients that others wrote, against a running server: what they do by themselves is what the hub takes."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import jwt as pyjwt
import pytest
import requests
from jwskate import Jwk
from oauthlib.oauth2 import BackendApplicationClient, InvalidClientError, InvalidGrantError
from requests.auth import HTTPBasicAuth
from requests_oauth2client import DPoPToken, OAuth2Client, PrivateKeyJwt, UnauthorizedClient
from requests_oauth2client.exceptions import InvalidClient
from requests_oauthlib import OAuth2Session
from werkzeug.serving import make_server

from hub.access.guard import Guard
from hub.access.service import add_client
from hub.access.types import AuthMethod, NewClient, Profile
from hub.access.vault import Vault
from hub.gateway.app import stop_app
from hub.kernel.clock import SystemClock
from hub.storage import Database
from tests.gateway.contract_client import MASTER, World, build_world
from tests.gateway.oauth_world import REDIRECT, VERIFIER, app_of, code_for

SCOPES = ("quotes:read", "units:read")
METADATA = "/.well-known/oauth-authorization-server"


class Served:
    """The hub behind a port of this machine, on the clock of this machine."""

    def __init__(self, world: World, url: str) -> None:
        self.world = world
        self.url = url

    def program(self, keys: dict[str, Any] | None = None) -> NewClient:
        """A new program of aerojet. keys: its public key set; None for a secret."""
        with self.world.database.work() as work:
            return add_client(
                work,
                partner="aerojet",
                auth=AuthMethod.PRIVATE_KEY_JWT if keys else AuthMethod.SECRET,
                jwks=json.dumps(keys) if keys else "",
                scopes=SCOPES,
                live=False,
                actor="alice",
                now=self.world.services.clock.now(),
            )

    def discovered(self, **credentials: Any) -> OAuth2Client:
        """requests-oauth2client, told nothing but the address of the metadata."""
        return OAuth2Client.from_discovery_endpoint(self.url + METADATA, issuer=self.url, testing=True, **credentials)


@pytest.fixture
def served(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # the client's own guard; this is the machine itself
    clock = SystemClock()
    world = build_world(database, clock)
    server = make_server("127.0.0.1", 0, world.app, threaded=True)
    url = f"http://127.0.0.1:{server.server_port}"
    here = world.restarted(public_url=url, guard=Guard(database, Vault(MASTER), clock, issuer=url))
    server.app = here.app
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Served(here, url)
    server.shutdown()
    thread.join()
    stop_app(here.app)
    stop_app(world.app)


def key_with(alg: str) -> tuple[Jwk, dict[str, Any]]:
    """A private key and its public key set."""
    key = Jwk.generate(alg=alg).with_kid_thumbprint()
    return key, {"keys": [dict(key.public_jwk())]}


def test_requests_oauthlib_gets_a_token_with_its_secret_in_either_place_and_uses_it(served: Served) -> None:
    made = served.program()

    for given in (
        {"auth": HTTPBasicAuth(made.id, made.secret)},
        {"client_secret": made.secret, "include_client_id": True},
    ):
        session = OAuth2Session(client=BackendApplicationClient(client_id=made.id, scope=["units:read"]))
        token = session.fetch_token(f"{served.url}/oauth/token", **given)
        assert (token["token_type"], token["expires_in"], token["scope"]) == ("Bearer", 600, ["units:read"])
        assert session.get(f"{served.url}/v1/units").json()["data"]
    with pytest.raises(InvalidClientError):
        session.fetch_token(f"{served.url}/oauth/token", auth=HTTPBasicAuth(made.id, "wrong"))


def test_requests_oauthlib_redeems_a_code_with_pkce_and_refreshes_for_an_app(served: Served) -> None:
    app = app_of(served.world)
    session = OAuth2Session(app.id, redirect_uri=REDIRECT)

    first = session.fetch_token(
        f"{served.url}/oauth/token",
        code=code_for(served.world, app),
        code_verifier=VERIFIER,
        include_client_id=True,
    )
    second = session.refresh_token(f"{served.url}/oauth/token", client_id=app.id)

    assert first["refresh_token"] != second["refresh_token"]
    assert second["scope"] == ["member:read"]
    with pytest.raises(InvalidGrantError):
        session.refresh_token(f"{served.url}/oauth/token", refresh_token=first["refresh_token"], client_id=app.id)


def test_requests_oauth2client_finds_its_way_from_the_metadata_with_a_secret_of_its_own(served: Served) -> None:
    made = served.program()
    client = served.discovered(client_id=made.id, client_secret=made.secret)

    token = client.client_credentials(scope="units:read")

    assert requests.get(f"{served.url}/v1/units", auth=token, timeout=10).json()["data"]
    state = client.introspect_token(token)
    assert (state["active"], state["client_id"], state["scope"]) == (True, made.id, "units:read")
    assert client.revoke_access_token(token)
    with pytest.raises(UnauthorizedClient):
        client.authorization_code("code", validate=False)


@pytest.mark.parametrize("alg", ["ES256", "PS256", "EdDSA"])
def test_requests_oauth2client_signs_assertions_for_the_issuer_with_each_algorithm(served: Served, alg: str) -> None:
    key, public = key_with(alg)
    made = served.program(public)
    client = served.discovered(auth=PrivateKeyJwt(made.id, key, alg=alg, aud=served.url))

    for _ in range(2):
        token = client.client_credentials()
        assert requests.get(f"{served.url}/v1/units", auth=token, timeout=10).status_code == 200
    assert client.introspect_token(token)["active"]
    with pytest.raises(InvalidClient):  # its own default: the endpoint's address as audience
        served.discovered(auth=PrivateKeyJwt(made.id, key, alg=alg)).client_credentials()


def test_requests_oauth2client_binds_a_token_to_its_key_and_nobody_else_can_use_it(served: Served) -> None:
    made = served.program()
    client = served.discovered(client_id=made.id, client_secret=made.secret)
    url = f"{served.url}/v1/units"

    token, other = client.client_credentials(dpop=True), client.client_credentials(dpop=True)

    assert isinstance(token, DPoPToken)
    assert isinstance(other, DPoPToken)
    for _ in range(2):
        assert requests.get(url, auth=token, timeout=10).status_code == 200
    stolen = requests.get(url, headers={"Authorization": f"Bearer {token.access_token}"}, timeout=10)
    assert (stolen.status_code, stolen.json()["code"]) == (401, "token_invalid")
    forged = DPoPToken(access_token=token.access_token, _dpop_key=other.dpop_key)
    assert requests.get(url, auth=forged, timeout=10).status_code == 401
    assert client.introspect_token(token)["cnf"] == {"jkt": token.dpop_key.dpop_jkt}


def test_requests_oauth2client_pushes_a_request_and_redeems_its_code_as_fapi2_asks(served: Served) -> None:
    key, public = key_with("ES256")
    app = app_of(served.world, auth=AuthMethod.PRIVATE_KEY_JWT, profile=Profile.FAPI2, jwks=json.dumps(public))
    client = served.discovered(auth=PrivateKeyJwt(app.id, key, aud=served.url), redirect_uri=REDIRECT)

    asked = client.authorization_request(scope="member:read", nonce=None, dpop=True)
    pushed = client.pushed_authorization_request(asked)
    assert pushed.request_uri.startswith("urn:ietf:params:oauth:request_uri:")

    code = code_for(served.world, app, bound_to=asked.dpop_key.dpop_jkt)  # type: ignore[union-attr]
    token = client.authorization_code(
        code, validate=False, dpop=True, dpop_key=asked.dpop_key, code_verifier=VERIFIER, redirect_uri=REDIRECT
    )
    renewed = client.refresh_token(token)

    assert isinstance(token, DPoPToken)
    assert isinstance(renewed, DPoPToken)
    assert renewed.dpop_key.dpop_jkt == token.dpop_key.dpop_jkt


def test_pyjwt_verifies_our_tokens_with_nothing_but_our_published_keys(served: Served) -> None:
    made = served.program()
    token = served.discovered(client_id=made.id, client_secret=made.secret).client_credentials().access_token

    key = pyjwt.PyJWKClient(f"{served.url}/jwks.json").get_signing_key_from_jwt(token)
    required = ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"]  # RFC 9068 §2.2
    claims = pyjwt.decode(
        token, key, algorithms=["ES256"], audience=served.url, issuer=served.url, options={"require": required}
    )

    assert (claims["client_id"], claims["sub"], claims["scope"]) == (made.id, made.id, "quotes:read units:read")
    assert pyjwt.get_unverified_header(token)["typ"] == "at+jwt"
    with pytest.raises(pyjwt.InvalidAudienceError):
        pyjwt.decode(token, key, algorithms=["ES256"], audience="https://elsewhere.example", issuer=served.url)


@pytest.mark.parametrize("alg", ["ES256", "PS256", "EdDSA"])
def test_assertions_that_pyjwt_made_are_taken(served: Served, alg: str) -> None:
    key, public = key_with(alg)
    made = served.program(public)
    now = int(served.world.services.clock.now().timestamp())

    claims = {"iss": made.id, "sub": made.id, "aud": served.url, "jti": "once", "iat": now, "exp": now + 60}
    text = pyjwt.encode(claims, pyjwt.PyJWK(dict(key)).key, algorithm=alg, headers={"kid": key.kid})
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": text,
    }

    first, again = (requests.post(f"{served.url}/oauth/token", data=form, timeout=10) for _ in range(2))

    assert first.status_code == 200
    assert again.status_code == 401
