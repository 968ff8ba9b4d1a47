"""Endpoints: what may be one, who owns its secrets, and how they change without a message being lost."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import standardwebhooks

from hub.access.rewrapping import rewrap
from hub.access.vault import Vault
from hub.kernel.clock import ManualClock
from hub.storage import Database
from hub.webhooks import endpoint_secrets, endpoints, tables
from hub.webhooks.destinations import Destinations, networks_of
from hub.webhooks.endpoints import ENDPOINTS_MAX
from hub.webhooks.refusals import EndpointInvalid, EndpointLimit, EndpointMissing, EndpointStateWrong
from hub.webhooks.sending import Sender
from hub.webhooks.states import Scheme
from hub.webhooks.types import EndpointDraft, NewSecret
from tests.conftest import START
from tests.webhooks.receiver import receiving
from tests.webhooks.world import MASTER, World

LOOPBACK = Destinations(networks_of("127.0.0.0/8"))


def rotate(world: World, endpoint: str) -> list[NewSecret]:
    with world.database.work() as work:
        return endpoint_secrets.rotate(work, world.vault, endpoint, actor="operator:maya", now=world.clock.now())


def test_the_published_library_verifies_what_arrives_before_during_and_after_a_rotation(database: Database) -> None:
    # That library reads the machine's clock, so this world lives now.
    world = World(database, ManualClock(datetime.now(UTC)))
    with receiving() as receiver:
        sender = Sender(LOOPBACK)
        world.deliveries._sender = sender
        with world.database.work() as work:
            draft = EndpointDraft(url=receiver.url, schemes=(Scheme.V1, Scheme.V1A))
            known = endpoints.add_endpoint(
                work, "aerojet", draft, LOOPBACK, live=False, actor="a", now=world.clock.now()
            )
            first = endpoint_secrets.issue(work, world.vault, known, now=world.clock.now())
        world.happen("cnv_1")
        world.carry()
        second = rotate(world, known.id)
        world.happen("cnv_2")
        world.carry()
        world.clock.advance(timedelta(hours=24))
        world.happen("cnv_3")
        world.carry()
        sender.close()

    before, during, after = receiver.got
    old, new = standardwebhooks.Webhook(first[0].text), standardwebhooks.Webhook(second[0].text)
    assert old.verify(before.body, before.headers)["subject"] == "cnv_1"
    assert old.verify(during.body, during.headers) == new.verify(during.body, during.headers)
    stamp = int(after.headers["webhook-timestamp"])
    # A day later by our clock: checked by making the same signature, as the library would find it too new.
    for webhook, verifies in ((new, True), (old, False)):
        made = webhook.sign(after.headers["webhook-id"], datetime.fromtimestamp(stamp, UTC), after.body.decode())
        assert (made in after.headers["webhook-signature"].split(" ")) is verifies
    assert [len(one.headers["webhook-signature"].split(" ")) for one in receiver.got] == [2, 4, 2]


def test_secrets_are_shown_once_and_lie_sealed(world: World) -> None:
    endpoint = world.endpoint()
    (made,) = rotate(world, endpoint)

    with world.database.read() as work:
        stored = work.fetch("SELECT sealed, public FROM webhook_secret")
        shown = endpoint_secrets.infos(work, [endpoint], now=world.clock.now())[endpoint]

    assert made.text.startswith("whsec_")
    assert made.text not in repr(made)
    assert all(made.text.encode() not in bytes(sealed) and public == "" for sealed, public in stored)
    assert [one.expires_at for one in shown] == [None, START + timedelta(hours=24)]


def test_the_private_half_of_a_key_pair_is_never_shown(world: World) -> None:
    endpoint = world.endpoint(schemes=(Scheme.V1A,))

    (made,) = rotate(world, endpoint)

    assert made.text == ""
    assert made.info.public.startswith("whpk_")


def test_expired_secrets_are_forgotten_and_those_in_use_are_not(world: World) -> None:
    endpoint = world.endpoint()
    rotate(world, endpoint)
    world.clock.advance(timedelta(hours=25))

    with world.database.work() as work:
        forgotten = endpoint_secrets.forget_expired(work, now=world.clock.now())

    assert forgotten == 1
    assert len(world.secret_texts(endpoint)) == 1


def test_a_secret_sealed_for_one_endpoint_opens_for_no_other(world: World) -> None:
    one, other = world.endpoint(), world.endpoint()
    with world.database.read() as work:
        sealed = endpoint_secrets.sealed_secrets(work, [one], now=world.clock.now())[one]

    with pytest.raises(Exception, match="does not open"):
        endpoint_secrets.opened(world.vault, other, sealed)


def test_secrets_sign_on_after_the_master_key_was_replaced(world: World) -> None:
    endpoint = world.endpoint()
    before = world.secret_texts(endpoint)
    assert "sealed" in tables.webhook_secret.c.sealed.info
    world.vault = Vault("another master key, long enough to be taken too", MASTER)

    rewrap(world.database, world.vault, told=lambda _: None)

    world.vault = Vault("another master key, long enough to be taken too")
    assert world.secret_texts(endpoint) == before


def test_partners_read_their_own_endpoints_and_no_reading_of_theirs_reaches_the_secrets(world: World) -> None:
    own = world.endpoint()
    world.endpoint("staywell")

    with world.database.read(as_partner="aerojet") as work:
        seen = endpoints.list_endpoints(work, partner=None, state=None, live=None, after="", limit=9)
    with world.database.read(as_partner="staywell") as work, pytest.raises(EndpointMissing):
        endpoints.get_endpoint(work, own)

    assert [one.id for one in seen] == [own]
    with pytest.raises(psycopg.errors.InsufficientPrivilege), world.database.read(as_partner="aerojet") as work:
        work.fetch("SELECT id FROM webhook_secret")


@pytest.mark.parametrize(
    "draft",
    [
        {"url": "http://partner.example/"},
        {"url": "https://127.0.0.1/"},
        {"types": ("conversion.unheard_of",)},
        {"types": ("conversion.posted", "conversion.posted")},
        {"schemes": ()},
        {"schemes": (Scheme.V1, Scheme.V1)},
    ],
)
def test_what_cannot_be_an_endpoint_is_refused(world: World, draft: dict[str, object]) -> None:
    with pytest.raises(EndpointInvalid):
        world.endpoint(**draft)


def test_a_partner_has_a_bounded_number_of_endpoints(world: World) -> None:
    for _ in range(ENDPOINTS_MAX):
        world.endpoint()

    with pytest.raises(EndpointLimit):
        world.endpoint()
    world.endpoint("staywell")


def test_states_move_only_as_they_may(world: World) -> None:
    endpoint = world.endpoint()
    now = world.clock.now()

    with world.database.work() as work:
        with pytest.raises(EndpointStateWrong), work.savepoint():
            endpoints.resume_endpoint(work, endpoint, actor="a", now=now)
        endpoints.pause_endpoint(work, endpoint, actor="a", now=now)
        endpoints.disable_endpoint(work, endpoint, reason="floods its own support", actor="a", now=now)
        with pytest.raises(EndpointStateWrong), work.savepoint():
            endpoints.pause_endpoint(work, endpoint, actor="a", now=now)
        with pytest.raises(EndpointStateWrong), work.savepoint():
            endpoints.send_test(work, endpoint, now=now)
        endpoints.resume_endpoint(work, endpoint, actor="a", now=now)
        known = endpoints.get_endpoint(work, endpoint)

    assert (known.state, known.reason) == ("active", "")


def test_a_test_event_reaches_the_endpoint_that_asked_and_no_other(world: World) -> None:
    asking = world.endpoint(url="https://asking.example/", types=("conversion.voided",))
    world.endpoint(url="https://other.example/")

    with world.database.work() as work:
        endpoints.send_test(work, asking, now=world.clock.now())
    world.carry()

    assert [request.url for request in world.wire.sent] == ["https://asking.example/"]
    assert b'"type":"webhook.test"' in world.wire.sent[0].body


def test_an_edit_changes_what_it_names_and_a_new_address_starts_afresh(world: World) -> None:
    endpoint = world.endpoint(types=("conversion.posted",))
    with world.database.work() as work:
        work.run("UPDATE webhook_endpoint SET failures = 9, failing_since = created_at, opening = 1")
        before = endpoints.get_endpoint(work, endpoint)

        changed = endpoints.edit_endpoint(
            work, endpoint, {"url": "https://new.example/"}, Destinations(), actor="a", now=world.clock.now()
        )

    assert changed == replace(before, url="https://new.example/", failing_since=None)
    assert world.standing(endpoint)[2:] == (1, 0)


def test_what_is_not_there_is_missing(world: World) -> None:
    with world.database.work() as work, pytest.raises(EndpointMissing):
        endpoints.remove_endpoint(work, "whe_nothing", actor="a", now=START)
