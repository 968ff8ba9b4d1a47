"""The page behind a one-time link: what somebody chooses there, once, and what ends with it."""

from datetime import timedelta

import pyotp
import pytest
from werkzeug.test import TestResponse

from hub.access.enrolling import PER_PERSON
from hub.access.one_time import STEP_SECONDS, new_totp
from hub.access.people import ENROLMENT_SECONDS, Person, add_member_person, add_operator, new_enrolment
from hub.access.recovery import CODES
from hub.access.types import CallerKind
from hub.kernel.clock import ManualClock
from tests.gateway.browser import Browser, answer_of, forms_of
from tests.gateway.contract_client import ISSUER, World
from tests.gateway.oauth_world import App, app_of
from tests.gateway.people_world import PASSWORD, member_with_password, operator_with_password

ENROL = "/oauth/enrol"


def link_for(world: World, person: Person) -> str:
    """A fresh link of this person."""
    services = world.services
    totp = new_totp() if person.kind is CallerKind.OPERATOR else ""
    with world.database.work() as work:
        token = new_enrolment(work, services.vault, person, totp=totp, actor="alice", now=services.clock.now())
    return f"{ENROL}/{token}"


def operator(world: World, name: str = "maya") -> Person:
    with world.database.work() as work:
        return add_operator(work, name=name, scopes=("audit:read",), actor="alice", now=world.services.clock.now())


def member(world: World) -> Person:
    with world.database.work() as work:
        return add_member_person(work, world.member, now=world.services.clock.now())


def console(world: World) -> App:
    return app_of(world, partner="", people=CallerKind.OPERATOR, name="Console", scopes=("audit:read",))


def filled(browser: Browser, page: TestResponse, **fields: str) -> TestResponse:
    """The form with a good login and password, but for what a test changes."""
    return browser.send(page, ENROL, **{"login": "wanderer", "password": PASSWORD, "again": PASSWORD, **fields})


def shown_code(world: World, page: TestResponse, *, later: int = 0) -> str:
    """What an authenticator shows that was given the secret of this page."""
    secret = page.text.partition("<p><code>")[2].partition("</code>")[0].replace(" ", "")
    return pyotp.TOTP(secret).generate_otp(int(world.services.clock.now().timestamp()) // STEP_SECONDS + later)


def test_a_member_chooses_a_login_and_a_password_and_signs_in_with_them(world: World) -> None:
    link, browser, app = link_for(world, member(world)), Browser(world), app_of(world)

    done = filled(browser, browser.go(link), login=" Wanderer ")

    assert done.status_code == 200
    assert "Recovery codes" not in done.text
    assert "/oauth/consent" in forms_of(browser.sign_in(browser.ask(app), "WANDERER", PASSWORD))


def test_a_link_is_looked_at_as_often_as_one_likes_and_used_once(world: World) -> None:
    link, browser, thief = link_for(world, member(world)), Browser(world), Browser(world)
    thief_saw = thief.go(link)
    page = browser.go(link)

    assert filled(browser, page).status_code == 200
    assert filled(thief, thief_saw, login="thief").status_code == 404
    assert filled(browser, page).status_code == 404
    assert browser.go(link).status_code == 404


def test_a_newer_link_ends_an_older_one_and_each_ends_after_a_day(world: World, clock: ManualClock) -> None:
    person, browser = member(world), Browser(world)
    old, new = link_for(world, person), link_for(world, person)

    assert browser.go(old).status_code == 404
    assert browser.go(new).status_code == 200
    clock.advance(timedelta(seconds=ENROLMENT_SECONDS))

    assert browser.go(new).status_code == 404
    assert browser.go(f"{ENROL}/nothing").status_code == 404
    assert browser.go(f"{ENROL}/%00").status_code == 404


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"login": "ab"}, "3 to 64"),
        ({"login": "x" * 65}, "3 to 64"),
        ({"login": "a\u0000bc"}, "3 to 64"),
        ({"password": "short", "again": "short"}, "15 to 128"),
        ({"password": "wanderer wanderer", "again": "wanderer wanderer"}, "easy to guess"),
        ({"again": PASSWORD + "x"}, "not the same"),
        ({"login": "somebody"}, "Somebody else"),
    ],
)
def test_what_is_not_right_yet_is_mended_on_the_same_page(world: World, fields: dict[str, str], said: str) -> None:
    person, browser = member(world), Browser(world)
    link = link_for(world, person)
    with world.database.work() as work:
        taken = add_member_person(work, "mbr_" + "0" * 26, now=world.services.clock.now())
        assert taken.id != person.id
    other = Browser(world)
    filled(other, other.go(link_for(world, taken)), login="somebody")

    wrong = filled(browser, browser.go(link), **fields)
    mended = filled(browser, wrong)

    assert 400 <= wrong.status_code < 500
    assert said in wrong.text
    assert PASSWORD not in wrong.text
    assert mended.status_code == 200


def test_an_operator_shows_the_second_factor_before_it_counts(world: World, clock: ManualClock) -> None:
    browser = Browser(world)
    page = browser.go(link_for(world, operator(world)))

    without = filled(browser, page, login="maya")
    wrong = filled(browser, page, login="maya", code="000000")
    late = filled(browser, page, login="maya", code=shown_code(world, page, later=-2))
    code = shown_code(world, page)
    done = filled(browser, page, login="maya", code=code)
    replayed = browser.sign_in(browser.ask(console(world), scope="audit:read"), "maya", PASSWORD, code=code)
    fresh = shown_code(world, page, later=1)
    signed_in = browser.sign_in(browser.ask(console(world), scope="audit:read"), "maya", PASSWORD, code=fresh)

    assert [one.status_code for one in (without, wrong, late)] == [422] * 3
    assert done.status_code == 200
    assert replayed.status_code == 403, "the code of the enrolment is used"
    assert "/oauth/consent" in forms_of(signed_in)


def test_a_recovery_code_stands_in_for_a_one_time_code_once(world: World) -> None:
    browser, app = Browser(world), console(world)
    page = browser.go(link_for(world, operator(world)))
    done = filled(browser, page, login="maya", code=shown_code(world, page))
    codes = [part.partition("</code>")[0] for part in done.text.split("<code>")[1:]]

    def enter(code: str, password: str = PASSWORD) -> int:
        other = Browser(world)
        return other.sign_in(other.ask(app, scope="audit:read"), "maya", password, code=code).status_code

    assert len(set(codes)) == CODES
    assert enter(codes[0], "not the right one at all") == 403, "it is no password"
    assert enter(codes[0]) == 200
    assert enter(codes[0]) == 403
    assert enter(codes[1].lower().replace("-", " ")) == 200, "however it is typed"
    assert world.count("access_recovery") == CODES - 2
    with world.database.read() as work:
        facts = work.fetch("SELECT facts FROM audit_entry WHERE action = 'person.signed_in' ORDER BY number")
    assert [one["with"] for (one,) in facts] == ["password and recovery code"] * 2


def test_enrolling_anew_ends_what_was_good_before(world: World, clock: ManualClock) -> None:
    member_with_password(world, "wanderer")
    browser, app = Browser(world), app_of(world)
    browser.sign_in(browser.ask(app), "wanderer", PASSWORD)
    other = Browser(world)

    filled(other, other.go(link_for(world, member(world))), login="walker")

    assert "/oauth/sign-in" in forms_of(browser.ask(app)), "the visit has ended"
    assert browser.sign_in(browser.ask(app), "wanderer", PASSWORD).status_code == 403
    assert "/oauth/consent" in forms_of(browser.sign_in(browser.ask(app), "walker", PASSWORD))


def test_an_operators_new_link_ends_the_codes_of_the_old_one(world: World) -> None:
    person = operator(world)
    browser = Browser(world)
    for _ in range(2):
        page = browser.go(link_for(world, person))
        filled(browser, page, login="maya", code=shown_code(world, page))

    assert world.count("access_recovery") == CODES


def test_a_link_does_not_serve_to_find_out_who_has_which_login(world: World) -> None:
    browser = Browser(world)
    page = browser.go(link_for(world, member(world)))

    answers = [filled(browser, page, again="another").status_code for _ in range(PER_PERSON.attempts + 1)]

    assert answers == [422] * PER_PERSON.attempts + [429]


def test_the_form_is_of_one_browser_and_one_link(world: World) -> None:
    person = member(world)
    link = link_for(world, person)
    mine, thief = Browser(world), Browser(world)
    form = {**forms_of(mine.go(link))[ENROL], "login": "thief", "password": PASSWORD, "again": PASSWORD}
    thief.go(link)

    assert thief.client.post(ENROL, data=form, base_url=ISSUER).status_code == 403
    assert mine.client.post(ENROL, data={**form, "request": "another"}, base_url=ISSUER).status_code == 403
    assert mine.client.post(ENROL, data={**form, "proof": ""}, base_url=ISSUER).status_code == 403


def test_a_stopped_operator_has_no_link_no_visit_and_no_app(world: World) -> None:
    from hub.access.people import start_person, stop_person

    id = operator_with_password(world, "maya", scopes=("audit:read",))
    from tests.gateway.people_world import totp_code

    browser, app, now = Browser(world), console(world), world.services.clock.now()
    page = browser.sign_in(browser.ask(app, scope="audit:read"), "maya", PASSWORD, code=totp_code(world, id))
    told = answer_of(browser.send(page, "/oauth/consent", answer="yes"))
    tokens = app.redeem(told["code"]).json
    link = link_for(world, Person(id, CallerKind.OPERATOR, "maya", ("audit:read",), True))

    with world.database.work() as work:
        stop_person(work, id, actor="alice", now=now)
    with world.database.work() as work:
        start_person(work, id, actor="alice", now=now)

    assert browser.go(link).status_code == 404
    assert "/oauth/sign-in" in forms_of(browser.ask(app, scope="audit:read"))
    assert app.refresh(tokens["refresh_token"]).status_code == 400


def test_the_secret_of_the_second_factor_is_nowhere_in_the_database(world: World) -> None:
    browser = Browser(world)
    page = browser.go(link_for(world, operator(world)))
    secret = page.text.partition("<p><code>")[2].partition("</code>")[0].replace(" ", "")
    filled(browser, page, login="maya", code=shown_code(world, page))

    with world.database.read() as work:
        rows = work.fetch("SELECT p::text FROM access_people p UNION ALL SELECT a::text FROM audit_entry a")

    kept = "".join(str(row[0]) for row in rows)
    assert "maya" in kept
    assert secret not in kept
    assert secret.encode().hex() not in kept
    assert PASSWORD not in kept
