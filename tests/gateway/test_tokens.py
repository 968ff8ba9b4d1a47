"""The token endpoint: who gets a token, and every default of the library that is not safe enough."""

import base64
import json
from datetime import timedelta

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey
from werkzeug.test import TestResponse

from hub.access.service import add_client, rotate_secret, stop_client
from hub.access.types import AuthMethod, NewClient
from hub.kernel.clock import ManualClock
from tests.conftest import START
from tests.gateway.contract_client import ISSUER, World

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
UNAUTHORISED = {"error": "invalid_client", "error_description": "Client authentication failed."}


def client_of(world: World, *, key: ECKey | RSAKey | None = None, partner: str = "aerojet") -> NewClient:
    jwks = json.dumps({"keys": [key.as_dict(private=False)]}) if key else ""
    auth = AuthMethod.PRIVATE_KEY_JWT if key else AuthMethod.SECRET
    scopes = ("quotes:read", "units:read")
    with world.database.work() as work:
        return add_client(
            work, partner=partner, auth=auth, jwks=jwks, scopes=scopes, live=False, actor="alice", now=START
        )


def basic(id: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{id}:{secret}".encode()).decode()}


def ask(world: World, headers: dict[str, str] | None = None, **form: str) -> TestResponse:
    return world.client().post("/oauth/token", data={"grant_type": "client_credentials", **form}, headers=headers)


def assertion(
    key: ECKey | RSAKey | OctKey, client: str, *, alg: str = "ES256", typ: str | None = "JWT", **changed: object
) -> str:
    now = int(START.timestamp())
    claims: dict[str, object] = {
        "iss": client, "sub": client, "aud": ISSUER, "jti": "one", "iat": now, "exp": now + 60, **changed,
    }  # fmt: skip
    kept = {name: value for name, value in claims.items() if value is not None}
    header = {"alg": alg} if typ is None else {"alg": alg, "typ": typ}
    return jwt.encode(header, kept, key, algorithms=[alg], default_type=None)


def signed(world: World, text: str, **form: str) -> TestResponse:
    return ask(world, client_assertion_type=ASSERTION, client_assertion=text, **form)


def test_a_secret_gets_a_token_in_either_place(world: World) -> None:
    made = client_of(world)

    for response in (
        ask(world, basic(made.id, made.secret)),
        ask(world, client_id=made.id, client_secret=made.secret),
        ask(world, basic(made.id, made.secret), client_id=made.id),
    ):
        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "no-store"
        assert (response.json["token_type"], response.json["expires_in"]) == ("Bearer", 600)
        assert "refresh_token" not in response.json
        headers = {"Authorization": f"Bearer {response.json['access_token']}"}
        assert world.client().get("/v1/units", headers=headers).status_code == 200


def test_a_token_verifies_with_the_published_keys_alone(world: World) -> None:
    made = client_of(world)
    token = ask(world, basic(made.id, made.secret)).json["access_token"]

    keys = world.client().get("/jwks.json").json
    decoded = jwt.decode(token, KeySet.import_key_set(keys), algorithms=["ES256"])

    assert decoded.header["typ"] == "at+jwt"
    assert decoded.claims["iss"] == decoded.claims["aud"] == ISSUER
    assert decoded.claims["exp"] - decoded.claims["iat"] == 600
    assert (decoded.claims["partner"], decoded.claims["live"]) == ("aerojet", False)
    assert len(keys["keys"]) == 2
    assert all("d" not in key for key in keys["keys"])


def test_an_assertion_gets_a_token_with_each_algorithm(world: World) -> None:
    for key, alg in ((ECKey.generate_key("P-256"), "ES256"), (RSAKey.generate_key(2048), "PS256")):
        made = client_of(world, key=key)
        for jti, typ in (("a", "JWT"), ("b", "client-authentication+jwt"), ("c", None)):
            assert signed(world, assertion(key, made.id, alg=alg, typ=typ, jti=jti)).status_code == 200


def test_an_assertion_is_used_once(world: World) -> None:
    key = ECKey.generate_key("P-256")
    made = client_of(world, key=key)
    text = assertion(key, made.id)
    assert signed(world, text).status_code == 200

    again = signed(world, text)
    resigned = signed(world, assertion(key, made.id))

    for response in (again, resigned):
        assert (response.status_code, response.json) == (401, UNAUTHORISED)
    assert signed(world, assertion(key, made.id, jti="two")).status_code == 200


NOW = int(START.timestamp())
BAD_CLAIMS = [
    {"aud": f"{ISSUER}/oauth/token"},
    {"aud": [ISSUER]},
    {"aud": [ISSUER, "https://other.example"]},
    {"aud": "https://other.example"},
    {"aud": None},
    {"exp": NOW},
    {"exp": NOW - 1},
    {"exp": NOW + 301},
    {"exp": None},
    {"exp": "soon"},
    {"exp": True},
    {"exp": 10**40},
    {"iat": NOW + 60},
    {"nbf": NOW + 60},
    {"iat": "now"},
    {"jti": None},
    {"jti": ""},
    {"jti": 7},
    {"jti": "x" * 256},
    {"jti": "a\0b"},
    {"iss": "somebody"},
    {"iss": None},
    {"sub": None},
    {"sub": "somebody"},
    {"sub": ["somebody"]},
    {"sub": "\0"},
]


def test_assertions_with_other_claims_are_refused_alike(world: World) -> None:
    key = ECKey.generate_key("P-256")
    made = client_of(world, key=key)

    for changed in BAD_CLAIMS:
        response = signed(world, assertion(key, made.id, **changed))
        assert (response.status_code, response.json) == (401, UNAUTHORISED), changed
    for good in ({"exp": NOW + 300, "jti": "a"}, {"iat": NOW + 10, "jti": "b"}, {"iat": None, "jti": "c"}):
        assert signed(world, assertion(key, made.id, **good)).status_code == 200, good


def test_assertions_of_other_keys_and_algorithms_are_refused_alike(world: World) -> None:
    key, other = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
    rsa = RSAKey.generate_key(2048)
    made, by_rsa, by_secret = client_of(world, key=key), client_of(world, key=rsa), client_of(world)
    good = assertion(key, made.id)
    head, body, sign = good.split(".")
    public = json.dumps(key.as_dict(private=False))

    for text in (
        assertion(other, made.id),
        assertion(OctKey.import_key(public), made.id, alg="HS256"),
        assertion(OctKey.import_key(by_secret.secret), by_secret.id, alg="HS256"),
        assertion(rsa, by_rsa.id, alg="RS256"),
        assertion(key, by_secret.id),
        assertion(key, made.id, typ="at+jwt"),
        f"eyJhbGciOiJub25lIn0.{body}.",
        f"{head}.{body}.",
        f"{head}.{body}",
        f"{head}.W10.{sign}",
        "nonsense",
        "a.b.c",
        "é.é.é",
        "\0",
        "x" * 9_000,
    ):
        response = signed(world, text)
        assert (response.status_code, response.json) == (401, UNAUTHORISED), text[:60]
    assert signed(world, good, client_id=by_rsa.id).status_code == 401
    assert ask(world, client_assertion=good).status_code == 401
    assert signed(world, assertion(key, made.id, jti="fresh"), client_id=made.id).status_code == 200


def test_unknown_stopped_and_wrong_are_told_apart_by_nobody(world: World) -> None:
    key = ECKey.generate_key("P-256")
    made, stopped, signing = client_of(world), client_of(world), client_of(world, key=key)
    with world.database.work() as work:
        stop_client(work, stopped.id, actor="alice", now=START)

    answers = [
        ask(world, basic(made.id, "wrong")),
        ask(world, basic("client_unknown", "wrong")),
        ask(world, basic(stopped.id, stopped.secret)),
        ask(world, basic(signing.id, "")),
        ask(world, basic("", "")),
        ask(world, basic("a\0b", "c")),
        ask(world, client_id=made.id, client_secret="wrong"),
        ask(world, client_id="client_unknown", client_secret="wrong"),
        ask(world, client_id=made.id),
        ask(world),
        signed(world, assertion(key, "client_unknown")),
    ]

    for response in answers:
        assert (response.status_code, response.json) == (401, UNAUTHORISED)
        assert response.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic " + base64.b64encode(b"\xff\xfe:\xe9").decode(),
        "Basic " + base64.b64encode(b"nocolon").decode(),
        "Basic é",
        "Bearer abc",
        "Digest abc",
        "",
    ],
)
def test_credentials_that_cannot_be_read_are_refused_and_break_nothing(still: World, header: str) -> None:
    response = ask(still, {"Authorization": header})

    assert (response.status_code, response.json) == (401, UNAUTHORISED)


def test_two_ways_at_once_are_refused(world: World) -> None:
    key = ECKey.generate_key("P-256")
    made, signing = client_of(world), client_of(world, key=key)
    text = assertion(key, signing.id)

    for response in (
        ask(world, basic(made.id, made.secret), client_secret=made.secret, client_id=made.id),
        ask(world, basic(made.id, made.secret), client_assertion=text, client_assertion_type=ASSERTION),
        ask(
            world, client_secret=made.secret, client_id=made.id, client_assertion=text, client_assertion_type=ASSERTION
        ),
        ask(world, basic(made.id, made.secret), client_id=signing.id),
    ):
        assert (response.status_code, response.json["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "body",
    [
        "grant_type=client_credentials&grant_type=client_credentials",
        "grant_type=client_credentials&scope=quotes:read&scope=units:read",
        "grant_type=client_credentials&odd=1&odd=2",
    ],
)
def test_repeated_parameters_are_refused(still: World, body: str) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    response = still.client().post("/oauth/token", data=body, headers=headers)

    assert (response.status_code, response.json["error"]) == (400, "invalid_request")


def test_parameters_belong_into_a_form(still: World) -> None:
    form = {"grant_type": "client_credentials"}

    for response in (
        still.client().post("/oauth/token", json=form),
        still.client().post("/oauth/token?client_secret=x", data=form),
        still.client().post("/oauth/token?grant_type=client_credentials"),
        still.client().post("/oauth/token", data="x", headers={"Content-Type": "multipart/form-data"}),
    ):
        assert (response.status_code, response.json["error"]) == (400, "invalid_request")


def test_other_grants_are_refused(world: World) -> None:
    made = client_of(world)

    for grant in (
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "",
        "Client_Credentials",
        "é",
    ):
        response = ask(world, basic(made.id, made.secret), grant_type=grant)
        assert (response.status_code, response.json["error"]) == (400, "unsupported_grant_type"), grant
    for grant in ("authorization_code", "refresh_token"):
        response = ask(world, basic(made.id, made.secret), grant_type=grant, code="x", refresh_token="x")
        assert (response.status_code, response.json["error"]) == (400, "unauthorized_client"), grant


def test_scopes_are_given_as_asked_and_never_narrowed_in_silence(world: World) -> None:
    made = client_of(world)

    def asked(scope: str) -> TestResponse:
        return ask(world, basic(made.id, made.secret), scope=scope)

    assert asked("units:read").json["scope"] == "units:read"
    assert asked("units:read units:read").json["scope"] == "units:read"
    assert ask(world, basic(made.id, made.secret)).json["scope"] == "quotes:read units:read"
    for scope in ("everything", "units:read everything", "conversions:write", "rates:write", 'a"b', "é"):
        assert (asked(scope).status_code, asked(scope).json["error"]) == (400, "invalid_scope"), scope


def test_an_old_secret_is_good_for_a_day_after_its_rotation(world: World, clock: ManualClock) -> None:
    made = client_of(world)
    with world.database.work() as work:
        fresh = rotate_secret(work, made.id, actor="alice", now=clock.now())

    assert ask(world, basic(made.id, made.secret)).status_code == 200
    assert ask(world, basic(made.id, fresh.secret)).status_code == 200
    clock.advance(timedelta(days=1))

    assert ask(world, basic(made.id, made.secret)).status_code == 401
    assert ask(world, basic(made.id, fresh.secret)).status_code == 200


def test_the_metadata_says_what_is_supported(still: World) -> None:
    found = still.client().get("/.well-known/oauth-authorization-server").json

    assert found["issuer"] == ISSUER
    assert found["token_endpoint"] == f"{ISSUER}/oauth/token"
    assert found["jwks_uri"] == f"{ISSUER}/jwks.json"
    assert found["grant_types_supported"] == ["authorization_code", "client_credentials", "refresh_token"]
    assert found["response_types_supported"] == ["code"]
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["authorization_response_iss_parameter_supported"] is True
    assert "private_key_jwt" in found["token_endpoint_auth_methods_supported"]
    assert "none" not in found["token_endpoint_auth_signing_alg_values_supported"]


def test_the_host_header_decides_nothing(world: World) -> None:
    made = client_of(world)

    response = ask(world, basic(made.id, made.secret) | {"Host": "evil.example"})

    assert response.status_code == 200


def test_big_forms_are_refused(still: World) -> None:
    response = ask(still, client_secret="x" * 600_000)

    assert response.status_code == 413


def test_no_token_or_secret_reaches_the_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    made = client_of(world)
    caplog.set_level("INFO")

    token = ask(world, basic(made.id, made.secret)).json["access_token"]

    assert token not in caplog.text
    assert made.secret not in caplog.text
