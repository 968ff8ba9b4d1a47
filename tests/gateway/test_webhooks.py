"""A partner looks after its own endpoints: secrets once, changes only of what was seen, replays, and a log to read."""

import json
from datetime import timedelta

import standardwebhooks

from hub.kernel.clock import ManualClock, rfc3339
from hub.outbox.events import Event, announce_events
from hub.webhooks.delivering import Deliveries
from hub.webhooks.numbering import number_announced
from hub.webhooks.types import Sent
from hub.worker.direct import run_due
from hub.worker.webhooks import webhook_handlers
from tests.conftest import START
from tests.gateway.contract_client import World
from tests.webhooks.world import Wire

URL = "https://hooks.partner.example/points"
_EMPTY: dict[str, object] = {}


def add(world: World, *, key: str = "add-1", who: str = "aerojet", **body: object) -> dict[str, object]:
    number(world)  # what made the world is nothing that this endpoint is told of
    response = world.post("/v1/webhook-endpoints", {"url": URL, **body}, who=who, key=key)
    assert response.status_code == 201, response.get_data(as_text=True)
    assert response.json is not None
    return dict(response.json)


def step(world: World, id: object, name: str, body: object = _EMPTY, *, who: str = "aerojet") -> dict[str, object]:
    response = world.post(f"/v1/webhook-endpoints/{id}/{name}", body, who=who, key=f"{name}-{id}")
    assert response.status_code == 200, response.get_data(as_text=True)
    return dict(response.json or {})


def number(world: World) -> None:
    with world.database.work() as work:
        while number_announced(work, now=world.services.clock.now()):
            pass


def deliver(world: World, wire: Wire) -> None:
    """Number what was announced and send what is due at this instant."""
    clock = world.services.clock
    assert isinstance(clock, ManualClock)
    deliveries = Deliveries(world.services.vault, wire, lambda below: 0, milliseconds=lambda: 0)
    number(world)
    with world.database.work() as work:
        work.run("UPDATE outbox_message SET state = 'done', finished_at = created_at, lease_until = NULL "
                 "WHERE queue <> 'webhooks'")  # fmt: skip
    while run_due(world.database, webhook_handlers(world.database, deliveries, clock), clock.now(), 100):
        pass


def happen(world: World, *subjects: str) -> None:
    with world.database.work() as work:
        events = [Event("conversion.posted", one, ("aerojet",), {"conversion": one}, False) for one in subjects]
        announce_events(work, events, now=world.services.clock.now())


def test_a_secret_is_shown_once_and_verifies_what_arrives(world: World, clock: ManualClock) -> None:
    wire = Wire(clock)
    made = add(world)
    again = add(world)
    shown = world.get(f"/v1/webhook-endpoints/{made['id']}").json
    step(world, made["id"], "test")
    deliver(world, wire)

    (first,) = made["new_secrets"]  # type: ignore[misc]
    (repeated,) = again["new_secrets"]  # type: ignore[misc]
    assert (again["id"], repeated["secret"]) == (made["id"], None)
    assert "new_secrets" not in shown
    assert first["secret"] not in json.dumps(shown)
    (request,) = wire.sent
    signed = standardwebhooks.Webhook(first["secret"]).sign(request.headers["webhook-id"], START, request.body.decode())
    assert signed == request.headers["webhook-signature"]


def test_after_a_rotation_both_secrets_sign_for_a_day(world: World, clock: ManualClock) -> None:
    made = add(world, schemes=["v1", "v1a"])

    rotated = step(world, made["id"], "rotate")
    listed = world.get("/v1/webhook-endpoints").json["data"][0]["secrets"]
    clock.advance(timedelta(hours=25))

    expiries = [one["expires_at"] for one in rotated["secrets"]]  # type: ignore[attr-defined]
    assert expiries == [None, None] + [rfc3339(START + timedelta(hours=24))] * 2
    assert len(listed) == 4
    world.tokens["aerojet"] = world.token("aerojet", ("webhooks:read",))
    assert len(world.get(f"/v1/webhook-endpoints/{made['id']}").json["secrets"]) == 2


def test_a_change_needs_what_was_seen(world: World) -> None:
    made = add(world)
    path = f"/v1/webhook-endpoints/{made['id']}"
    tag = world.get(path).headers["ETag"]
    change = {"types": ["conversion.voided"], "rate_per_second": 5}

    def patch(key: str, tag: str) -> int:
        headers = world.headers("aerojet", key) | ({"If-Match": tag} if tag else {})
        return world.client().patch(path, json=change, headers=headers).status_code

    assert (patch("k1", ""), patch("k2", '"other"'), patch("k3", tag), patch("k4", tag)) == (428, 412, 200, 412)
    shown = world.get(path).json
    assert (shown["types"], shown["rate_per_second"], shown["url"]) == (["conversion.voided"], 5, URL)


def test_an_endpoint_that_was_removed_is_gone_once_and_its_log_stays(world: World, clock: ManualClock) -> None:
    made = add(world)
    step(world, made["id"], "test")
    deliver(world, Wire(clock))
    path = f"/v1/webhook-endpoints/{made['id']}"
    headers = world.headers("aerojet", "remove-1") | {"If-Match": world.get(path).headers["ETag"]}

    gone = [world.client().delete(path, headers=headers) for _ in range(2)]

    assert [(one.status_code, one.get_data()) for one in gone] == [(204, b""), (204, b"")]
    assert gone[1].headers["Idempotency-Replayed"] == "true"
    assert world.get(path).status_code == 404
    (delivery,) = world.get("/v1/webhook-deliveries").json["data"]
    assert delivery["state"] == "delivered"


def test_the_log_shows_the_event_each_request_and_the_head_of_each_answer(world: World, clock: ManualClock) -> None:
    add(world)
    answers = iter([Sent("refused", 500, "500 Internal Server Error\n\nno"), Sent("delivered", 200, "200 OK")])
    wire = Wire(clock, lambda _: next(answers))
    happen(world, "cnv_1")
    deliver(world, wire)
    clock.advance(timedelta(seconds=5))
    deliver(world, wire)

    (row,) = world.get("/v1/webhook-deliveries?state=delivered&subject=cnv_1").json["data"]
    shown = world.get(f"/v1/webhook-deliveries/{row['id']}").json

    assert json.loads(wire.sent[0].body) == shown["body"]
    assert [(one["number"], one["outcome"], one["status"]) for one in shown["log"]] == [
        (1, "refused", 500),
        (2, "delivered", 200),
    ]
    assert shown["log"][0]["response"].endswith("\n\nno")
    assert f"webhook-id: {shown['event']}" in shown["log"][0]["request"]
    assert world.get("/v1/webhook-deliveries?state=exhausted").json["data"] == []


def test_dead_letters_are_listed_and_replayed_one_by_one_under_their_id(world: World, clock: ManualClock) -> None:
    made = add(world)
    wire = Wire(clock, lambda _: Sent("gone", 410))
    happen(world, "cnv_1")
    deliver(world, wire)
    (dead,) = world.get("/v1/webhook-deliveries?state=exhausted").json["data"]
    refused = world.post(f"/v1/webhook-deliveries/{dead['id']}/replay", {}, key="early")

    step(world, made["id"], "resume")
    wire.answer = lambda _: Sent("delivered", 200)
    replayed = world.post(f"/v1/webhook-deliveries/{dead['id']}/replay", {}, key="replay-1")
    deliver(world, wire)

    assert (refused.status_code, refused.json["code"]) == (409, "endpoint_state_wrong")
    assert replayed.status_code == 200
    assert {request.headers["webhook-id"] for request in wire.sent} == {dead["event"]}
    states = {one["type"]: one["state"] for one in world.get("/v1/webhook-deliveries").json["data"]}
    assert states == {"conversion.posted": "delivered"}


def test_operators_disable_with_a_reason_and_partners_resume(world: World) -> None:
    made = add(world)

    disabled = step(world, made["id"], "disable", {"reason": "answers with a flood"}, who="hub")
    tested = world.post(f"/v1/webhook-endpoints/{made['id']}/test", {}, key="test-1")
    resumed = step(world, made["id"], "resume", who="hub for aerojet")

    assert (disabled["state"], disabled["reason"]) == ("disabled", "answers with a flood")
    assert tested.json["code"] == "endpoint_state_wrong"
    assert (resumed["state"], resumed["reason"]) == ("active", None)


def test_what_an_endpoint_cannot_be_is_said_where_it_stands(world: World) -> None:
    for body, pointer in (
        ({"url": "https://127.0.0.1/"}, "#/url"),
        ({"url": URL, "types": ["nothing.known"]}, "#/types"),
        ({"url": URL, "schemes": ["v1", "v1"]}, "#/schemes"),
    ):
        response = world.post("/v1/webhook-endpoints", body, key=f"bad-{pointer}")
        assert (response.status_code, response.json["code"]) == (422, "endpoint_invalid")
        assert response.json["errors"][0]["pointer"] == pointer


def test_a_replay_answers_how_much_is_on_its_way_and_refuses_what_makes_no_sense(world: World) -> None:
    number(world)
    made = add(world, types=["conversion.posted"])
    happen(world, "cnv_1", "cnv_2")
    number(world)
    path = f"/v1/webhook-endpoints/{made['id']}/replay"

    missing = world.post(path, {"since": "2026-04-01T00:00:00Z", "what": "all"}, key="r-1").json
    backwards = world.post(path, {"since": "2026-04-02T00:00:00Z", "until": "2026-04-01T00:00:00Z"}, key="r-2")
    nowhere = world.post(path, {"since": "2026-04-02T00:00:00Z", "after": "evt_" + "0" * 26}, key="r-3")

    assert missing == {"count": 2, "next_after": None}
    assert (backwards.json["code"], nowhere.json["code"]) == ("replay_invalid", "replay_invalid")
