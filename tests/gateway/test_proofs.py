"""Tokens bound to a key (DPoP): what a proof has to say, and that a bound token is worth nothing without one."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey
from werkzeug.test import TestResponse

from hub.access.types import AuthMethod
from hub.kernel.clock import ManualClock
from tests.gateway.contract_client import ISSUER, World
from tests.gateway.oauth_world import app_of, code_for, proof, thumb, tokens_for
from tests.gateway.test_tokens import basic, client_of

KEY = ECKey.generate_key("P-256")


def bound_token(world: World, key: Any = KEY, alg: str = "ES256") -> str:
    made = client_of(world)
    response = world.client().post(
        "/oauth/token",
        data={"grant_type": "client_credentials"},
        headers={**basic(made.id, made.secret), **proof(world, key, alg=alg)},
    )
    assert (response.status_code, response.json["token_type"]) == (200, "DPoP"), response.text
    return str(response.json["access_token"])


def call(world: World, token: str, headers: dict[str, str], *, scheme: str = "DPoP") -> TestResponse:
    return world.client().get("/v1/units", headers={"Authorization": f"{scheme} {token}", **headers})


def shown(world: World, token: str, key: Any = KEY, **changed: Any) -> dict[str, str]:
    fields: dict[str, Any] = {"method": "GET", "path": "/v1/units", "token": token, **changed}
    return proof(world, key, **fields)


@pytest.mark.parametrize(
    ("key", "alg"),
    [
        (ECKey.generate_key("P-256"), "ES256"),
        (RSAKey.generate_key(2048), "PS256"),
        (OKPKey.generate_key("Ed25519"), "Ed25519"),
    ],
)
def test_a_token_asked_for_with_a_proof_is_bound_to_its_key(world: World, key: Any, alg: str) -> None:
    token = bound_token(world, key, alg)

    response = call(world, token, shown(world, token, key, alg=alg))

    assert response.status_code == 200
    assert world.services.guard.check(token).bound_to == key.thumbprint()


def test_a_bound_token_is_worth_nothing_as_a_bearer_token(world: World) -> None:
    token = bound_token(world)

    for headers in ({}, shown(world, token)):
        response = call(world, token, headers, scheme="Bearer")
        assert (response.status_code, response.json["code"]) == (401, "token_invalid")


def test_a_bearer_token_is_not_taken_for_a_bound_one(world: World) -> None:
    response = call(world, world.tokens["aerojet"], shown(world, world.tokens["aerojet"]))

    assert (response.status_code, response.json["code"]) == (401, "token_invalid")


def test_a_proof_is_used_once_over_all_processes(world: World) -> None:
    token = bound_token(world)
    headers = shown(world, token)
    assert call(world, token, headers).status_code == 200

    again = call(world, token, headers)
    elsewhere = call(world.restarted(), token, headers)

    for response in (again, elsewhere):
        assert (response.status_code, response.json["code"]) == (401, "proof_invalid")
        assert 'DPoP error="invalid_dpop_proof"' in str(response.headers.getlist("WWW-Authenticate"))


def test_of_one_proof_sent_many_times_at_once_one_counts(world: World) -> None:
    token = bound_token(world)
    headers = shown(world, token)
    statuses: list[int] = []

    threads = [
        threading.Thread(target=lambda: statuses.append(call(world, token, headers).status_code)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [200] + [401] * 7


def test_a_proof_is_for_one_request_of_this_moment(world: World) -> None:
    token = bound_token(world)
    other = ECKey.generate_key("P-256")
    now = int(world.services.clock.now().timestamp())
    public = KEY.as_dict(private=False)

    wrong: list[dict[str, str]] = [
        {},
        {"DPoP": ""},
        {"DPoP": "a.b.c"},
        {"DPoP": "é"},
        {"DPoP": "x" * 5_000},
        {"DPoP": shown(world, token)["DPoP"] + "," + shown(world, token)["DPoP"]},
        shown(world, token, key=other),
        shown(world, token, method="POST"),
        shown(world, token, path="/v1/partners"),
        shown(world, token, htu="https://evil.example/v1/units"),
        shown(world, token, htu="http://hub.example/v1/units"),
        shown(world, token, htu="https://hub.example:444/v1/units"),
        shown(world, token, htu=7),
        shown(world, token, htu="https://[/v1/units"),
        shown(world, token, iat=now - 61),
        shown(world, token, iat=now + 60),
        shown(world, token, iat="now"),
        shown(world, token, iat=None),
        shown(world, token, jti=None),
        shown(world, token, jti=""),
        shown(world, token, jti="x" * 256),
        shown(world, token, jti=7),
        shown(world, token, ath=None),
        shown(world, token, ath=thumb("another token")),
        shown(world, token, header={"typ": "JWT"}),
        shown(world, token, header={"jwk": {**public, "crv": "P-521"}}),
        shown(world, token, header={"jwk": KEY.as_dict(private=True)}),
        shown(world, token, header={"jwk": other.as_dict(private=False)}),
        shown(world, token, header={"jwk": {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"}}),
    ]

    for headers in wrong:
        response = call(world, token, headers)
        assert (response.status_code, response.json["code"]) == (401, "proof_invalid"), headers
    for good in (
        shown(world, token, htu="HTTPS://HUB.example:443/v1/units?limit=1#x"),
        shown(world, token, iat=now - 60),
        shown(world, token, iat=now + 10),
    ):
        assert call(world, token, good).status_code == 200


def test_unsigned_and_shared_secret_proofs_are_refused(world: World) -> None:
    import base64
    import json

    token = bound_token(world)
    body = shown(world, token)["DPoP"].split(".")[1]

    for alg in ("none", "HS256"):
        head = json.dumps({"alg": alg, "typ": "dpop+jwt", "jwk": KEY.as_dict(private=False)})
        text = base64.urlsafe_b64encode(head.encode()).rstrip(b"=").decode()
        response = call(world, token, {"DPoP": f"{text}.{body}."})
        assert (response.status_code, response.json["code"]) == (401, "proof_invalid")


def test_the_host_header_does_not_say_what_a_proof_is_for(world: World) -> None:
    token = bound_token(world)

    tricked = call(world, token, {**shown(world, token, htu="https://evil.example/v1/units"), "Host": "evil.example"})
    named = call(world, token, {**shown(world, token), "Host": "evil.example"})

    assert tricked.status_code == 401
    assert named.status_code == 200


def test_a_wrong_proof_at_the_token_endpoint_gives_no_token(world: World) -> None:
    made = client_of(world)

    for headers in (proof(world, KEY, path="/oauth/par"), {"DPoP": "x"}, proof(world, KEY, method="GET")):
        response = world.client().post(
            "/oauth/token",
            data={"grant_type": "client_credentials"},
            headers={**basic(made.id, made.secret), **headers},
        )
        assert (response.status_code, response.json["error"]) == (400, "invalid_dpop_proof")


def test_a_client_that_has_to_bind_its_tokens_gets_no_other(world: World) -> None:
    app = app_of(world, dpop=True)

    refused = app.redeem(code_for(world, app))
    given = app.redeem(code_for(world, app), headers=proof(world, KEY))

    assert (refused.status_code, refused.json["error"]) == (400, "invalid_dpop_proof")
    assert given.json["token_type"] == "DPoP"


def test_a_code_that_was_promised_to_a_key_needs_that_key(world: World) -> None:
    app, other = app_of(world), ECKey.generate_key("P-256")
    code = code_for(world, app, bound_to=KEY.thumbprint())

    for headers in ({}, proof(world, other)):
        response = app.redeem(code, headers=headers)
        assert (response.status_code, response.json["error"]) == (400, "invalid_grant")

    assert app.redeem(code, headers=proof(world, KEY)).json["token_type"] == "DPoP"


def test_the_refresh_tokens_of_a_public_app_are_bound_to_its_key(world: World) -> None:
    app, other = app_of(world), ECKey.generate_key("P-256")
    token = tokens_for(world, app, headers=proof(world, KEY))["refresh_token"]

    for headers in ({}, proof(world, other)):
        response = app.refresh(token, headers=headers)
        assert (response.status_code, response.json["error"]) == (400, "invalid_grant")

    assert app.refresh(token, headers=proof(world, KEY)).json["token_type"] == "DPoP"


def test_a_confidential_app_may_change_its_key_but_not_do_without(world: World) -> None:
    app, other = app_of(world, auth=AuthMethod.SECRET), ECKey.generate_key("P-256")
    token = tokens_for(world, app, headers=proof(world, KEY))["refresh_token"]

    without = app.refresh(token)
    changed = app.refresh(token, headers=proof(world, other))

    assert (without.status_code, without.json["error"]) == (400, "invalid_grant")
    assert world.services.guard.check(changed.json["access_token"]).bound_to == other.thumbprint()


def test_used_proofs_are_forgotten_when_they_are_too_old_anyway(world: World, clock: ManualClock) -> None:
    from hub.access.service import forget_expired

    bound_token(world)
    assert world.count("access_proofs") == 1

    clock.advance(timedelta(seconds=63))
    with world.database.work() as work:
        forget_expired(work, now=clock.now())

    assert world.count("access_proofs") == 0
    assert ISSUER.startswith("https://")
