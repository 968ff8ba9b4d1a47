"""The front door for what partners send: only what is genuine, of now and for this address is kept, and kept once."""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from standardwebhooks import Webhook
from werkzeug.datastructures import Headers
from werkzeug.test import TestResponse

from hub.kernel.clock import ManualClock
from hub.kernel.limits import BODY_BYTES_MAX
from hub.notifications import service as notifications
from hub.notifications.refusals import SenderKeyInvalid, SenderKeyMissing
from tests.conftest import START
from tests.gateway.contract_client import World
from tests.gateway.senders import SENDERS, Sent, by_message, by_webhook, secret_of, told
from tests.partners.test_signatures import pem_pair

Signed = Callable[..., Sent]
BOTH = pytest.mark.parametrize(("sign", "partner"), [(by_webhook, "aerojet"), (by_message, "staywell")])


def post(world: World, sent: Sent) -> TestResponse:
    return world.client().post(sent.path, data=sent.body, headers=Headers(list(sent.headers)))


def require_refused(world: World, sent: Sent, status: int, code: str) -> None:
    """Refused with this code, counted under it, and nothing of it kept."""
    partner = sent.path.split("/")[3]
    before, kept = counted(world, partner, code), world.count("notification")

    response = post(world, sent)

    assert (response.status_code, response.json["code"]) == (status, code), response.get_data(as_text=True)  # type: ignore[index]
    assert counted(world, partner, code) == before + 1
    assert world.count("notification") == kept
    with world.database.read() as work:
        assert work.fetch("SELECT count(*) FROM outbox_message WHERE kind = 'notification.received'") == [(kept,)]


def counted(world: World, partner: str, code: str) -> int:
    text = world.client().get("/metrics").get_data(as_text=True)
    name = partner if partner in SENDERS else "unknown"
    found = re.search(rf'hub_notifications_refused_total{{code="{code}",partner="{name}"}} (\d+)', text)
    return int(found[1]) if found else 0


@BOTH
def test_a_genuine_notification_is_stored_before_it_is_thanked_for(world: World, sign: Signed, partner: str) -> None:
    response = post(world, sign(partner, START))

    id = response.json["id"]  # type: ignore[index]
    shown = world.get(f"/v1/notifications/{id}", who=partner).json
    assert response.status_code == 202
    assert response.headers["Location"].endswith(f"/v1/notifications/{id}")
    assert (shown["state"], shown["partner"], shown["body"]) == ("received", partner, told().decode())  # type: ignore[index]
    with world.database.read() as work:
        assert work.fetch("SELECT subject, lane FROM outbox_message WHERE kind = 'notification.received'") == [
            (id, f"notifications {partner}")
        ]
        ((sealed,),) = work.fetch("SELECT sealed FROM notification")
    assert b"AJ1001" not in bytes(sealed)


def test_the_published_package_signs_what_is_taken(world: World) -> None:
    signature = Webhook(secret_of("aerojet")).sign("msg_9", START, told().decode())
    headers = (
        ("content-type", "application/json"),
        ("webhook-id", "msg_9"),
        ("webhook-timestamp", str(int(START.timestamp()))),
        ("webhook-signature", signature),
    )

    assert post(world, Sent("/v1/partners/aerojet/notifications", headers, told())).status_code == 202


@BOTH
def test_a_replayed_one_is_thanked_for_again_and_does_nothing(world: World, sign: Signed, partner: str) -> None:
    sent = sign(partner, START)

    first, again = post(world, sent), post(world, sent)

    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json == again.json
    assert world.count("notification") == 1
    with world.database.read() as work:
        assert work.fetch("SELECT count(*) FROM outbox_message WHERE kind = 'notification.received'") == [(1,)]


def test_one_that_is_sent_again_days_later_under_its_id_does_nothing_again(world: World, clock: ManualClock) -> None:
    first = post(world, by_webhook("aerojet", START))
    clock.advance(timedelta(days=3))

    again = post(world, by_webhook("aerojet", clock.now()))

    assert (again.status_code, again.json) == (200, first.json)


@BOTH
def test_a_tampered_one_is_refused(world: World, sign: Signed, partner: str) -> None:
    sent = sign(partner, START)

    require_refused(world, replace(sent, body=sent.body.replace(b"gold", b"lead")), 401, "signature_invalid")


@pytest.mark.parametrize(("name", "value"), [("webhook-id", "msg_2"), ("webhook-timestamp", "1775466001")])
def test_one_whose_id_or_time_was_changed_is_refused(world: World, name: str, value: str) -> None:
    require_refused(world, by_webhook("aerojet", START).with_header(name, value), 401, "signature_invalid")


@pytest.mark.parametrize("seconds", [-301, 301, -86_400])
@BOTH
def test_a_stale_one_is_refused(world: World, sign: Signed, partner: str, seconds: int) -> None:
    require_refused(world, sign(partner, START + timedelta(seconds=seconds)), 401, "signature_stale")


@pytest.mark.parametrize("seconds", [-300, 300])
@BOTH
def test_clocks_may_differ_by_five_minutes(world: World, sign: Signed, partner: str, seconds: int) -> None:
    assert post(world, sign(partner, START + timedelta(seconds=seconds))).status_code == 202


@BOTH
def test_one_that_was_caught_and_is_sent_again_later_is_refused(
    world: World, clock: ManualClock, sign: Signed, partner: str
) -> None:
    sent = sign(partner, START)
    post(world, sent)
    clock.advance(timedelta(minutes=6))

    require_refused(world, sent, 401, "signature_stale")


def test_a_foreign_one_is_refused_at_every_other_address(world: World) -> None:
    require_refused(world, by_webhook("staywell", START, to="aerojet"), 401, "signature_invalid")
    require_refused(world, by_message("aerojet", START, to="staywell"), 401, "signature_invalid")
    require_refused(world, by_message("staywell", START, key=pem_pair()[0]), 401, "signature_invalid")
    require_refused(world, by_message("staywell", START, to="bystander"), 401, "signature_invalid")


def test_who_cannot_prove_anything_does_not_learn_which_partners_there_are(world: World) -> None:
    known = post(world, by_webhook("staywell", START, to="aerojet"))
    unknown = post(world, by_webhook("staywell", START, to="nobody"))

    for name in ("code", "title", "status"):
        assert known.json[name] == unknown.json[name]  # type: ignore[index]
    require_refused(world, by_webhook("staywell", START, to="nobody"), 401, "signature_invalid")


@BOTH
def test_an_unsigned_one_is_refused(world: World, sign: Signed, partner: str) -> None:
    sent = sign(partner, START)
    unsigned = replace(sent, headers=(("content-type", "application/json"),))

    require_refused(world, unsigned, 401, "signature_missing")
    assert post(world, unsigned).headers["WWW-Authenticate"] == "Signature"


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp"])
def test_one_without_a_header_that_is_signed_is_refused(world: World, name: str) -> None:
    sent = by_webhook("aerojet", START)

    without = replace(sent, headers=tuple(one for one in sent.headers if one[0] != name))

    require_refused(world, without, 401, "signature_missing")


def test_a_wrong_content_digest_is_refused(world: World) -> None:
    other = by_message("staywell", START, body=told(subject="AJ1002")).header("content-digest")

    require_refused(world, by_message("staywell", START).with_header("content-digest", other), 401, "signature_invalid")


def test_a_digest_that_is_not_covered_is_refused(world: World) -> None:
    sent = by_message("staywell", START)
    uncovered = sent.header("signature-input").replace('"content-digest" ', "").replace(' "content-digest"', "")
    assert uncovered != sent.header("signature-input")

    require_refused(world, sent.with_header("signature-input", uncovered), 401, "signature_invalid")


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_duplicated_header_is_refused(world: World, name: str) -> None:
    sent = by_webhook("aerojet", START)

    require_refused(
        world, replace(sent, headers=(*sent.headers, (name, sent.header(name)))), 400, "notification_headers_invalid"
    )


@pytest.mark.parametrize("name", ["signature", "signature-input", "content-digest"])
def test_a_duplicated_header_of_a_message_signature_is_refused(world: World, name: str) -> None:
    sent = by_message("staywell", START)
    other = by_message("staywell", START, nonce="n-2", body=told(subject="AJ1002"))

    require_refused(world, replace(sent, headers=((name, other.header(name)), *sent.headers)), 401, "signature_invalid")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook-id", "a.b"),
        ("webhook-id", "x" * 129),
        ("webhook-timestamp", "soon"),
        ("webhook-timestamp", "-1"),
        ("webhook-timestamp", "1" * 12),
        ("webhook-signature", "v1"),
        ("webhook-signature", "v1,%%%"),
        ("webhook-signature", " ".join(["v1,AAAA"] * 9)),
    ],
)
def test_headers_of_another_form_are_refused(world: World, name: str, value: str) -> None:
    require_refused(world, by_webhook("aerojet", START).with_header(name, value), 400, "notification_headers_invalid")


@BOTH
def test_an_oversized_one_is_refused(world: World, sign: Signed, partner: str) -> None:
    large = told(data={"tier": "x" * BODY_BYTES_MAX})

    require_refused(world, sign(partner, START, body=large), 413, "body_too_large")


@pytest.mark.parametrize(("name", "value"), [("content-type", "text/plain"), ("content-encoding", "gzip")])
def test_another_type_or_encoding_is_refused(world: World, name: str, value: str) -> None:
    require_refused(world, by_webhook("aerojet", START).with_header(name, value), 415, "media_type_unsupported")


@BOTH
def test_an_id_that_was_used_for_another_one_is_refused(world: World, sign: Signed, partner: str) -> None:
    post(world, sign(partner, START))

    require_refused(world, sign(partner, START, body=told(subject="AJ1002")), 409, "notification_id_reused")


def test_the_same_id_of_two_partners_means_two_notifications(world: World) -> None:
    sent = [by_webhook("aerojet", START, id="same"), by_message("staywell", START, nonce="same")]

    assert [post(world, one).status_code for one in sent] == [202, 202]
    assert world.count("notification") == 2


def test_what_is_genuine_is_kept_even_if_it_is_no_json(world: World) -> None:
    response = post(world, by_webhook("aerojet", START, body=b"\xff no json"))

    assert response.status_code == 202


def test_a_new_secret_is_good_beside_the_old_one_for_a_day(world: World, clock: ManualClock) -> None:
    first, second = notifications.new_secret(), notifications.new_secret()
    add_key(world, "aerojet", first, clock)
    add_key(world, "aerojet", second, clock)

    during = [
        post(world, by_webhook("aerojet", clock.now(), id=f"d{one[-5]}", secrets=(one,))) for one in (first, second)
    ]
    clock.advance(timedelta(days=1, seconds=1))

    assert [response.status_code for response in during] == [202, 202]
    require_refused(world, by_webhook("aerojet", clock.now(), id="l1", secrets=(first,)), 401, "signature_invalid")
    assert post(world, by_webhook("aerojet", clock.now(), id="l2", secrets=(second,))).status_code == 202
    assert post(world, by_webhook("aerojet", clock.now(), id="l3", secrets=(first, second))).status_code == 202


def test_a_new_public_key_is_good_beside_the_old_one_for_a_day(world: World, clock: ManualClock) -> None:
    old, new = pem_pair(), pem_pair("p256")
    add_key(world, "staywell", old[1], clock)
    add_key(world, "staywell", new[1], clock)

    during = [
        post(world, by_message("staywell", clock.now(), nonce=key[40:44].encode().hex(), key=key))
        for key in (old[0], new[0])
    ]
    clock.advance(timedelta(days=1, seconds=1))

    assert [response.status_code for response in during] == [202, 202]
    require_refused(world, by_message("staywell", clock.now(), nonce="l1", key=old[0]), 401, "signature_invalid")
    assert post(world, by_message("staywell", clock.now(), nonce="l2", key=new[0])).status_code == 202


def test_keys_of_the_vault_take_the_place_of_those_in_the_settings(world: World, clock: ManualClock) -> None:
    secret = notifications.new_secret()
    id = add_key(world, "aerojet", secret, clock)

    require_refused(world, by_webhook("aerojet", START), 401, "signature_invalid")
    with world.database.work() as work:
        notifications.remove_key(work, "aerojet", id, actor="alice", now=clock.now())
    require_refused(world, by_webhook("aerojet", START, secrets=(secret,)), 401, "signature_invalid")
    require_refused(world, by_webhook("aerojet", START), 401, "signature_invalid")
    with world.database.work() as work, pytest.raises(SenderKeyMissing):
        notifications.remove_key(work, "aerojet", id, actor="alice", now=clock.now())


def test_a_public_key_of_standard_webhooks_proves_too(world: World, clock: ManualClock) -> None:
    private = bytes(range(32))
    public = Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    add_key(world, "aerojet", "whpk_" + base64.b64encode(public).decode(), clock)
    signer = "whsk_" + base64.b64encode(private).decode()

    assert post(world, by_webhook("aerojet", START, secrets=(signer,))).status_code == 202
    other = "whsk_" + base64.b64encode(bytes(32)).decode()
    require_refused(world, by_webhook("aerojet", START, id="x", secrets=(other,)), 401, "signature_invalid")


def test_secrets_lie_sealed_and_are_shown_by_their_fingerprint_only(world: World, clock: ManualClock) -> None:
    secret = notifications.new_secret()
    add_key(world, "aerojet", secret, clock)

    with world.database.read() as work:
        (info,) = notifications.list_keys(work, "aerojet", now=clock.now())
        rows = work.fetch("SELECT sealed, fingerprint FROM notification_key")
        audit = work.fetch("SELECT facts::text FROM audit_entry WHERE action = 'notification.key_added'")

    assert secret.encode() not in bytes(rows[0][0])
    assert base64.b64decode(secret.removeprefix("whsec_")) not in bytes(rows[0][0])
    assert info.fingerprint == rows[0][1]
    assert secret not in json.dumps(audit)


@pytest.mark.parametrize(
    ("partner", "text"),
    [
        ("aerojet", "secret"),
        ("aerojet", "whsec_" + base64.b64encode(b"short").decode()),
        ("aerojet", "whsec_not base64"),
        ("aerojet", "whpk_" + base64.b64encode(bytes(31)).decode()),
        ("aerojet", pem_pair()[1]),
        ("staywell", "whsec_" + base64.b64encode(bytes(32)).decode()),
        ("staywell", pem_pair("rsa")[1]),
        ("staywell", pem_pair()[1] + pem_pair()[1]),
        ("bystander", pem_pair()[1]),
    ],
)
def test_keys_that_cannot_prove_anything_are_refused(world: World, clock: ManualClock, partner: str, text: str) -> None:
    with pytest.raises(SenderKeyInvalid):
        add_key(world, partner, text, clock)


def test_a_partner_has_four_good_keys_at_most(world: World, clock: ManualClock) -> None:
    for _ in range(4):
        add_key(world, "aerojet", notifications.new_secret(), clock)

    with pytest.raises(SenderKeyInvalid):
        add_key(world, "aerojet", notifications.new_secret(), clock)


def add_key(world: World, partner: str, text: str, clock: ManualClock) -> str:
    with world.database.work() as work:
        return notifications.add_key(
            work, world.services.vault, SENDERS[partner], text, overlap=notifications.OVERLAP, actor="alice",
            now=clock.now(),
        ).id  # fmt: skip
