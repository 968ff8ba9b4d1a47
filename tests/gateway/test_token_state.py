"""Pushed requests, introspection and revocation: who may ask, what they learn, and what ends."""

from datetime import timedelta

import pytest
from joserfc.jwk import ECKey

from hub.access.types import AuthMethod
from hub.kernel.clock import ManualClock
from tests.gateway.contract_client import ISSUER, World
from tests.gateway.oauth_world import CHALLENGE, REDIRECT, app_of, proof, strict_app, tokens_for
from tests.gateway.test_tokens import ask, basic, client_of

ASKED = {
    "response_type": "code",
    "redirect_uri": REDIRECT,
    "scope": "member:read",
    "state": "s",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


def question(world: World, path: str, made: object, token: str, **form: str) -> object:
    headers = basic(made.id, made.secret)  # type: ignore[attr-defined]
    return world.client().post(path, data={"token": token, **form}, headers=headers)


def test_a_client_sees_its_own_token(world: World) -> None:
    made = client_of(world)
    token = ask(world, basic(made.id, made.secret), scope="units:read").json["access_token"]

    found = question(world, "/oauth/introspect", made, token).json

    assert found["active"] is True
    assert (found["client_id"], found["sub"], found["scope"]) == (made.id, made.id, "units:read")
    assert (found["iss"], found["aud"], found["token_type"]) == (ISSUER, ISSUER, "Bearer")
    assert found["exp"] == int(world.services.clock.now().timestamp()) + 600


def test_other_clients_learn_nothing_and_the_hubs_own_programs_everything(world: World) -> None:
    made, neighbour, ours = client_of(world), client_of(world), client_of(world, partner="")
    foreign = client_of(world, partner="staywell")
    token = ask(world, basic(made.id, made.secret)).json["access_token"]

    for asking in (neighbour, foreign):
        assert question(world, "/oauth/introspect", asking, token).json == {"active": False}
    assert question(world, "/oauth/introspect", ours, token).json["client_id"] == made.id


@pytest.mark.parametrize("token", ["nothing", "a.b.c", "é", "\0", "x" * 9_000, "eyJhbGciOiJub25lIn0.e30."])
def test_whatever_is_no_token_is_inactive_and_revoked_alike(world: World, token: str) -> None:
    made = client_of(world)

    for hint in ({}, {"token_type_hint": "refresh_token"}, {"token_type_hint": "odd"}):
        assert question(world, "/oauth/introspect", made, token, **hint).json == {"active": False}
        assert question(world, "/oauth/revoke", made, token, **hint).status_code == 200


def test_an_expired_or_revoked_token_is_inactive(world: World, clock: ManualClock) -> None:
    made = client_of(world)
    first, second = (ask(world, basic(made.id, made.secret)).json["access_token"] for _ in range(2))

    assert question(world, "/oauth/revoke", made, first).json == {}
    clock.advance(timedelta(seconds=5))
    assert question(world, "/oauth/introspect", made, first).json == {"active": False}
    assert question(world, "/oauth/introspect", made, second).json["active"] is True
    clock.advance(timedelta(seconds=600))

    assert question(world, "/oauth/introspect", made, second).json == {"active": False}
    assert question(world, "/oauth/revoke", made, second).status_code == 200


def test_a_bound_token_says_so(world: World) -> None:
    key, app = ECKey.generate_key("P-256"), app_of(world, auth=AuthMethod.SECRET)
    token = tokens_for(world, app, headers=proof(world, key))["access_token"]

    found = app.post("/oauth/introspect", token=token).json

    assert (found["token_type"], found["cnf"], found["sub"]) == ("DPoP", {"jkt": key.thumbprint()}, world.member)


def test_a_refresh_token_is_shown_to_its_app_and_looking_does_not_end_it(world: World) -> None:
    app, other = app_of(world, auth=AuthMethod.SECRET), app_of(world, auth=AuthMethod.SECRET)
    old = tokens_for(world, app)["refresh_token"]
    new = app.refresh(old).json["refresh_token"]

    assert app.post("/oauth/introspect", token=new).json["scope"] == "member:read"
    assert app.post("/oauth/introspect", token=old).json == {"active": False}
    assert other.post("/oauth/introspect", token=new).json == {"active": False}
    assert app.refresh(new).status_code == 200


def test_a_public_app_may_revoke_but_not_ask(world: World) -> None:
    app = app_of(world)
    body = tokens_for(world, app)

    asked = app.post("/oauth/introspect", token=body["access_token"])
    ended = app.post("/oauth/revoke", token=body["refresh_token"])

    assert (asked.status_code, asked.json["error"]) == (401, "invalid_client")
    assert ended.status_code == 200
    assert app.refresh(body["refresh_token"]).json["error"] == "invalid_grant"


def test_revoking_a_refresh_token_ends_its_family_old_or_new(world: World, clock: ManualClock) -> None:
    app = app_of(world)
    for revoke_old in (True, False):
        first = tokens_for(world, app)
        second = app.refresh(first["refresh_token"]).json
        chosen = first if revoke_old else second

        assert app.post("/oauth/revoke", token=chosen["refresh_token"]).status_code == 200
        clock.advance(timedelta(seconds=5))

        assert app.refresh(second["refresh_token"]).json["error"] == "invalid_grant"
        for token in (first["access_token"], second["access_token"]):
            response = world.client().get("/v1/units", headers={"Authorization": f"Bearer {token}"})
            assert (response.status_code, response.json["code"]) == (401, "token_invalid")


def test_nobody_revokes_the_tokens_of_another_client(world: World, clock: ManualClock) -> None:
    app, other, ours = app_of(world), app_of(world), client_of(world, partner="")
    body = tokens_for(world, app)

    for token in (body["access_token"], body["refresh_token"]):
        assert other.post("/oauth/revoke", token=token).status_code == 200
        assert question(world, "/oauth/revoke", ours, token).status_code == 200
    clock.advance(timedelta(seconds=5))

    assert world.services.guard.check(body["access_token"]).member == world.member
    assert app.refresh(body["refresh_token"]).status_code == 200


@pytest.mark.parametrize("path", ["/oauth/introspect", "/oauth/revoke", "/oauth/par"])
def test_every_endpoint_authenticates_like_the_token_endpoint(world: World, path: str) -> None:
    made = client_of(world)
    client = world.client()

    for response in (
        client.post(path, data={"token": "x"}),
        client.post(path, data={"token": "x"}, headers=basic(made.id, "wrong")),
        client.post(path, data={"token": "x"}, headers={"Authorization": "Basic \u00e9"}),
        client.post(path, data={"token": "x"}, headers={"Authorization": f"Bearer {world.tokens['aerojet']}"}),
    ):
        assert (response.status_code, response.json["error"]) == (401, "invalid_client")
    for response in (
        client.post(f"{path}?token=x", data={"token": "x"}, headers=basic(made.id, made.secret)),
        client.post(path, json={"token": "x"}, headers=basic(made.id, made.secret)),
        client.post(path, data={"token": ["x", "y"]}, headers=basic(made.id, made.secret)),
        client.post(path, data={"token": "x", "client_secret": made.secret}, headers=basic(made.id, made.secret)),
    ):
        assert (response.status_code, response.json["error"]) == (400, "invalid_request")


def test_a_token_has_to_be_named(world: World) -> None:
    made = client_of(world)

    for path in ("/oauth/introspect", "/oauth/revoke"):
        response = question(world, path, made, "")
        assert (response.status_code, response.json["error"]) == (400, "invalid_request")


def test_a_pushed_request_is_kept_for_five_minutes_and_its_handle_is_not(world: World) -> None:
    app = strict_app(world)

    response = app.post("/oauth/par", **ASKED)

    assert (response.status_code, response.json["expires_in"]) == (201, 300)
    uri = response.json["request_uri"]
    with world.database.read() as work:
        stored = work.fetch("SELECT row_to_json(r)::text, parameters FROM access_requests r")[0]
    assert uri.rpartition(":")[2] not in stored[0]
    assert "assertion" not in stored[1]


def test_a_request_that_could_not_be_answered_is_not_kept(world: World) -> None:
    app, program = app_of(world, auth=AuthMethod.SECRET), client_of(world)

    for changed, error in (
        ({"redirect_uri": "https://evil.example/"}, "invalid_request"),
        ({"redirect_uri": REDIRECT + "?x=1"}, "invalid_request"),
        ({"redirect_uri": ""}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "quotes:read"}, "invalid_scope"),
        ({"scope": "everything"}, "invalid_scope"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"request": "a.b.c"}, "request_not_supported"),
        ({"request_uri": "urn:x"}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"state": "x" * 513}, "invalid_request"),
        ({"dpop_jkt": "x"}, "invalid_request"),
    ):
        response = app.post("/oauth/par", **{**ASKED, **changed})
        assert (response.status_code, response.json["error"]) == (400, error), changed
    response = world.client().post("/oauth/par", data=ASKED, headers=basic(program.id, program.secret))
    assert (response.status_code, response.json["error"]) == (400, "unauthorized_client")
    assert world.count("access_requests") == 0


def test_a_proof_with_a_pushed_request_has_to_be_of_the_key_it_names(world: World) -> None:
    app, key, other = strict_app(world), ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
    here = {"path": "/oauth/par"}

    wrong = app.post("/oauth/par", proof(world, key, **here), **ASKED, dpop_jkt=other.thumbprint())
    right = app.post("/oauth/par", proof(world, key, **here), **ASKED, dpop_jkt=key.thumbprint())
    alone = app.post("/oauth/par", proof(world, key, **here), **ASKED)

    assert (wrong.status_code, wrong.json["error"]) == (400, "invalid_dpop_proof")
    assert (right.status_code, alone.status_code) == (201, 201)


def test_too_many_requests_of_one_client_or_address_have_to_wait(world: World, clock: ManualClock) -> None:
    slow = world.restarted(token_requests_per_minute=3)
    first, second = client_of(world), client_of(world)

    statuses = [ask(slow, basic(first.id, first.secret)).status_code for _ in range(4)]
    refused = ask(world.restarted(token_requests_per_minute=3), basic(first.id, first.secret))

    assert statuses == [200, 200, 200, 429]
    assert (refused.status_code, refused.json["code"]) == (429, "too_many_attempts")
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert ask(slow, basic(second.id, second.secret)).status_code == 200
    wrong = [ask(slow, basic("client_unknown", "wrong")).status_code for _ in range(30)]
    assert wrong == [401] * 24 + [429] * 6
    clock.advance(timedelta(seconds=60))
    assert ask(slow, basic(first.id, first.secret)).status_code == 200


def test_guessing_does_not_use_up_a_clients_own_pace(world: World) -> None:
    slow = world.restarted(token_requests_per_minute=3)
    made = client_of(world)

    for _ in range(10):
        assert ask(slow, basic(made.id, "wrong")).status_code == 401

    assert ask(slow, basic(made.id, made.secret)).status_code == 200


@pytest.mark.parametrize(
    ("hops", "forwarded", "seen"),
    [
        (0, "9.9.9.9", "127.0.0.1"),
        (1, "8.8.8.8, 9.9.9.9", "9.9.9.9"),
        (2, "9.9.9.9", "127.0.0.1"),
        (1, "", "127.0.0.1"),
    ],
)
def test_only_our_own_proxies_say_who_is_calling(hops: int, forwarded: str, seen: str) -> None:
    from hub.gateway.senders import address_of

    assert address_of({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": forwarded}, hops) == seen


def test_one_household_counts_as_one_address() -> None:
    from hub.access.throttle import network_of

    assert network_of("2001:db8:1:2:3::4") == network_of("2001:db8:1:2:ffff::1") != network_of("2001:db8:1:3::1")
    assert network_of("::ffff:10.0.0.1") == network_of("10.0.0.1") != network_of("10.0.0.2")
    assert network_of("nonsense") == "unknown"
