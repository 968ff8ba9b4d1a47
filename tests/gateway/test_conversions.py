"""Conversions over HTTP with the real services: accepted once, seen, cancelled, converted back, and nobody else's."""

import json
from datetime import timedelta

from hub.kernel.clock import ManualClock
from tests.gateway.contract_client import World


def test_a_quote_says_what_a_conversion_would_be_and_writes_nothing(world: World) -> None:
    body = {"source_unit": "aerojet.mile", "target_unit": "staywell.point", "amount": 10_000}

    response = world.post("/v1/quotes", body)

    assert response.status_code == 200
    found = response.json
    assert (found["source_amount"], found["target_amount"], found["rate"]) == (10_000, 4_000, "2/5")
    assert found["clearing"] is not None
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["RateLimit-Policy"] == '"default";q=600000;w=60'
    assert world.count("idempotency_keys") == 0


def test_accepting_records_a_conversion_and_says_where_to_look(world: World) -> None:
    response = world.accept()

    assert response.status_code == 202
    found = response.json
    assert (found["state"], found["source_amount"], found["target_amount"]) == ("held", 10_000, 4_000)
    assert response.headers["Location"] == f"https://hub.example/v1/conversions/{found['id']}"
    again = world.get(f"/v1/conversions/{found['id']}")
    assert again.json["id"] == found["id"]
    assert again.json["timeline"]
    unchanged = world.client().get(
        f"/v1/conversions/{found['id']}", headers={**world.headers(), "If-None-Match": again.headers["ETag"]}
    )
    assert (unchanged.status_code, unchanged.get_data()) == (304, b"")


def test_the_same_key_and_content_is_answered_again(world: World) -> None:
    body = {"quote": world.quote(), "member": world.member}
    first = world.post("/v1/conversions", body, key="key-1")

    again = world.post("/v1/conversions", body, key="key-1")

    assert (again.status_code, again.get_data()) == (202, first.get_data())
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers
    assert world.count("conversion") == 1


def test_a_quoted_key_is_the_same_key(world: World) -> None:
    body = {"quote": world.quote(), "member": world.member}
    world.post("/v1/conversions", body, key="key-1")

    again = world.post("/v1/conversions", body, key='"key-1"')

    assert again.headers["Idempotency-Replayed"] == "true"


def test_the_same_key_with_other_content_is_refused(world: World) -> None:
    world.accept(key="key-1")

    other = world.accept(key="key-1", amount=5_000)

    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")
    assert world.count("conversion") == 1


def test_the_key_belongs_to_the_partner_and_not_to_its_client(world: World) -> None:
    body = {"quote": world.quote(), "member": world.member}
    world.post("/v1/conversions", body, key="key-1")
    world.tokens["aerojet"] = world.token("aerojet", ("conversions:write",))

    again = world.post("/v1/conversions", body, key="key-1")

    assert again.headers["Idempotency-Replayed"] == "true"


def test_two_partners_may_use_the_same_key(world: World) -> None:
    assert world.accept(key="key-1").status_code == 202

    other = world.accept(key="key-1", who="staywell")

    assert "Idempotency-Replayed" not in other.headers
    assert other.json.get("code") != "idempotency_key_reused"


def test_a_business_refusal_is_kept_under_its_key(world: World) -> None:
    quote = world.quote()
    body = {"quote": quote, "member": world.member}
    world.post("/v1/conversions", body, key="key-1")
    refused = world.post("/v1/conversions", body, key="key-2")

    again = world.post("/v1/conversions", body, key="key-2")

    assert (refused.status_code, refused.json["code"]) == (409, "quote_used")
    assert again.get_data() == refused.get_data()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json["request_id"] == refused.headers["X-Request-Id"]


def test_what_was_malformed_does_not_use_up_its_key(world: World) -> None:
    quote = world.quote()
    bad = world.post("/v1/conversions", {"quote": quote, "member": 5}, key="key-1")

    good = world.post("/v1/conversions", {"quote": quote, "member": world.member}, key="key-1")

    assert (bad.status_code, good.status_code) == (400, 202)
    assert "Idempotency-Replayed" not in good.headers


def test_foreign_and_broken_quotes_are_refused_by_name(world: World) -> None:
    quote = world.quote()

    foreign = world.post("/v1/conversions", {"quote": quote, "member": world.member}, who="staywell", key="a")
    broken = world.post("/v1/conversions", {"quote": quote[:-4], "member": world.member}, key="b")

    assert (foreign.status_code, foreign.json["code"]) == (403, "quote_foreign")
    assert (broken.status_code, broken.json["code"]) == (422, "quote_invalid")
    assert world.count("conversion") == 0


def test_a_batch_answers_every_item_by_itself(world: World) -> None:
    used = world.quote()
    items = [
        {"idempotency_key": "one", "quote": world.quote(), "member": world.member},
        {"idempotency_key": "two", "quote": used, "member": world.member},
        {"idempotency_key": "three", "quote": "nonsense", "member": world.member},
        {"idempotency_key": "four", "quote": used, "member": world.member},
        {"idempotency_key": "two", "quote": used, "member": world.member},
        {"idempotency_key": "two", "quote": world.quote(), "member": world.member},
        {"idempotency_key": "five", "quote": used, "member": True},
        {"idempotency_key": "six", "quote": used, "member": world.member, "extra": 1},
        {"quote": used, "member": world.member},
        7,
    ]

    response = world.post("/v1/conversion-batches", {"items": items})

    found = response.json["data"]
    assert response.status_code == 200
    assert [(one["status"], one["replayed"]) for one in found] == [
        (202, False), (202, False), (422, False), (409, False), (202, True), (422, False), (400, False), (400, False),
        (400, False), (400, False),
    ]  # fmt: skip
    assert [one["problem"]["code"] for one in found if "problem" in one] == [
        "quote_invalid", "quote_used", "idempotency_key_reused", *["validation_failed"] * 4
    ]  # fmt: skip
    assert found[4]["conversion"] == found[1]["conversion"]
    assert world.count("conversion") == 2


def test_a_batch_sent_again_is_replayed(world: World) -> None:
    items = [{"idempotency_key": f"k{n}", "quote": world.quote(), "member": world.member} for n in range(5)]
    first = world.post("/v1/conversion-batches", {"items": items}).json["data"]

    again = world.post("/v1/conversion-batches", {"items": items}).json["data"]

    assert [one["conversion"] for one in again] == [one["conversion"] for one in first]
    assert all(one["replayed"] for one in again)
    single = world.post("/v1/conversions", {"quote": items[0]["quote"], "member": world.member}, key="k0")
    assert single.headers["Idempotency-Replayed"] == "true"


def test_lists_page_newest_first_and_stay_stable_under_inserts(world: World, clock: ManualClock) -> None:
    made = []
    for number in range(5):
        clock.advance(timedelta(milliseconds=number % 2))
        made.append(world.accept(key=f"k{number}").json["id"])
    first = world.get("/v1/conversions?limit=2").json
    clock.advance(timedelta(seconds=1))
    world.accept(key="later")

    second = world.get(f"/v1/conversions?limit=2&cursor={first['next_cursor']}").json
    third = world.get(f"/v1/conversions?limit=2&cursor={second['next_cursor']}").json

    seen = [one["id"] for page in (first, second, third) for one in page["data"]]
    assert sorted(seen) == sorted(made)
    assert third["next_cursor"] is None


def test_lists_filter_by_state_partner_member_and_time(world: World) -> None:
    id = world.accept().json["id"]

    for query, count in (
        ("state=held", 1), ("state=posted", 0), ("partner=staywell", 1), ("partner=bystander", 0),
        (f"member={world.member}", 1), ("member=mbr_other", 0), ("since=2026-04-06T09:00:00Z", 1),
        ("until=2026-04-06T09:00:00Z", 0), ("since=2026-04-06T11:00:00%2B02:00", 1), ("since=2027-01-01T00:00:00Z", 0),
    ):  # fmt: skip
        found = [one["id"] for one in world.get(f"/v1/conversions?{query}").json["data"]]
        assert found == [id] * count, query


def test_cursors_of_other_lists_and_filters_are_refused(world: World) -> None:
    for number in range(2):
        world.accept(key=f"k{number}")
    cursor = world.get("/v1/conversions?limit=1").json["next_cursor"]

    for path in (
        f"/v1/conversions?state=held&cursor={cursor}",
        f"/v1/units?cursor={cursor}",
        f"/v1/conversions?cursor={cursor}x",
        "/v1/conversions?cursor=x",
        "/v1/conversions?cursor=",
        f"/v1/conversions?cursor={'x' * 600}",
    ):
        response = world.get(path)
        assert (response.status_code, response.json["code"]) == (400, "cursor_invalid"), path


def test_cancelling_is_possible_until_something_was_sent(world: World) -> None:
    id = world.accept().json["id"]

    first = world.post(f"/v1/conversions/{id}/cancel", {}, key="c1")
    again = world.post(f"/v1/conversions/{id}/cancel", {}, key="c1")
    other = world.post(f"/v1/conversions/{id}/cancel", {}, key="c2")

    assert (first.status_code, first.json["state"]) == (200, "voided")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (other.status_code, other.json["state"]) == (200, "voided")


def test_only_posted_conversions_are_converted_back(world: World) -> None:
    id = world.accept().json["id"]

    for body in ({}, {"amount": None}, {"amount": 5}):
        response = world.post(f"/v1/conversions/{id}/reversals", body, key=json.dumps(body).replace(" ", ""))
        assert (response.status_code, response.json["code"]) == (422, "reversal_not_allowed")


def test_nobody_sees_or_touches_what_belongs_to_others(world: World) -> None:
    id = world.accept().json["id"]
    missing = "cnv_" + "0" * 26

    for path in (id, missing):
        assert world.get(f"/v1/conversions/{path}", who="bystander").status_code == 404
        for action in ("cancel", "reversals"):
            response = world.post(f"/v1/conversions/{path}/{action}", {}, who="bystander", key=f"{action}{path}")
            assert (response.status_code, response.json["code"]) == (404, "conversion_missing")
    assert world.get("/v1/conversions", who="bystander").json["data"] == []
    assert world.get(f"/v1/conversions/{id}", who="staywell").status_code == 200
    assert world.get(f"/v1/conversions/{id}", who="hub").status_code == 200
    assert world.get(f"/v1/conversions/{id}").json["state"] == "held"
