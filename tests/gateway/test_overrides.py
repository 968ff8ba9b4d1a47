"""The eighteen defaults of the OAuth library that are not safe enough for money, one promise each.

What each of them is worth in all its forms is in the tests beside this file; here is the list to tick off.
"""

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

import hub
from hub.access.clients import new_secret
from hub.access.keys import signing_keys
from hub.access.tokens import TOKEN_SECONDS, TokenInvalid
from hub.access.types import AuthMethod, KeyState
from hub.config import SettingInvalid
from hub.gateway.app import create_app, stop_app
from tests.conftest import START
from tests.gateway.contract_client import ISSUER, World
from tests.gateway.oauth_world import (
    CHALLENGE,
    REDIRECT,
    VERIFIER,
    app_of,
    code_for,
    proof,
    strict_app,
    tokens_for,
)
from tests.gateway.test_tokens import UNAUTHORISED, ask, assertion, basic, client_of, signed

ENDPOINTS = ("/oauth/token", "/oauth/introspect", "/oauth/revoke", "/oauth/par")
NOW = int(START.timestamp())
PUSHED = {
    "response_type": "code",
    "redirect_uri": REDIRECT,
    "scope": "member:read",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


@pytest.fixture(scope="module")
def still_world(walked: World) -> Iterator[World]:
    """A world that these tests share, whose token endpoint does not count."""
    world = walked.restarted(token_requests_per_minute=1_000_000)
    yield world
    stop_app(world.app)


def claims_of(token: str) -> dict[str, object]:
    import base64

    body = token.split(".")[1]
    found: dict[str, object] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return found


def test_01_tokens_live_ten_minutes_and_longer_ones_are_refused(still_world: World) -> None:
    made = client_of(still_world)
    for token in (
        ask(still_world, basic(made.id, made.secret)).json["access_token"],
        tokens_for(still_world, app_of(still_world))["access_token"],
    ):
        claims = claims_of(token)
        assert claims["exp"] == int(str(claims["iat"])) + TOKEN_SECONDS
    assert TOKEN_SECONDS == 600

    with still_world.database.work() as work:
        key = signing_keys(work, still_world.services.vault, now=START)[0]
    long = {**claims, "exp": NOW + 3_600, "jti": "long"}
    text = jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": key.id}, long, ECKey.import_key(json.loads(key.private)))
    with pytest.raises(TokenInvalid):
        still_world.services.guard.check(text)


def test_02_credentials_that_are_no_utf8_are_401_and_never_500(still_world: World) -> None:
    for path in ENDPOINTS:
        for header in ("Basic //46/w==", "Basic /zp4", "Basic \xe9", "Basic ====", "Basic"):
            response = still_world.client().post(
                path, data={"grant_type": "client_credentials", "token": "x"}, headers={"Authorization": header}
            )
            assert (response.status_code, response.json) == (401, UNAUTHORISED), (path, header)


def test_03_ids_and_secrets_are_such_that_every_client_escapes_them_alike(still_world: World) -> None:
    made = [client_of(still_world) for _ in range(20)]

    for text in [one.id for one in made] + [one.secret for one in made] + [new_secret()[0] for _ in range(500)]:
        assert re.fullmatch(r"[A-Za-z0-9_-]{16,64}", text)
        assert text == quote(text, safe="") == quote_plus(text)


def test_04_two_ways_to_authenticate_at_once_are_refused(still_world: World) -> None:
    made, key = client_of(still_world), ECKey.generate_key("P-256")
    keyed = client_of(still_world, key=key)

    for response in (
        ask(still_world, basic(made.id, made.secret), client_id=made.id, client_secret=made.secret),
        signed(still_world, assertion(key, keyed.id), client_id=keyed.id, client_secret=made.secret),
    ):
        assert (response.status_code, response.json["error"]) == (400, "invalid_request")


def test_05_repeated_parameters_are_refused(still_world: World) -> None:
    made = client_of(still_world)

    for name in ("grant_type", "scope", "resource", "anything"):
        response = still_world.client().post(
            "/oauth/token",
            data={"grant_type": ["client_credentials"], name: ["client_credentials", "client_credentials"]},
            headers=basic(made.id, made.secret),
        )
        assert (response.status_code, response.json["error"]) == (400, "invalid_request"), name


@pytest.mark.parametrize("auth", list(AuthMethod))
def test_06_every_app_shows_an_s256_challenge_and_its_verifier(still_world: World, auth: AuthMethod) -> None:
    app = app_of(still_world, auth=auth)
    for changed in (
        {"code_challenge_method": "plain"},
        {"code_challenge_method": "plain", "code_challenge": VERIFIER},
        {"code_challenge": ""},
        {"code_challenge": "", "code_challenge_method": ""},
    ):
        response = app.post("/oauth/par", **{**PUSHED, **changed})
        assert (response.status_code, response.json["error"]) == (400, "invalid_request"), changed

    for verifier in (CHALLENGE, "", "x" * 43):
        response = app.redeem(code_for(still_world, app), code_verifier=verifier)
        assert response.status_code == 400, verifier
    assert app.redeem(code_for(still_world, app)).status_code == 200


def test_07_assertions_are_called_private_key_jwt_and_their_algorithm_is_ours_to_choose(still_world: World) -> None:
    metadata = still_world.client().get("/.well-known/oauth-authorization-server").json
    key, rsa = ECKey.generate_key("P-256"), RSAKey.generate_key(2048)
    by_key, by_rsa = client_of(still_world, key=key), client_of(still_world, key=rsa)
    public = OctKey.import_key(json.dumps(key.as_dict(private=False)))

    assert "private_key_jwt" in metadata["token_endpoint_auth_methods_supported"]
    assert metadata["token_endpoint_auth_signing_alg_values_supported"] == ["ES256", "PS256", "EdDSA", "Ed25519"]
    assert signed(still_world, assertion(key, by_key.id)).status_code == 200
    for text in (
        assertion(rsa, by_rsa.id, alg="RS256"),
        assertion(public, by_key.id, alg="HS256"),
        "eyJhbGciOiJub25lIn0." + assertion(key, by_key.id, jti="none").split(".")[1] + ".",
    ):
        assert (signed(still_world, text).status_code, signed(still_world, text).json) == (401, UNAUTHORISED)


def test_08_the_issuer_is_the_sole_audience_of_an_assertion(still_world: World) -> None:
    key = ECKey.generate_key("P-256")
    made = client_of(still_world, key=key)

    for number, aud in enumerate(
        (f"{ISSUER}/oauth/token", f"{ISSUER}/", [ISSUER], [ISSUER, "https://x.example"], "", None)
    ):
        response = signed(still_world, assertion(key, made.id, aud=aud, jti=f"a{number}"))
        assert (response.status_code, response.json) == (401, UNAUTHORISED), aud
    for typ in (None, "JWT", "client-authentication+jwt"):
        assert signed(still_world, assertion(key, made.id, typ=typ, jti=f"typ {typ}")).status_code == 200


def test_09_an_assertion_lives_five_minutes_and_comes_from_a_clock_that_is_right(still_world: World) -> None:
    key = ECKey.generate_key("P-256")
    made = client_of(still_world, key=key)

    for number, (changed, status) in enumerate(
        (
            ({"exp": NOW + 300}, 200),
            ({"exp": NOW + 301}, 401),
            ({"exp": NOW}, 401),
            ({"iat": NOW + 10}, 200),
            ({"nbf": NOW + 10}, 200),
            ({"iat": NOW + 60}, 401),
            ({"nbf": NOW + 60}, 401),
        )
    ):
        response = signed(still_world, assertion(key, made.id, jti=f"b{number}", **changed))
        assert response.status_code == status, changed


def test_10_introspecting_what_is_no_token_says_inactive_and_never_500(still_world: World) -> None:
    app = app_of(still_world, auth=AuthMethod.SECRET)
    refresh = tokens_for(still_world, app)["refresh_token"]

    for text in ("x", "a.b.c", "\0", "é", "e30.e30.e30", "x" * 9_000):
        response = app.post("/oauth/introspect", token=text)
        assert (response.status_code, response.json) == (200, {"active": False}), text[:20]
    assert app.post("/oauth/introspect", token=refresh).json["active"] is True
    assert app.post("/oauth/introspect", token=refresh, token_type_hint="access_token").json["active"] is True


def test_11_nobody_learns_which_clients_exist_and_no_log_prints_tokens(still_world: World) -> None:
    made = client_of(still_world)

    wrong = ask(still_world, basic(made.id, "wrong"))
    absent = ask(still_world, basic("client_that_never_was", "wrong"))

    assert (wrong.status_code, wrong.get_data()) == (absent.status_code, absent.get_data()) == (401, wrong.get_data())
    assert wrong.headers["WWW-Authenticate"] == absent.headers["WWW-Authenticate"]
    assert not logging.getLogger("authlib").isEnabledFor(logging.DEBUG)


def test_12_nothing_that_opens_a_door_lies_readable_in_a_table(still_world: World) -> None:
    app = app_of(still_world, auth=AuthMethod.SECRET)
    code, pushed = code_for(still_world, app), app.post("/oauth/par", **PUSHED).json["request_uri"]
    body = tokens_for(still_world, app)
    secrets = [app.secret, code, body["access_token"], body["refresh_token"], pushed.rpartition(":")[2]]

    with still_world.database.read() as work:
        tables = [
            name
            for (name,) in work.fetch(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            )
        ]
        for table in tables:
            rows = work.fetch(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} AS t")  # type: ignore[arg-type]
            for secret in secrets:
                assert secret not in rows[0][0], table
                assert secret.encode().hex() not in rows[0][0], table


def test_13_a_wrong_authorization_request_is_an_answer_and_not_a_fault(still_world: World) -> None:
    app = app_of(still_world, auth=AuthMethod.SECRET)

    for changed, error in (
        ({"response_type": ""}, "unsupported_response_type"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"redirect_uri": "https://elsewhere.example/"}, "invalid_request"),
        ({"scope": "no:such"}, "invalid_scope"),
        ({"code_challenge": "short"}, "invalid_request"),
    ):
        response = app.post("/oauth/par", **{**PUSHED, **changed})
        assert (response.status_code, response.json["error"]) == (400, error), changed


def test_14_without_a_token_the_challenge_is_bare(still_world: World) -> None:
    response = still_world.client().get("/v1/units")

    assert response.status_code == 401
    assert response.headers.getlist("WWW-Authenticate") == ["Bearer", 'DPoP algs="ES256 PS256 EdDSA Ed25519"']


def test_15_only_the_active_key_signs_and_all_that_may_be_needed_are_published(still_world: World) -> None:
    made = client_of(still_world)
    with still_world.database.work() as work:
        keys = signing_keys(work, still_world.services.vault, now=START)
    active = next(key.id for key in keys if key.state is KeyState.ACTIVE)

    token = ask(still_world, basic(made.id, made.secret)).json["access_token"]
    published = still_world.client().get("/jwks.json").json["keys"]

    assert jwt.decode(token, ECKey.import_key(json.loads(keys[0].public)), algorithms=["ES256"]).header["kid"] == active
    assert {one["kid"] for one in published} == {key.id for key in keys}
    assert {key.state for key in keys} >= {KeyState.ACTIVE, KeyState.NEXT}


def test_16_a_scope_is_refused_rather_than_left_out(still_world: World) -> None:
    made = client_of(still_world)

    for scope in ("units:read rates:write", "no:such", "units:read no:such"):
        response = ask(still_world, basic(made.id, made.secret), scope=scope)
        assert (response.status_code, response.json["error"]) == (400, "invalid_scope")


def test_17_refresh_tokens_are_replaced_and_a_second_use_ends_the_family_but_fapi2_keeps_its_own(
    still_world: World,
) -> None:
    app, strict, key = app_of(still_world), strict_app(still_world), ECKey.generate_key("P-256")
    first = tokens_for(still_world, app)["refresh_token"]
    second = app.refresh(first).json["refresh_token"]
    assert second != first

    assert app.refresh(first).json["error"] == "invalid_grant"
    assert app.refresh(second).json["error"] == "invalid_grant"

    code = code_for(still_world, strict, bound_to=key.thumbprint())
    kept = strict.redeem(code, proof(still_world, key)).json["refresh_token"]
    for _ in range(2):
        answer = strict.refresh(kept, proof(still_world, key))
        assert answer.status_code == 200
        assert "refresh_token" not in answer.json


def test_18_tokens_travel_over_https_and_nothing_in_the_hub_switches_that_off(still_world: World) -> None:
    for url in ("http://hub.example", "http://localhost:80@evil.example", "ftp://hub.example", "hub.example"):
        with pytest.raises(SettingInvalid):
            create_app(still_world.restarted_services(public_url=url))

    root = Path(hub.__file__).parent
    assert not [path for path in root.rglob("*.py") if "INSECURE_TRANSPORT" in path.read_text()]
