"""Card spend over HTTP as a bank's engineer meets it: tokens, transactions, targets."""

import json
import logging
from typing import Any

import pytest

from hub.agreements.roster import roster
from hub.earning.payouts import gather
from tests.gateway.contract_client import World

CARD_NUMBER = "4111111111111111"
TAKE = "/v1/card-transactions"


def linked(world: World, *tokens: str, who: str = "aerojet") -> list[dict[str, Any]]:
    """Tokens of one member each, linked by the bank."""
    items = [{"token": token, "member": f"customer-{token}", "product": "gold"} for token in tokens]
    response = world.post("/v1/card-tokens", {"items": items}, who=who, key=f"link-{'-'.join(tokens)}")
    assert response.status_code == 201, response.get_data(as_text=True)
    return list(response.json["data"])  # type: ignore[index]


def item(id: str, amount: object, **more: object) -> dict[str, object]:
    """A transaction in pence."""
    plain = {"id": id, "token": "card-1", "time": "2026-03-10", "amount": amount, "currency": "GBP", "category": "5541"}
    return plain | more


def taken(world: World, *items: object, who: str = "aerojet") -> list[dict[str, Any]]:
    """What became of these."""
    response = world.post(TAKE, {"items": list(items)}, who=who)
    assert response.status_code == 200, response.get_data(as_text=True)
    return list(response.json["data"])  # type: ignore[index]


def test_transactions_are_answered_one_by_one_and_sending_them_again_moves_nothing(world: World) -> None:
    linked(world, "card-1")
    items = [item("t1", 1_090), item("r1", 500, kind="refund", original="t1")]

    first = taken(world, *items)
    again = taken(world, *items)

    assert [(one["code"], one["points"], one["posted"]) for one in first] == [
        ("accepted", 10, True),
        ("accepted", -5, True),
    ]
    assert [(one["code"], one["points"]) for one in again] == [("duplicate", 10), ("duplicate", -5)]
    assert [one["accrual"] for one in again] == [one["accrual"] for one in first]
    assert {one["unit"] for one in first} == {"staywell.point"}


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        ({"amount": 0}, "amount_invalid"),
        ({"amount": -5}, "amount_invalid"),
        ({"amount": 10.5}, "amount_invalid"),
        ({"amount": "10"}, "amount_invalid"),
        ({"amount": True}, "amount_invalid"),
        ({"currency": "QQQ"}, "currency_unknown"),
        ({"currency": "USD"}, "currency_unknown"),
        ({"time": "2031-01-01"}, "date_in_future"),
        ({"time": "2026-02-30"}, "date_invalid"),
        ({"time": None}, "date_invalid"),
        ({"token": "nobody"}, "token_unknown"),
        ({"token": CARD_NUMBER}, "card_number"),
        ({"category": ""}, "category_missing"),
        ({"kind": "gift"}, "kind_invalid"),
        ({"id": "with a space"}, "id_invalid"),
        ({"id": "known"}, "id_reused"),
        ({"colour": "red"}, "row_malformed"),
        ("not an object", "row_malformed"),
        (None, "row_malformed"),
    ],
)
def test_what_is_broken_is_refused_alone_and_the_rest_goes_through(
    world: World, broken: Any, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    linked(world, "card-1")
    taken(world, item("known", 100))
    bad = item("bad", 200) | broken if isinstance(broken, dict) else broken

    with caplog.at_level(logging.DEBUG):
        answers = taken(world, item("before", 100), bad, item("after", 100))

    assert [one["code"] for one in answers] == ["accepted", code, "accepted"]
    assert (answers[1]["points"], answers[1]["accrual"], answers[1]["posted"]) == (0, None, None)
    assert answers[1]["detail"]
    assert CARD_NUMBER not in caplog.text + json.dumps(answers)


def test_whoever_accepts_lines_gets_a_line_for_each(world: World) -> None:
    linked(world, "card-1")
    headers = world.headers() | {"Accept": "application/x-ndjson"}

    response = world.client().post(TAKE, json={"items": [item("t1", 100), item("t2", 0)]}, headers=headers)

    assert response.mimetype == "application/x-ndjson"
    lines = [json.loads(line) for line in response.get_data(as_text=True).splitlines()]
    assert [(one["id"], one["code"]) for one in lines] == [("t1", "accepted"), ("t2", "amount_invalid")]


def test_only_a_partner_with_rules_of_its_own_kind_sends_transactions(world: World) -> None:
    world.tokens["live"] = world.token("aerojet", ("spend:write",), live=True)

    live = world.post(TAKE, {"items": [item("t", 100)]}, who="live")
    none = world.post(TAKE, {"items": []})
    many = world.post(TAKE, {"items": [item(f"t{number}", 100) for number in range(1_001)]})
    hub = world.post(TAKE, {"items": [item("t", 100)]}, who="hub")

    assert live.json["code"] == "bank_not_ready"
    assert (none.json["code"], many.json["code"]) == ("validation_failed", "validation_failed")
    assert hub.json["code"] == "acting_missing"


def test_a_card_number_is_no_token_and_is_kept_nowhere(world: World, caplog: pytest.LogCaptureFixture) -> None:
    body = {"items": [{"token": CARD_NUMBER, "member": "customer-1"}]}

    with caplog.at_level(logging.DEBUG):
        refused = world.post("/v1/card-tokens", body, key="card")

    assert (refused.status_code, refused.json["code"]) == (422, "card_number_sent")
    assert refused.json["errors"][0]["pointer"] == "/items/0/token"
    assert CARD_NUMBER not in caplog.text + refused.get_data(as_text=True)
    assert world.count("card_token") == 0
    with world.database.read() as work:
        kept = work.fetch("SELECT 1 FROM idempotency_keys WHERE body LIKE %s", (f"%{CARD_NUMBER}%",))
    assert kept == []


def test_a_token_is_linked_once_and_taken_away_without_losing_its_refunds(world: World) -> None:
    token = linked(world, "card-1")[0]
    taken(world, item("before", 1_000))

    removed = world.post(f"/v1/card-tokens/{token['id']}/remove", {}, key="remove")
    later = taken(
        world, item("after", 1_000, time="2026-04-06T09:00:00Z"), item("back", 400, kind="refund", original="before")
    )
    other = world.post("/v1/card-tokens", {"items": [{"token": "card-1", "member": "another"}]}, key="other")
    world.post("/v1/card-tokens", {"items": [{"token": "card-1", "member": "customer-card-1"}]}, key="again")

    assert removed.json["removed_at"] == "2026-04-06T09:00:00.000000Z"
    assert [(one["code"], one["points"]) for one in later] == [("token_unknown", 0), ("accepted", -4)]
    assert (other.status_code, other.json["code"]) == (409, "card_token_conflict")
    assert world.get(f"/v1/card-tokens/{token['id']}").json["removed_at"] is None
    assert taken(world, item("after", 1_000, time="2026-04-06T09:00:00Z"))[0]["code"] == "accepted"


def test_a_member_chooses_where_points_go_from_a_day_on(world: World) -> None:
    member = linked(world, "card-1")[0]["member"]
    path = f"/v1/members/{member}/earn-targets"

    chosen = world.post(path, {"unit": "bystander.point", "since": "2026-03-15"}, key="choose")
    answers = taken(world, item("t1", 100, time="2026-03-14"), item("t2", 100, time="2026-03-15"))
    wrong = world.post(path, {"unit": "nobody.point"}, key="wrong")
    foreign = world.post(path, {"unit": "bystander.point"}, who="staywell", key="foreign")

    assert chosen.status_code == 201
    assert world.get(path).json["data"] == [{"member": member, "unit": "bystander.point", "since": "2026-03-15"}]
    assert [one["unit"] for one in answers] == ["staywell.point", "bystander.point"]
    assert (wrong.status_code, wrong.json["code"]) == (422, "target_not_allowed")
    assert (foreign.status_code, foreign.json["code"]) == (404, "member_missing")


def test_tokens_are_listed_in_pages(world: World) -> None:
    ids = [one["id"] for one in linked(world, "a", "b", "c")]

    first = world.get("/v1/card-tokens?limit=2").json
    second = world.get(f"/v1/card-tokens?limit=2&cursor={first['next_cursor']}").json

    assert [one["id"] for one in first["data"] + second["data"]] == ids
    assert second["next_cursor"] is None


RULES: dict[str, Any] = {
    "currency": "GBP",
    "target": "staywell.point",
    "effective_from": "2026-01-01",
    "rules": [{"code": "base", "earn": "1 per 1.00"}, {"code": "fuel", "kind": "multiply", "times": "1.5"}],
}


def test_a_bank_proposes_tries_and_an_operator_activates_what_he_has_seen(world: World) -> None:
    linked(world, "card-1")
    taken(world, item("t1", 1_000))

    proposed = world.post("/v1/earn-rules", {"document": RULES}, key="p")
    path = f"/v1/earn-rules/{proposed.json['id']}"
    tried = world.get(f"{path}/simulation?from=2026-03-01&to=2026-04-01")
    named = world.post(f"{path}/approve", {}, who="staywell", key="a")
    blind = world.post(f"{path}/activate", {}, who="hub", key="blind")
    stale = activated(world, path, proposed.headers["ETag"], key="stale")
    active = activated(world, path, world.get(path, who="hub").headers["ETag"], key="seen")

    assert (proposed.status_code, proposed.json["state"]) == (201, "proposed")
    assert proposed.json["approved_by"] == ["aerojet"]
    assert [(one["points_now"], one["points_then"]) for one in tried.json["units"]] == [(10, 15)]
    assert tried.json["members"] == {"gaining": 1, "losing": 0, "unchanged": 0}
    assert named.status_code == 200
    assert (blind.status_code, stale.status_code) == (428, 412)
    assert active.json["state"] == "active"
    assert taken(world, item("t2", 1_000))[0]["points"] == 15
    assert world.get(f"{path}/simulation", who="staywell").status_code == 404
    assert world.get(path, who="bystander").status_code == 404


def activated(world: World, path: str, tag: str, *, key: str) -> Any:
    headers = world.headers("hub", key) | {"If-Match": tag}
    return world.client().post(f"{path}/activate", json={}, headers=headers)


def test_rules_that_cannot_be_are_refused_with_their_place(world: World) -> None:
    floats = RULES | {"rules": [{"code": "base", "earn": "1 per 1.00", "cap": 10.5}]}

    wrong = world.post("/v1/earn-rules", {"document": floats}, key="w")
    nowhere = world.post("/v1/earn-rules", {"document": RULES | {"target": "nobody.point"}}, key="n")

    assert (wrong.status_code, wrong.json["code"]) == (422, "earn_rules_invalid")
    assert wrong.json["errors"][0]["pointer"] == "/rules/0/cap"
    assert (nowhere.status_code, nowhere.json["code"]) == (422, "earn_rules_invalid")


def test_an_accrual_is_shown_with_its_explanation(world: World) -> None:
    linked(world, "card-1")
    accrual = taken(world, item("t1", 1_090))[0]["accrual"]
    taken(world, item("r1", 500, kind="refund", original="t1"))

    shown = world.get(f"/v1/accruals/{accrual}")
    found = world.get("/v1/accruals?transaction=r1").json["data"]

    assert (shown.json["transaction"], shown.json["points"], shown.json["refunded"]) == ("t1", 10, 500)
    assert [one["what"] for one in shown.json["explain"]] == ["rule", "rounded", "refund"]
    assert [(one["kind"], one["points"]) for one in found] == [("refund", -5)]
    assert world.get(f"/v1/accruals/{accrual}", who="staywell").status_code == 404


def test_a_claim_is_answered_at_once_and_kept(world: World) -> None:
    linked(world, "card-1")
    taken(world, item("t1", 1_090, merchant="Shell Kings"))
    body = {"token": "card-1", "day": "2026-03-12", "amount": 1_090, "merchant": "shell"}

    made = world.post("/v1/claims", body, key="c1")
    again = world.post("/v1/claims", body, key="c1")
    absent = world.post("/v1/claims", body | {"amount": 5}, key="c2")
    unknown = world.post("/v1/claims", body | {"token": "nobody"}, key="c3")
    foreign = world.get(f"/v1/claims/{made.json['id']}", who="staywell")

    assert (made.status_code, made.json["answer"], made.json["points"]) == (201, "credited", 10)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert absent.json["answer"] == "not_received"
    assert (unknown.status_code, unknown.json["code"]) == (404, "card_token_missing")
    assert (foreign.status_code, foreign.json["code"]) == (404, "claim_missing")
    # Both were made at one instant of the test's clock, so neither is the older one.
    listed = [one["id"] for one in world.get("/v1/claims").json["data"]]
    assert sorted(listed) == sorted([made.json["id"], absent.json["id"]])


def test_an_operator_records_what_a_bank_paid_and_the_bank_sees_what_is_left(world: World) -> None:
    linked(world, "card-1")
    block = {"bank": "aerojet", "kind": "points", "unit": "staywell.point", "amount": 100, "reorder_at": 20}

    added = world.post("/v1/prepaid-blocks", block, who="hub", key="b1")
    taken(world, item("t1", 3_000))
    path = f"/v1/prepaid-blocks/{added.json['id']}"
    seen = world.get(path)
    forbidden = world.post("/v1/prepaid-blocks", block, key="b2")
    wrong = world.post("/v1/prepaid-blocks", block | {"unit": "EUR", "kind": "deposit"}, who="hub", key="b3")

    assert (added.status_code, added.json["left"]) == (201, 100)
    assert (seen.json["bank"], seen.json["left"]) == ("aerojet", 70)
    assert forbidden.json["code"] == "scope_missing"
    assert (wrong.status_code, wrong.json["code"]) == (422, "block_invalid")
    assert world.get(path, who="staywell").json["code"] == "block_missing"
    assert world.get("/v1/prepaid-blocks", who="staywell").json["data"] == []


def test_a_bank_sees_why_its_accruals_are_stopped_and_loses_none(world: World) -> None:
    linked(world, "card-1")
    world.post(
        "/v1/prepaid-blocks",
        {"bank": "aerojet", "kind": "points", "unit": "staywell.point", "amount": 10},
        who="hub",
        key="b1",
    )

    answer = taken(world, item("t1", 3_000))[0]
    state = world.get("/v1/accrual-states/aerojet").json

    assert (answer["code"], answer["points"], answer["posted"]) == ("accepted", 30, False)
    assert state == {"bank": "aerojet", "state": "stopped", "reason": "prepaid_exhausted", "waiting": 1}
    assert world.get("/v1/accrual-states/aerojet", who="staywell").status_code == 404
    assert world.get("/v1/accrual-states/nobody", who="hub").status_code == 404


def test_only_a_refused_payout_is_sent_again(world: World) -> None:
    linked(world, "card-1")
    taken(world, item("t1", 3_000))
    with world.database.work() as work:
        gather(work, roster(work), "aerojet", now=world.services.clock.now())
    [waiting] = world.get("/v1/payouts?state=waiting").json["data"]
    path = f"/v1/payouts/{waiting['id']}"

    early = world.post(f"{path}/retry", {}, key="early")
    with world.database.work() as work:
        work.run("UPDATE earn_payout SET state = 'returned', reason = 'member_closed'")
    returned = world.get(path).json
    retried = world.post(f"{path}/retry", {}, key="late")
    foreign = world.post(f"{path}/retry", {}, who="staywell", key="foreign")

    assert (waiting["unit"], waiting["points"], waiting["partner"]) == ("staywell.point", 30, "staywell")
    assert (early.status_code, early.json["code"]) == (409, "payout_not_returned")
    assert (returned["state"], returned["reason"]) == ("returned", "member_closed")
    assert retried.json["state"] == "waiting"
    assert (foreign.status_code, foreign.json["code"]) == (404, "payout_missing")
