"""The sign-in pages against whoever means no good: any input, many attempts, another server, a stolen piece."""

import secrets
from datetime import timedelta
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from hub.access.entrance import PER_NETWORK
from hub.access.grants import CODE_SECONDS
from hub.access.service import stop_client
from hub.access.types import AuthMethod, CallerKind, Profile
from hub.gateway.pages.forms import Forms
from hub.kernel.clock import ManualClock
from tests.gateway.browser import Browser, answer_of, asked, forms_of
from tests.gateway.contract_client import ISSUER, World
from tests.gateway.oauth_world import REDIRECT, app_of, proof, strict_app
from tests.gateway.people_world import PASSWORD, member_with_password, operator_with_password, totp_code

PARAMETERS = (
    "client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge", "code_challenge_method",
    "request_uri", "request", "response_mode", "prompt", "max_age", "login_hint", "dpop_jkt", "nonce",
)  # fmt: skip
_LOOSE = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="session")
def app_id(walked: World) -> str:
    return app_of(walked).id


@given(changed=st.dictionaries(st.sampled_from(PARAMETERS), st.text(max_size=60), max_size=4))
@_LOOSE
def test_no_parameter_brings_a_fault_or_leads_elsewhere(walked: World, app_id: str, changed: dict[str, str]) -> None:
    app = app_of(walked, name="Any")

    response = Browser(walked).ask(app, **changed)

    assert response.status_code in (200, 303, 400)
    if response.status_code == 303:
        assert response.headers["Location"].startswith(f"{REDIRECT}?error=")


@given(raw=st.binary(max_size=120))
@_LOOSE
def test_no_address_brings_a_fault(walked: World, raw: bytes) -> None:
    response = Browser(walked).go("/oauth/authorize?" + quote(raw, safe="=&+%"))

    assert response.status_code == 400


@given(
    form=st.sampled_from(["sign-in", "consent", "sign-out", "enrol"]),
    carried=st.text(max_size=120),
    fields=st.dictionaries(st.sampled_from(["login", "password", "code", "credential", "answer", "again"]), st.text()),
)
@_LOOSE
def test_no_form_brings_a_fault_even_with_a_proof_of_ours(
    walked: World, form: str, carried: str, fields: dict[str, str]
) -> None:
    cookie = secrets.token_urlsafe(32)
    browser = Browser(walked)
    browser.client.set_cookie("__Host-hub", cookie, domain="hub.example", secure=True)
    shown = Forms(walked.services.people_secret, secure=True).proof(form, cookie, carried)

    sent = {**fields, "request": carried, "proof": shown}
    response = browser.client.post(f"/oauth/{form}", data=sent, base_url=ISSUER)

    assert response.status_code in (400, 403, 404)


def test_a_form_that_is_too_large_is_refused(world: World) -> None:
    browser = Browser(world)
    page = browser.ask(app_of(world))

    assert browser.send(page, "/oauth/sign-in", login="x" * 300_000).status_code == 413


def test_wrong_attempts_stop_a_network_and_right_ones_do_not(world: World, clock: ManualClock) -> None:
    member_with_password(world, "wanderer")
    app, browser = app_of(world), Browser(world)
    for _ in range(3):
        other = Browser(world)
        other.sign_in(other.ask(app), "wanderer", PASSWORD)
    page = browser.ask(app)

    answers = [browser.send(page, "/oauth/sign-in", credential="{}").status_code for _ in range(PER_NETWORK.attempts)]
    refused = browser.send(page, "/oauth/sign-in", credential="{}")

    assert answers == [403] * PER_NETWORK.attempts
    assert refused.status_code == 429
    assert browser.sign_in(page, "wanderer", PASSWORD).status_code == 429, "whoever it is"
    clock.advance(timedelta(seconds=PER_NETWORK.seconds))
    assert browser.sign_in(browser.ask(app), "wanderer", PASSWORD).status_code == 200


def test_every_answer_says_which_server_it_is_from(world: World) -> None:
    """An app that asked two servers can tell their answers apart (RFC 9207)."""
    member_with_password(world, "wanderer")
    app, browser = app_of(world), Browser(world)
    page = browser.sign_in(browser.ask(app), "wanderer", PASSWORD)

    answers = [
        browser.send(page, "/oauth/consent", answer="yes"),
        browser.send(page, "/oauth/consent", answer="no"),
        browser.ask(app, scope="everything"),
        Browser(world).ask(app, prompt="none"),
    ]

    assert [answer_of(one)["iss"] for one in answers] == [ISSUER] * 4


def test_an_address_of_an_app_keeps_its_own_query_and_the_state_as_it_came(world: World) -> None:
    member_with_password(world, "wanderer")
    place = "https://app.example/callback?tenant=7"
    app, browser = app_of(world, redirect_uris=(place,)), Browser(world)
    state = "a b&c=d%00é#\r\nLocation: https://evil.example"

    page = browser.sign_in(browser.ask(app, redirect_uri=place, state=state), "wanderer", PASSWORD)
    sent = browser.send(page, "/oauth/consent", answer="yes").headers["Location"]

    told = dict(parse_qsl(urlsplit(sent).query))
    assert sent.startswith(place + "&")
    assert (told["tenant"], told["state"]) == ("7", state)
    assert len(told["code"]) == 43


def test_a_code_from_the_page_is_good_once_and_for_a_minute(world: World, clock: ManualClock) -> None:
    member_with_password(world, "wanderer")
    app, browser = app_of(world), Browser(world)
    page = browser.sign_in(browser.ask(app), "wanderer", PASSWORD)
    first, second = (answer_of(browser.send(page, "/oauth/consent", answer="yes"))["code"] for _ in range(2))

    tokens = app.redeem(first).json
    replayed = app.redeem(first)
    clock.advance(timedelta(seconds=CODE_SECONDS))

    assert replayed.status_code == 400
    assert app.refresh(tokens["refresh_token"]).status_code == 400, "a replay ends what came from the code"
    assert app.redeem(second).status_code == 400


def test_an_app_that_is_stopped_while_its_page_is_open_gets_nothing(world: World) -> None:
    member_with_password(world, "wanderer")
    app, browser = app_of(world), Browser(world)
    page = browser.sign_in(browser.ask(app), "wanderer", PASSWORD)
    with world.database.work() as work:
        stop_client(work, app.id, actor="alice", now=world.services.clock.now())

    for answer in ("yes", "no"):
        assert browser.send(page, "/oauth/consent", answer=answer).status_code == 400
    assert world.count("access_grants") == 0


def test_an_app_of_the_strict_profile_goes_the_whole_way(world: World) -> None:
    """Pushed request, keys instead of secrets, tokens bound to a key: FAPI 2.0, with a person in between."""
    member_with_password(world, "wanderer")
    app, key, browser = strict_app(world), ECKey.generate_key("P-256"), Browser(world)
    pushed = app.post("/oauth/par", proof(world, key, path="/oauth/par"), **asked(app))
    query = urlencode({"client_id": app.id, "request_uri": pushed.json["request_uri"]})

    page = browser.sign_in(browser.go(f"/oauth/authorize?{query}"), "wanderer", PASSWORD)
    told = answer_of(browser.send(page, "/oauth/consent", answer="yes"))
    stolen = app.redeem(told["code"], proof(world, ECKey.generate_key("P-256")))
    tokens = app.redeem(told["code"], proof(world, key)).json

    assert stolen.status_code == 400, "bound to the key of the request"
    assert tokens["token_type"] == "DPoP"
    principal = world.services.guard.check(tokens["access_token"])
    assert (principal.subject, principal.bound_to) == (world.member, key.thumbprint())


def test_a_pushed_request_asks_for_a_fresh_sign_in_whatever_the_address_says(world: World) -> None:
    member_with_password(world, "wanderer")
    app, browser = strict_app(world), Browser(world)
    browser.sign_in(browser.ask(app_of(world)), "wanderer", PASSWORD)
    uri = app.post("/oauth/par", **asked(app, prompt="login")).json["request_uri"]

    for extra in ({}, {"prompt": "consent"}, {"max_age": "9999"}):
        query = urlencode({"client_id": app.id, "request_uri": uri, **extra})
        assert "/oauth/sign-in" in forms_of(browser.go(f"/oauth/authorize?{query}"))


def test_nothing_that_was_typed_is_kept_as_it_was(world: World) -> None:
    member_with_password(world, "wanderer")
    operator = operator_with_password(world, "maya", scopes=("audit:read",))
    browser, other = Browser(world), Browser(world)
    console = app_of(world, partner="", people=CallerKind.OPERATOR, name="Console", scopes=("audit:read",))
    browser.sign_in(browser.ask(app_of(world)), "wanderer", PASSWORD)
    other.sign_in(other.ask(console, scope="audit:read"), "maya", PASSWORD, code=totp_code(world, operator))

    with world.database.read() as work:
        tables = [name for (name,) in work.fetch("SELECT relname FROM pg_class WHERE relname LIKE 'access\\_%%' "
                                                 "AND relkind = 'r'")]  # fmt: skip
        kept = " ".join(str(row) for name in tables for row in work.fetch(f"SELECT t::text FROM {name} AS t"))  # type: ignore[arg-type]

    assert "$argon2id$" in kept
    for secret in (PASSWORD, "wanderer", browser.cookie(), other.cookie()):
        assert secret not in kept
        assert secret.encode().hex() not in kept


@pytest.mark.parametrize("auth", list(AuthMethod))
def test_every_sort_of_app_is_answered(world: World, auth: AuthMethod) -> None:
    member_with_password(world, "wanderer")
    app, browser = app_of(world, auth=auth, profile=Profile.BASELINE), Browser(world)

    page = browser.sign_in(browser.ask(app), "wanderer", PASSWORD)

    assert app.redeem(answer_of(browser.send(page, "/oauth/consent", answer="yes"))["code"]).status_code == 200
