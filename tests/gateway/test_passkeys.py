"""Passkeys: made behind a link, good for one site and one challenge, and two factors at once."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from hub.access.passkeys import CHALLENGE_SECONDS, Passkeys
from hub.access.people import PasskeyInvalid, Person
from hub.kernel.clock import ManualClock
from tests.conftest import START
from tests.gateway.authenticator import Device, options_of
from tests.gateway.browser import Browser, answer_of, forms_of
from tests.gateway.contract_client import World
from tests.gateway.oauth_world import app_of
from tests.gateway.people_world import PASSWORD, member_with_password
from tests.gateway.test_enrolling import ENROL, console, filled, link_for, member, operator

SIGN_IN = "/oauth/sign-in"


def enrolled(world: World, person: Person, device: Device) -> TestResponse:
    """This person makes a passkey on this device."""
    browser = Browser(world)
    page = browser.go(link_for(world, person))
    return browser.send(page, ENROL, credential=device.create(options_of(page, "create")))


def entered(browser: Browser, page: TestResponse, device: Device) -> TestResponse:
    """Sign in on this page with the device."""
    sent = browser.send(page, SIGN_IN, credential=device.get(options_of(page, "get")))
    return browser.go(sent.headers["Location"]) if sent.status_code == 303 else sent


def test_a_member_makes_a_passkey_and_signs_in_with_it(world: World) -> None:
    device, browser, app = Device(), Browser(world), app_of(world)

    done = enrolled(world, member(world), device)
    for turn in range(2):
        page = entered(browser, browser.ask(app, prompt="login", state=f"turn {turn}"), device)
        told = answer_of(browser.send(page, "/oauth/consent", answer="yes"))

    assert done.status_code == 200
    tokens = app.redeem(told["code"]).json
    assert world.services.guard.check(tokens["access_token"]).subject == world.member


def test_an_operators_passkey_is_both_factors(world: World) -> None:
    device, browser = Device(), Browser(world)
    enrolled(world, operator(world), device)

    page = entered(browser, browser.ask(console(world), scope="audit:read"), device)

    assert "/oauth/consent" in forms_of(page)
    with world.database.read() as work:
        facts = work.fetch("SELECT facts FROM audit_entry WHERE action = 'person.signed_in'")
    assert [one["with"] for (one,) in facts] == ["passkey"]


def test_a_device_that_does_not_look_who_holds_it_is_refused(world: World) -> None:
    careless = Device(verifies=False)
    assert enrolled(world, member(world), careless).status_code == 422

    device = Device()
    enrolled(world, member(world), device)
    device.verifies = False
    browser = Browser(world)

    assert entered(browser, browser.ask(app_of(world)), device).status_code == 403


def test_a_passkey_answers_one_site_one_browser_and_one_challenge(world: World, clock: ManualClock) -> None:
    device, app = Device(), app_of(world)
    enrolled(world, member(world), device)
    browser, other = Browser(world), Browser(world)
    page, page_of_other = browser.ask(app), other.ask(app)
    answer = device.get(options_of(page, "get"))
    device.origin = "https://hub.example.evil"
    phished = device.get(options_of(page, "get"))
    device.origin = "https://hub.example"

    assert browser.send(page, SIGN_IN, credential=phished).status_code == 403
    assert other.send(page_of_other, SIGN_IN, credential=answer).status_code == 403
    assert browser.send(page, SIGN_IN, credential=answer).status_code == 303
    again = browser.ask(app, prompt="login", state="another")
    assert browser.send(again, SIGN_IN, credential=answer).status_code == 403, "answered before"
    late = device.get(options_of(again, "get"))
    clock.advance(timedelta(seconds=CHALLENGE_SECONDS))
    assert browser.send(again, SIGN_IN, credential=late).status_code == 403


def test_a_passkey_that_was_copied_is_noticed_by_its_count(world: World) -> None:
    device, browser, app = Device(), Browser(world), app_of(world)
    enrolled(world, member(world), device)
    copy = Device(id=device.id, key=device.key, handle=device.handle)
    for turn in range(3):
        entered(browser, browser.ask(app, prompt="login", state=f"turn {turn}"), device)

    refused = entered(browser, browser.ask(app, prompt="login"), copy)

    assert refused.status_code == 403


def test_nobody_signs_in_with_a_passkey_of_somebody_else_or_of_another_kind(world: World) -> None:
    members, strange = Device(), Device()
    enrolled(world, member(world), members)
    strange.handle = members.handle
    forged = Device(id=members.id, handle=members.handle)
    lent = Device(id=members.id, key=members.key, handle=b"mbr_" + b"0" * 26)
    browser = Browser(world)

    for device in (strange, forged, lent):
        assert entered(browser, browser.ask(app_of(world)), device).status_code == 403
    page = browser.ask(console(world), scope="audit:read")
    assert entered(browser, page, members).status_code == 403


def test_a_passkey_takes_the_place_of_a_password_and_is_made_once(world: World) -> None:
    member_with_password(world, "wanderer")
    browser, app, device = Browser(world), app_of(world), Device()

    done = enrolled(world, member(world), device)
    by_password = browser.sign_in(browser.ask(app), "wanderer", PASSWORD)
    taken = enrolled(world, operator(world), device)

    assert done.status_code == 200
    assert by_password.status_code == 403
    assert taken.status_code == 422, "it is somebody else's already"


def test_a_new_link_ends_a_passkey(world: World) -> None:
    device, browser, app = Device(), Browser(world), app_of(world)
    person = member(world)
    enrolled(world, person, device)
    filled(browser, browser.go(link_for(world, person)))

    assert entered(browser, browser.ask(app), device).status_code == 403


def test_a_passkey_comes_with_no_certificate_of_a_maker(world: World) -> None:
    browser, device = Browser(world), Device()
    page = browser.go(link_for(world, member(world)))

    for format in ("packed", "tpm", "android-safetynet", "apple", "fido-u2f", "x"):
        sent = device.create(options_of(page, "create"), fmt=format)
        assert browser.send(page, ENROL, credential=sent).status_code == 422, format


@pytest.mark.parametrize(
    ("address", "usable"),
    [
        ("https://hub.example", True),
        ("https://hub.example:8443", True),
        ("http://localhost:8080", True),
        ("http://127.0.0.1:8080", False),
        ("https://10.0.0.1", False),
        ("http://hub.example", False),
    ],
)
def test_passkeys_are_offered_where_browsers_make_them(address: str, usable: bool) -> None:
    assert Passkeys(address, b"s" * 32).usable is usable


def test_the_script_is_ours_and_the_pages_need_it_for_passkeys_only(world: World) -> None:
    browser = Browser(world)
    page = browser.ask(app_of(world))

    assert '<script src="/oauth/passkey.js" defer></script>' in page.text
    script = browser.go("/oauth/passkey.js")
    assert script.mimetype == "text/javascript"
    assert "http" not in script.text


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.binary(max_size=60).map(lambda b: b.hex()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


_FIELDS = (
    "id", "rawId", "type", "response", "userHandle", "clientDataJSON", "signature", "authenticatorData",
    "attestationObject",
)  # fmt: skip


@given(path=st.lists(st.sampled_from(_FIELDS), min_size=1, max_size=3), value=_values)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_credential_brings_a_fault(world: World, path: list[str], value: Any) -> None:
    passkeys, device = Passkeys("https://hub.example", b"s" * 32), Device()
    person = Person(world.member, member(world).kind, "", (), True)
    made = device.create(json.loads(passkeys.creation(person, browser="b", now=START)))
    shown = device.get(json.loads(passkeys.request(browser="b", now=START)))

    for text, check in ((made, passkeys.made), (shown, passkeys.holder)):
        sent = json.loads(text)
        for name in path:
            place = sent["response"] if name in sent["response"] else sent
            place[name] = value
            if not isinstance(sent["response"], dict):
                break
        with world.database.work() as work:
            try:
                check(work, json.dumps(sent), browser="b", now=START)  # type: ignore[operator]
            except PasskeyInvalid:
                continue
            assert check == passkeys.made, "nobody has this passkey"


@given(text=st.text(max_size=200) | _values.map(json.dumps))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_text_is_taken_for_a_credential(world: World, text: str) -> None:
    passkeys = Passkeys("https://hub.example", b"s" * 32)

    for check in (passkeys.made, passkeys.holder):
        with world.database.work() as work, pytest.raises(PasskeyInvalid):
            check(work, text, browser="b", now=START)
