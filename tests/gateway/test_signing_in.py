"""The pages of `/oauth/authorize`: what a person sees, what an app is told, and what nobody is told."""

import re
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from hub.access.entrance import PER_ACCOUNT
from hub.access.people import stop_person
from hub.access.scopes import WORDS, Scope
from hub.access.service import stop_client
from hub.access.types import AuthMethod, CallerKind, Profile
from hub.kernel.clock import ManualClock
from tests.conftest import START
from tests.gateway.browser import Browser, answer_of, asked, forms_of
from tests.gateway.contract_client import ISSUER, World
from tests.gateway.oauth_world import REDIRECT, App, app_of, strict_app
from tests.gateway.people_world import PASSWORD, member_with_password, operator_with_password, totp_code

LOGIN = "wanderer"


@pytest.fixture
def member(world: World) -> str:
    """The world's member, with a login and a password."""
    return member_with_password(world, LOGIN)


def consent_page(world: World, app: App, browser: Browser | None = None, **changed: str | None) -> TestResponse:
    browser = browser or Browser(world)
    page = browser.sign_in(browser.ask(app, **changed), LOGIN, PASSWORD)
    assert "/oauth/consent" in forms_of(page), page.get_data(as_text=True)
    return page


def test_a_member_signs_in_says_yes_and_the_app_may_act(world: World, member: str) -> None:
    app, browser = app_of(world), Browser(world)

    page = browser.sign_in(browser.ask(app), LOGIN, PASSWORD)
    told = answer_of(browser.send(page, "/oauth/consent", answer="yes"))

    assert "Pocket Miles" in page.text
    assert "Aerojet" in page.text
    assert WORDS[Scope.MEMBER_READ] in page.text
    assert WORDS[Scope.MEMBER_CONVERT] not in page.text
    assert "app.example" in page.text
    assert (told["to"], told["state"], told["iss"]) == (REDIRECT, "af0ifjsldkj", ISSUER)
    tokens = app.redeem(told["code"]).json
    principal = world.services.guard.check(tokens["access_token"])
    assert (principal.kind, principal.subject, principal.scopes) == (CallerKind.MEMBER, member, {"member:read"})


def test_a_member_says_no_and_the_app_is_told(world: World, member: str) -> None:
    app, browser = app_of(world), Browser(world)
    page = consent_page(world, app, browser)

    told = answer_of(browser.send(page, "/oauth/consent", answer="no"))

    assert (told["to"], told["error"], told["state"], told["iss"]) == (REDIRECT, "access_denied", "af0ifjsldkj", ISSUER)
    assert "code" not in told
    assert world.count("access_grants") == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "client_01krjw0000000000000000000z"},
        {"client_id": None},
        {"client_id": "\0"},
        {"redirect_uri": None},
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": REDIRECT + "/"},
        {"redirect_uri": REDIRECT + "?next=https://evil.example"},
        {"redirect_uri": REDIRECT.replace("https", "http")},
        {"redirect_uri": "https://app.example@evil.example/callback"},
        {"redirect_uri": 'https://app.example/"<b>'},
        {"redirect_uri": "javascript:alert(1)"},
        {"request_uri": "urn:ietf:params:oauth:request_uri:nothing"},
        {"request_uri": "https://evil.example/request.jwt"},
        {"state": "x" * 6_000},
    ],
)
def test_what_no_app_can_be_told_is_shown_and_sent_nowhere(world: World, changed: dict[str, str | None]) -> None:
    app = app_of(world)

    response = Browser(world).ask(app, **changed)

    assert response.status_code == 400
    assert "Location" not in response.headers
    assert "<b>" not in response.text
    assert "evil.example" not in response.text


def test_a_repeated_parameter_is_shown_and_sent_nowhere(world: World) -> None:
    app = app_of(world)
    query = f"client_id={app.id}&redirect_uri={REDIRECT}&redirect_uri={REDIRECT}"

    response = Browser(world).go(f"/oauth/authorize?{query}")

    assert (response.status_code, "Location" in response.headers) == (400, False)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"response_type": 'co"de'}, "unsupported_response_type"),
        ({"scope": "conversions:read"}, "invalid_scope"),
        ({"scope": 'member:read "'}, "invalid_scope"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"request": "e30.e30."}, "request_not_supported"),
        ({"prompt": "select_account"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"dpop_jkt": "x"}, "invalid_request"),
    ],
)
def test_what_an_app_does_wrong_it_is_told_at_its_own_address(
    world: World, changed: dict[str, str | None], error: str
) -> None:
    app = app_of(world)

    told = answer_of(Browser(world).ask(app, **changed))

    assert (told["to"], told["error"], told["iss"], told["state"]) == (REDIRECT, error, ISSUER, "af0ifjsldkj")


def test_a_stopped_app_and_a_program_lead_nowhere(world: World) -> None:
    stopped = app_of(world)
    with world.database.work() as work:
        stop_client(work, stopped.id, actor="alice", now=START)
    with world.database.read() as work:
        program = str(work.fetch("SELECT id FROM access_clients WHERE people = '' LIMIT 1")[0][0])

    for id in (stopped.id, program):
        assert Browser(world).ask(stopped, client_id=id).status_code == 400


def test_an_app_on_a_device_is_answered_at_any_port_of_the_loopback_address_it_registered(world: World) -> None:
    local = "http://127.0.0.1/done"
    native = app_of(world, redirect_uris=(local, "http://localhost/done"))
    server = app_of(world, auth=AuthMethod.SECRET, redirect_uris=(local,))

    for place in ("http://127.0.0.1/done", "http://127.0.0.1:49152/done", "http://127.0.0.1:1/done"):
        assert Browser(world).ask(native, redirect_uri=place).status_code == 200
    for place in (
        "http://127.0.0.1:49152/other",
        "http://127.0.0.1:49152@evil.example/done",
        "http://127.0.0.2:49152/done",
        "http://127.0.0.1:999999/done",
        "https://127.0.0.1:49152/done",
        "http://localhost:49152/done",
    ):
        assert Browser(world).ask(native, redirect_uri=place).status_code == 400
    assert Browser(world).ask(server, redirect_uri="http://127.0.0.1:49152/done").status_code == 400


def test_a_code_that_went_to_one_port_is_redeemed_with_that_port_only(world: World, member: str) -> None:
    app, browser = app_of(world, redirect_uris=("http://127.0.0.1/done",)), Browser(world)
    place = "http://127.0.0.1:49152/done"
    page = consent_page(world, app, browser, redirect_uri=place)

    told = answer_of(browser.send(page, "/oauth/consent", answer="yes"))

    assert told["to"] == place
    assert app.redeem(told["code"], redirect_uri="http://127.0.0.1:49153/done").status_code == 400
    assert app.redeem(told["code"], redirect_uri=place).status_code == 200


def test_every_wrong_sign_in_reads_the_same(world: World, member: str) -> None:
    app = app_of(world)
    shown = []

    for login, password in (
        (LOGIN, "not the right one at all"),
        ("nobody here", PASSWORD),
        ("", ""),
        ("\0", "\0" * 999),
    ):
        browser = Browser(world)
        page = browser.sign_in(browser.ask(app), login, password)
        text = page.text.replace(forms_of(page)["/oauth/sign-in"]["proof"], "")
        shown.append((page.status_code, re.sub(r'data-options="[^"]*"', "", text)))

    assert shown[0][0] == 403
    assert len(set(shown)) == 1


def test_wrong_guesses_stop_an_account_for_a_while_wherever_they_come_from(
    world: World, member: str, clock: ManualClock
) -> None:
    app, browser = app_of(world), Browser(world)
    page = browser.ask(app)
    for _ in range(PER_ACCOUNT.attempts):
        assert browser.sign_in(page, LOGIN, "not the right one at all").status_code == 403

    other = Browser(world)
    refused = other.sign_in(other.ask(app), LOGIN, PASSWORD)
    nobody = [browser.sign_in(page, "nobody here", PASSWORD).status_code for _ in range(PER_ACCOUNT.attempts + 1)]
    clock.advance(timedelta(seconds=PER_ACCOUNT.seconds))
    later = other.sign_in(other.ask(app), LOGIN, PASSWORD)

    assert (refused.status_code, refused.headers["Retry-After"]) == (429, str(PER_ACCOUNT.seconds))
    assert nobody == [403] * PER_ACCOUNT.attempts + [429], "who is not there is counted like who is"
    assert later.status_code == 200


def test_the_cookie_of_before_is_never_the_one_that_is_signed_in(world: World, member: str) -> None:
    app, browser = app_of(world), Browser(world)
    page = browser.ask(app)
    planted = browser.cookie()

    browser.sign_in(page, LOGIN, PASSWORD)
    thief = Browser(world)
    thief.client.set_cookie("__Host-hub", planted, domain="hub.example", secure=True)

    assert planted
    assert browser.cookie() != planted
    assert "/oauth/sign-in" in forms_of(thief.ask(app))
    with world.database.read() as work:
        assert browser.cookie().encode() not in [
            bytes(one) for (one,) in work.fetch("SELECT hash FROM access_sessions")
        ]


def test_signing_in_again_and_signing_out_end_the_visit_of_before(world: World, member: str) -> None:
    app, browser = app_of(world), Browser(world)
    page = consent_page(world, app, browser)
    first = browser.cookie()

    browser.sign_in(browser.ask(app, prompt="login"), LOGIN, PASSWORD)
    assert world.count("access_sessions") == 1
    out = browser.send(browser.ask(app), "/oauth/sign-out")

    assert world.count("access_sessions") == 0
    assert browser.cookie() != first
    assert "/oauth/sign-in" in forms_of(browser.go(out.headers["Location"]))
    assert browser.send(page, "/oauth/consent", answer="yes").status_code == 403, "a form of before is of no use"


def test_the_cookie_is_of_this_host_alone_and_no_script_reads_it(world: World) -> None:
    response = Browser(world).ask(app_of(world))

    name, *attributes = response.headers["Set-Cookie"].split("; ")
    assert name.startswith("__Host-hub=")
    assert set(attributes) == {"Path=/", "HttpOnly", "SameSite=Lax", "Secure"}


def test_a_form_is_good_in_one_browser_for_one_request_and_one_end(world: World, member: str) -> None:
    app, other = app_of(world), app_of(world, name="Another")
    mine, thief = Browser(world), Browser(world)
    page = consent_page(world, app, mine)
    consent = forms_of(page)["/oauth/consent"]
    sign_in = forms_of(thief.ask(app))["/oauth/sign-in"]

    def sent(browser: Browser, action: str, form: dict[str, str], **headers: str) -> int:
        return browser.client.post(action, data=form, base_url=ISSUER, headers=headers).status_code

    yes = {**consent, "answer": "yes"}
    foreign = forms_of(consent_page(world, other, thief))["/oauth/consent"]["request"]
    assert sent(thief, "/oauth/consent", yes) == 403, "another browser"
    assert sent(Browser(world), "/oauth/consent", yes) == 403, "no browser at all"
    assert sent(mine, "/oauth/consent", {**yes, "proof": ""}) == 403
    assert sent(mine, "/oauth/consent", {**yes, "proof": "é"}) == 403
    assert sent(mine, "/oauth/consent", {**yes, "request": foreign}) == 403, "another request"
    assert sent(mine, "/oauth/sign-out", consent) == 403, "another form"
    assert sent(mine, "/oauth/consent", {}) == 403
    assert sent(Browser(world), "/oauth/sign-in", {**sign_in, "login": LOGIN, "password": PASSWORD}) == 403
    crossed = mine.client.post("/oauth/consent", data=yes, base_url=ISSUER, headers={"Sec-Fetch-Site": "cross-site"})
    assert crossed.status_code == 403
    assert mine.client.post("/oauth/consent", json=yes, base_url=ISSUER).status_code == 403
    assert world.count("access_grants") == 0
    assert sent(mine, "/oauth/consent", yes) == 303


def test_pages_cannot_be_framed_kept_or_made_to_load_from_outside(world: World, member: str) -> None:
    app, browser = app_of(world), Browser(world)
    pages = [browser.ask(app), Browser(world).ask(app, client_id=None), consent_page(world, app, browser)]
    pages.append(browser.send(pages[-1], "/oauth/consent", answer="no"))

    for shown in pages:
        policy = dict(one.strip().split(" ", 1) for one in shown.headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == "'self'"
        assert policy["form-action"] in ("'self'", "'self' https://app.example")
        assert shown.headers["X-Frame-Options"] == "DENY"
        assert shown.headers["Referrer-Policy"] == "no-referrer"
        assert shown.headers["Cache-Control"] == "no-store"
        assert "http://" not in shown.text
        assert "<script" not in shown.text.replace('<script src="/oauth/passkey.js"', "")
        assert " style=" not in shown.text
        assert " on" + "click" not in shown.text
    assert browser.go("/oauth/style.css").mimetype == "text/css"


def test_what_an_app_is_called_and_what_it_sends_is_shown_as_text(world: World, member: str) -> None:
    app = app_of(world, name="Tom & 'Jerry'")

    page = Browser(world).ask(app, login_hint='"><script>alert(1)</script>', state="<b>")

    assert "Tom &amp; &#39;Jerry&#39;" in page.text
    assert "<script>" not in page.text
    assert forms_of(page)["/oauth/sign-in"]["login"] == '"><script>alert(1)</script>'


def test_an_app_with_credentials_is_remembered_and_one_without_is_not(world: World, member: str) -> None:
    server, native = app_of(world, auth=AuthMethod.SECRET), app_of(world)
    browser = Browser(world)
    for app in (server, native):
        page = browser.ask(app)
        page = browser.sign_in(page, LOGIN, PASSWORD) if "/oauth/sign-in" in forms_of(page) else page
        browser.send(page, "/oauth/consent", answer="yes")

    again = answer_of(browser.ask(server))

    assert "code" in again
    assert "/oauth/consent" in forms_of(browser.ask(native)), "anybody can claim to be it"
    assert "/oauth/consent" in forms_of(browser.ask(server, prompt="consent"))
    assert "/oauth/consent" in forms_of(browser.ask(server, scope="member:read member:convert")), "it asks for more"
    assert "code" in answer_of(browser.ask(server, prompt="none"))
    assert answer_of(browser.ask(native, prompt="none"))["error"] == "consent_required"


def test_somebody_signs_in_anew_when_the_app_wants_it(world: World, member: str, clock: ManualClock) -> None:
    app, browser = app_of(world), Browser(world)
    consent_page(world, app, browser)
    clock.advance(timedelta(seconds=600))

    assert "/oauth/consent" in forms_of(browser.ask(app, max_age="600"))
    for changed in ({"max_age": "599"}, {"max_age": "0"}, {"prompt": "login"}):
        page = browser.ask(app, **changed)
        assert "/oauth/sign-in" in forms_of(page), changed
        page = browser.sign_in(page, LOGIN, PASSWORD)
        assert "/oauth/consent" in forms_of(page), changed
        clock.advance(timedelta(seconds=600))


def test_a_visit_ends_after_half_an_hour_and_when_its_person_is_stopped(
    world: World, member: str, clock: ManualClock
) -> None:
    app, browser, other = app_of(world), Browser(world), Browser(world)
    consent_page(world, app, browser)
    clock.advance(timedelta(seconds=1_800))
    page = consent_page(world, app, other)

    assert "/oauth/sign-in" in forms_of(browser.ask(app))
    with world.database.work() as work:
        stop_person(work, member, actor="alice", now=clock.now())

    assert "/oauth/sign-in" in forms_of(other.ask(app))
    again = other.send(page, "/oauth/consent", answer="yes")
    assert again.headers["Location"].startswith("/oauth/authorize?"), "back to the sign-in page"
    assert other.sign_in(other.ask(app), LOGIN, PASSWORD).status_code == 403


def test_a_pushed_request_is_decided_on_once_and_expires(world: World, member: str, clock: ManualClock) -> None:
    app, browser = strict_app(world), Browser(world)

    def pushed(**changed: str) -> dict[str, str | None]:
        uri = app.post("/oauth/par", **asked(app, **changed)).json["request_uri"]
        return {**dict.fromkeys(asked(app)), "client_id": app.id, "request_uri": uri}

    first, second, third = pushed(), pushed(prompt="consent"), pushed()
    page = consent_page(world, app, browser, **first)
    told = answer_of(browser.send(page, "/oauth/consent", answer="yes"))
    again = browser.send(page, "/oauth/consent", answer="yes")
    refused = answer_of(
        browser.send(browser.ask(app, **second, prompt="what was not pushed"), "/oauth/consent", answer="no")
    )
    foreign = browser.ask(app_of(world), request_uri=str(third["request_uri"]))
    clock.advance(timedelta(seconds=300))

    assert (told["to"], told["state"]) == (REDIRECT, "af0ifjsldkj")
    assert again.status_code == 400
    assert refused["error"] == "access_denied"
    assert browser.ask(app, **second).status_code == 400
    assert foreign.status_code == 400, "another app's"
    assert browser.ask(app, **third).status_code == 400, "too late"


def test_an_app_of_profile_fapi2_pushes_its_requests(world: World) -> None:
    app = app_of(world, auth=AuthMethod.PRIVATE_KEY_JWT, profile=Profile.FAPI2)

    told = answer_of(Browser(world).ask(app))

    assert (told["error"], told["to"]) == ("invalid_request", REDIRECT)


def test_an_operator_signs_in_with_a_second_factor_and_gives_no_more_than_they_have(world: World) -> None:
    operator = operator_with_password(world, "maya", scopes=("audit:read", "rates:read"))
    app = app_of(world, partner="", people=CallerKind.OPERATOR, name="Console", scopes=("audit:read", "clients:write"))
    browser = Browser(world)
    page = browser.ask(app, scope="audit:read clients:write")

    without = browser.sign_in(page, "maya", PASSWORD)
    wrong = browser.sign_in(page, "maya", PASSWORD, code="000000")
    code = totp_code(world, operator)
    shown = browser.sign_in(page, "maya", PASSWORD, code=code)
    replayed = browser.sign_in(Browser(world).ask(app, scope="audit:read"), "maya", PASSWORD, code=code)
    told = answer_of(browser.send(shown, "/oauth/consent", answer="yes"))

    assert [without.status_code, wrong.status_code] == [403, 403]
    assert "maya" in shown.text
    assert WORDS[Scope.AUDIT_READ] in shown.text
    assert WORDS[Scope.CLIENTS_WRITE] not in shown.text
    assert replayed.status_code == 403, "a one-time code is good once"
    tokens = app.redeem(told["code"]).json
    principal = world.services.guard.check(tokens["access_token"])
    assert (principal.kind, principal.subject) == (CallerKind.OPERATOR, operator)
    assert principal.scopes == {"audit:read"}


def test_an_operator_and_a_member_do_not_take_each_others_places(world: World, member: str) -> None:
    operator_with_password(world, LOGIN, scopes=("audit:read",))
    console = app_of(world, partner="", people=CallerKind.OPERATOR, name="Console", scopes=("audit:read",))
    browser = Browser(world)
    consent_page(world, app_of(world), browser)

    page = browser.ask(console, scope="audit:read")

    assert "/oauth/sign-in" in forms_of(page), "signed in as a member is not signed in as an operator"
    assert browser.sign_in(page, LOGIN, PASSWORD).status_code == 403
    told = answer_of(Browser(world).ask(console, scope="audit:read", prompt="none"))
    assert told["error"] == "login_required"


def test_an_operator_without_a_second_factor_does_not_sign_in(world: World) -> None:
    operator = operator_with_password(world, "maya", scopes=("audit:read",))
    code = totp_code(world, operator)
    with world.database.work() as work:
        work.run("UPDATE access_people SET totp_sealed = NULL WHERE id = %s", (operator,))
    console = app_of(world, partner="", people=CallerKind.OPERATOR, name="Console", scopes=("audit:read",))
    browser = Browser(world)

    for sent in ("", code):
        page = browser.ask(console, scope="audit:read")
        assert browser.sign_in(page, "maya", PASSWORD, code=sent).status_code == 403


def test_an_operator_who_may_do_nothing_that_is_asked_gives_nothing(world: World) -> None:
    operator = operator_with_password(world, "maya", scopes=("rates:read",))
    console = app_of(world, partner="", people=CallerKind.OPERATOR, name="Console", scopes=("audit:read",))
    browser = Browser(world)

    sent = browser.sign_in(browser.ask(console, scope="audit:read"), "maya", PASSWORD, code=totp_code(world, operator))

    assert answer_of(sent)["error"] == "access_denied"
