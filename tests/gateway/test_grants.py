"""Codes and refresh tokens: used once, by whom they were made for, and what a second use ends."""

import threading
from datetime import timedelta

import pytest

from hub.access.people import stop_person
from hub.access.service import stop_client
from hub.access.types import AuthMethod, CallerKind
from hub.kernel.clock import ManualClock
from tests.conftest import START
from tests.gateway.contract_client import World
from tests.gateway.oauth_world import REDIRECT, VERIFIER, app_of, code_for, strict_app, tokens_for

REFUSED = (400, "invalid_grant")


def said(response: object) -> tuple[int, str]:
    return response.status_code, response.json.get("error", "")  # type: ignore[attr-defined]


def test_a_code_gives_a_token_that_speaks_for_the_member(world: World) -> None:
    app = app_of(world)

    body = tokens_for(world, app)

    principal = world.services.guard.check(body["access_token"])
    assert (principal.kind, principal.subject) == (CallerKind.MEMBER, world.member)
    assert (principal.member, principal.partner, principal.client_id) == (world.member, "aerojet", app.id)
    assert principal.scopes == {"member:read"}
    assert (principal.actor, principal.scope_of_keys) == (f"member:{world.member}", f"member:{world.member}")
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 600, "member:read")
    assert len(body["refresh_token"]) == 43


@pytest.mark.parametrize("auth", list(AuthMethod))
def test_every_sort_of_app_redeems_its_codes(world: World, auth: AuthMethod) -> None:
    app = app_of(world, auth=auth)

    assert tokens_for(world, app)["scope"] == "member:read"


def test_a_code_is_used_once_and_a_second_use_ends_what_came_from_it(world: World, clock: ManualClock) -> None:
    app = app_of(world)
    code = code_for(world, app)
    first = app.redeem(code).json
    world.services.guard.check(first["access_token"])

    again = app.redeem(code)
    clock.advance(timedelta(seconds=5))

    assert said(again) == REFUSED
    assert said(app.refresh(first["refresh_token"])) == REFUSED
    response = world.client().get("/v1/units", headers={"Authorization": f"Bearer {first['access_token']}"})
    assert (response.status_code, response.json["code"]) == (401, "token_invalid")


def test_of_two_uses_at_the_same_moment_at_most_one_succeeds_and_its_tokens_end(world: World) -> None:
    app = app_of(world)
    code = code_for(world, app)
    answers = []

    threads = [threading.Thread(target=lambda: answers.append(app.redeem(code))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    good = [answer for answer in answers if answer.status_code == 200]
    assert len(good) <= 1
    assert [said(answer) for answer in answers if answer.status_code != 200] == [REFUSED] * (6 - len(good))
    assert all(said(app.refresh(answer.json["refresh_token"])) == REFUSED for answer in good)


def test_a_code_lives_for_a_minute(world: World, clock: ManualClock) -> None:
    app = app_of(world)
    early, late = code_for(world, app), code_for(world, app)

    clock.advance(timedelta(seconds=59))
    assert app.redeem(early).status_code == 200
    clock.advance(timedelta(seconds=1))

    assert said(app.redeem(late)) == REFUSED


def test_a_code_is_good_for_its_app_its_address_and_its_verifier_only(world: World) -> None:
    app, other = app_of(world), app_of(world)
    code = code_for(world, app)

    assert said(other.redeem(code)) == REFUSED
    assert said(app.redeem(code, redirect_uri=REDIRECT + "/")) == REFUSED
    assert said(app.redeem(code, redirect_uri="https://evil.example/callback")) == REFUSED
    assert said(app.redeem(code, code_verifier="x" * 43)) == REFUSED
    assert said(app.redeem(code, code_verifier="")) == (400, "invalid_request")
    assert said(app.redeem(code, code_verifier="short")) == (400, "invalid_request")
    assert said(app.redeem("nothing")) == REFUSED
    assert said(app.post("/oauth/token", grant_type="authorization_code")) == (400, "invalid_request")
    assert app.redeem(code).status_code == 200


def test_a_confidential_app_that_does_not_prove_itself_gets_nothing(world: World) -> None:
    app = app_of(world, auth=AuthMethod.SECRET)
    code = code_for(world, app)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER}

    for sent in ({"client_id": app.id}, {"client_id": app.id, "client_secret": "wrong"}):
        assert said(world.client().post("/oauth/token", data={**form, **sent})) == (401, "invalid_client")
    assert app.redeem(code).status_code == 200


def test_a_public_app_sends_no_credentials_that_mean_nothing(world: World) -> None:
    app = app_of(world)
    code = code_for(world, app)

    assert said(app.redeem(code, client_secret="anything")) == (401, "invalid_client")
    assert app.redeem(code).status_code == 200


def test_an_app_gets_no_token_for_itself_and_a_program_no_code(world: World) -> None:
    app = app_of(world, auth=AuthMethod.SECRET)

    response = app.post("/oauth/token", grant_type="client_credentials")

    assert said(response) == (400, "unauthorized_client")


def test_a_refresh_token_is_replaced_at_each_use(world: World) -> None:
    app = app_of(world)
    first = tokens_for(world, app)

    second = app.refresh(first["refresh_token"]).json
    third = app.refresh(second["refresh_token"]).json

    assert len({first["refresh_token"], second["refresh_token"], third["refresh_token"]}) == 3
    assert third["scope"] == "member:read"
    assert world.services.guard.check(third["access_token"]).member == world.member


def test_a_refresh_token_used_again_ends_the_whole_family(world: World, clock: ManualClock) -> None:
    app = app_of(world)
    first = tokens_for(world, app)
    second = app.refresh(first["refresh_token"]).json
    untouched = tokens_for(world, app)

    stolen = app.refresh(first["refresh_token"])
    clock.advance(timedelta(seconds=5))

    assert said(stolen) == REFUSED
    assert said(app.refresh(second["refresh_token"])) == REFUSED
    for token in (first["access_token"], second["access_token"]):
        response = world.client().get("/v1/units", headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == 401
    assert app.refresh(untouched["refresh_token"]).status_code == 200
    with world.database.read() as work:
        reasons = work.fetch("SELECT facts ->> 'reason' FROM audit_entry WHERE action = 'grant.ended'")
    assert reasons == [("refresh token used again",)]


def test_of_many_refreshes_at_the_same_moment_none_leaves_a_good_token(world: World) -> None:
    app = app_of(world)
    token = tokens_for(world, app)["refresh_token"]
    answers = []

    threads = [threading.Thread(target=lambda: answers.append(app.refresh(token))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    good = [answer for answer in answers if answer.status_code == 200]
    assert len(good) <= 1
    assert all(said(app.refresh(answer.json["refresh_token"])) == REFUSED for answer in good)


def test_a_refresh_token_is_its_apps_and_not_for_more_than_was_allowed(world: World) -> None:
    app, other = app_of(world), app_of(world)
    token = tokens_for(world, app)["refresh_token"]

    assert said(other.refresh(token)) == REFUSED
    assert said(app.refresh(token, scope="member:read member:convert")) == (400, "invalid_scope")
    assert said(app.refresh("nothing")) == REFUSED
    assert app.refresh(token, scope="member:read").status_code == 200


def test_an_app_that_may_less_now_does_not_lose_its_family_by_asking(world: World) -> None:
    app = app_of(world)
    token = tokens_for(world, app)["refresh_token"]
    with world.database.work() as work:
        work.run("UPDATE access_clients SET scopes = '{member:convert}' WHERE id = %s", (app.id,))

    refused = app.refresh(token)
    with world.database.work() as work:
        work.run("UPDATE access_clients SET scopes = '{member:read}' WHERE id = %s", (app.id,))

    assert said(refused) == (400, "invalid_scope")
    assert app.refresh(token).status_code == 200


def test_a_refresh_token_lives_for_a_month_and_its_family_for_half_a_year(world: World, clock: ManualClock) -> None:
    app = app_of(world)
    unused, used = tokens_for(world, app)["refresh_token"], tokens_for(world, app)["refresh_token"]

    for _ in range(6):
        clock.advance(timedelta(days=29))
        used = app.refresh(used).json["refresh_token"]
    assert said(app.refresh(unused)) == REFUSED
    clock.advance(timedelta(days=6))

    assert said(app.refresh(used)) == REFUSED


def test_a_strict_app_keeps_its_refresh_token(world: World) -> None:
    from joserfc.jwk import ECKey

    from tests.gateway.oauth_world import proof

    app, key = strict_app(world), ECKey.generate_key("P-256")
    first = tokens_for(world, app, headers=proof(world, key))

    for _ in range(2):
        again = app.refresh(first["refresh_token"], headers=proof(world, key))
        assert again.status_code == 200
        assert "refresh_token" not in again.json


def test_a_stopped_person_or_app_gets_no_tokens_and_loses_those_there_are(world: World, clock: ManualClock) -> None:
    app, other = app_of(world), app_of(world)
    kept, ended = tokens_for(world, app), tokens_for(world, other)
    waiting = code_for(world, app)

    with world.database.work() as work:
        stop_client(work, other.id, actor="alice", now=START)
    assert said(other.refresh(ended["refresh_token"])) == (401, "invalid_client")
    with world.database.work() as work:
        stop_person(work, world.member, actor="alice", now=START)
    clock.advance(timedelta(seconds=5))

    assert said(app.refresh(kept["refresh_token"])) == REFUSED
    assert said(app.redeem(waiting)) == REFUSED
    for token in (kept["access_token"], ended["access_token"]):
        response = world.client().get("/v1/units", headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == 401


def test_a_members_token_opens_nothing_of_the_partners_or_the_operators(world: World) -> None:
    token = tokens_for(world, app_of(world, partner=""))["access_token"]
    headers = {"Authorization": f"Bearer {token}"}

    for path in ("/v1/units", "/v1/partners", "/v1/conversions", "/v1/rate-rules"):
        response = world.client().get(path, headers=headers)
        assert (response.status_code, response.json["code"]) == (403, "scope_missing"), path


def test_nothing_of_codes_and_refresh_tokens_lies_readable(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    app = app_of(world)
    code = code_for(world, app)
    body = app.redeem(code).json

    with world.database.read() as work:
        stored = str(
            work.fetch("SELECT row_to_json(c)::text FROM access_codes c")
            + work.fetch("SELECT row_to_json(r)::text FROM access_refresh r")
            + work.fetch("SELECT row_to_json(g)::text FROM access_grants g")
            + work.fetch("SELECT row_to_json(a)::text FROM audit_entry a")
        )

    for secret in (code, body["refresh_token"], body["access_token"]):
        assert secret not in stored
        assert secret not in caplog.text
