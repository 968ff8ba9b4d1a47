"""Units, partners, rate rules, members and links over HTTP: who sees them and who may write."""

from datetime import timedelta
from fractions import Fraction
from typing import Any

from hub.limits import service as limits
from hub.rates import service as rates
from hub.rates.types import CampaignDraft
from tests.gateway.contract_client import World
from tests.gateway.making import MAKERS

RULE: dict[str, Any] = {
    "source_unit": "aerojet.mile",
    "target_unit": "bystander.point",
    "blocks": [{"above": 0, "give": 3, "get": 1}, {"above": 30_000, "give": 6, "get": 2}],
    "minimum": 3,
    "step": 3,
    "maximum": 900_000,
    "fee": {"kind": "points", "flat": 10, "per_point": "1/100", "cap": 500},
    "selectors": {"tier": "gold"},
    "priority": 5,
    "effective_from": "2026-04-01T00:00:00Z",
    "effective_until": "2027-04-01T00:00:00+02:00",
    "typical_time": "2 days",
}


def test_units_and_partners_are_listed_by_code_in_pages(world: World) -> None:
    for path, codes in (
        ("/v1/units", ["aerojet.mile", "bystander.point", "staywell.point"]),
        ("/v1/partners", ["aerojet", "bystander", "staywell"]),
    ):
        first = world.get(f"{path}?limit=2").json
        second = world.get(f"{path}?limit=2&cursor={first['next_cursor']}").json
        assert [one["code"] for one in first["data"] + second["data"]] == codes
        assert second["next_cursor"] is None
    assert [one["code"] for one in world.get("/v1/units?partner=staywell").json["data"]] == ["staywell.point"]
    assert world.get("/v1/partners/staywell").json["state"] == "test"
    assert world.get("/v1/partners/nobody").json["code"] == "partner_missing"


def test_test_clients_and_live_clients_do_not_meet(world: World) -> None:
    world.tokens["live"] = world.token("", ("units:read", "partners:read", "rates:read", "quotes:read"), live=True)

    for path in ("/v1/units", "/v1/partners", "/v1/rate-rules"):
        assert world.get(path, who="live").json["data"] == []
    assert world.get("/v1/partners/aerojet", who="live").status_code == 404
    body = {"source_unit": "aerojet.mile", "target_unit": "staywell.point", "amount": 100}
    assert world.post("/v1/quotes", body, who="live").json["code"] == "test_live_mixed"


def test_operators_propose_activate_and_withdraw_rules(world: World) -> None:
    proposed = world.post("/v1/rate-rules", RULE, who="hub", key="p")
    id = proposed.json["id"]
    hidden = world.get(f"/v1/rate-rules/{id}", who="staywell")
    named = world.get(f"/v1/rate-rules/{id}", who="bystander")

    active = world.post(f"/v1/rate-rules/{id}/activate", {}, who="hub", key="a")
    seen = world.get(f"/v1/rate-rules/{id}")
    withdrawn = world.post(f"/v1/rate-rules/{id}/withdraw", {"reason": "typed wrongly"}, who="hub", key="w")

    assert (proposed.status_code, proposed.json["state"]) == (201, "proposed")
    assert proposed.json["fee"] == {"kind": "points", "currency": None, "flat": 10, "per_point": "1/100", "cap": 500}
    assert proposed.json["effective_until"] == "2027-03-31T22:00:00.000000Z"
    assert (hidden.status_code, hidden.json["code"]) == (404, "rule_missing")
    assert named.json["state"] == "proposed"
    assert (active.status_code, active.json["state"]) == (200, "active")
    assert seen.json["id"] == id
    assert withdrawn.json["state"] == "withdrawn"


def test_rules_are_proposed_once_per_key(world: World) -> None:
    first = world.post("/v1/rate-rules", RULE, who="hub", key="p")

    again = world.post("/v1/rate-rules", RULE, who="hub", key="p")
    other = world.post("/v1/rate-rules", {**RULE, "priority": 6}, who="hub", key="p")

    assert again.get_data() == first.get_data()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert other.json["code"] == "idempotency_key_reused"


def test_a_refused_effect_leaves_nothing_but_its_answer(world: World) -> None:
    before = world.count("rate_rule")

    refused = world.post("/v1/rate-rules", {**RULE, "target_unit": "nobody.point"}, who="hub", key="p")
    unruly = world.post("/v1/rate-rules", {**RULE, "step": 10**15, "minimum": 1}, who="hub", key="q")

    assert (refused.status_code, refused.json["code"]) == (422, "unit_missing")
    assert unruly.status_code in (201, 422)
    assert world.count("rate_rule") == before + (unruly.status_code == 201)


def test_rules_are_listed_with_filters_and_pages(world: World) -> None:
    world.post("/v1/rate-rules", RULE, who="hub", key="p")

    page = world.get("/v1/rate-rules?limit=1", who="hub").json
    seen = list(page["data"])
    while page["next_cursor"]:
        page = world.get(f"/v1/rate-rules?limit=1&cursor={page['next_cursor']}", who="hub").json
        seen += page["data"]

    assert len(seen) == 3
    assert len(world.get("/v1/rate-rules").json["data"]) == 3
    assert len(world.get("/v1/rate-rules", who="staywell").json["data"]) == 2
    assert len(world.get("/v1/rate-rules?state=proposed", who="hub").json["data"]) == 1
    assert len(world.get("/v1/rate-rules?target_unit=staywell.point").json["data"]) == 1
    assert world.get("/v1/rate-rules?state=odd").status_code == 400


def test_a_budget_stays_in_the_currency_it_was_first_funded_in(world: World) -> None:
    path = f"/v1/campaigns/{MAKERS['/v1/campaigns/{id}'].make(world, 'aerojet')}/fund"

    first = world.post(path, {"currency": "USD", "amount": 500}, who="hub", key="a")
    other = world.post(path, {"currency": "EUR", "amount": 500}, who="hub", key="b")
    more = world.post(path, {"currency": "USD", "amount": 500}, who="hub", key="c")

    assert (first.status_code, more.status_code) == (200, 200), first.text
    assert (other.status_code, other.json["code"]) == (422, "campaign_invalid")


def test_partners_clients_write_no_rates(world: World) -> None:
    # The scope cannot even be given to a partner's client; the door does not rely on that.
    with world.database.work() as work:
        work.run("UPDATE access_clients SET scopes = '{rates:write}' WHERE partner = 'aerojet'")
        row = work.fetch("SELECT id FROM access_clients WHERE partner = 'aerojet'")[0][0]
    from hub.access.service import get_client

    with world.database.read() as work:
        client = get_client(work, row, now=world.services.clock.now())
    world.tokens["sly"] = world.services.guard.issue(client, ["rates:write"])

    response = world.post("/v1/rate-rules", RULE, who="sly", key="p")

    assert (response.status_code, response.json["code"]) == (403, "scope_missing")


def test_members_and_links_are_recorded_once_and_proven_later(world: World) -> None:
    made = world.post("/v1/members", {"reference": "customer-2"}, key="m")
    again = world.post("/v1/members", {"reference": "customer-2"}, key="other")
    body = {"member": made.json["id"], "partner": "staywell", "membership": "SW2002"}

    link = world.post("/v1/links", body, key="l")
    replayed = world.post("/v1/links", body, key="l")

    assert (made.status_code, again.json["id"]) == (201, made.json["id"])
    assert (link.status_code, link.json["state"]) == (202, "pending")
    assert link.headers["Location"] == f"https://hub.example/v1/links/{link.json['id']}"
    assert replayed.get_data() == link.get_data()
    assert world.get(f"/v1/links/{link.json['id']}").json["membership"] == "SW2002"
    assert world.get(f"/v1/links/{link.json['id']}", who="staywell").status_code == 200
    assert world.get(f"/v1/links/{link.json['id']}", who="hub").status_code == 200
    assert world.get(f"/v1/links/{link.json['id']}", who="bystander").json["code"] == "link_missing"


def test_links_that_cannot_be_are_refused_by_name(world: World) -> None:
    good = {"member": world.member, "partner": "bystander", "membership": "BY1001"}

    for number, (changed, who, status, code) in enumerate(
        (
            ({"partner": "nobody"}, "aerojet", 404, "partner_missing"),
            ({"member": "mbr_" + "0" * 26}, "aerojet", 404, "member_missing"),
            ({"membership": "wrong"}, "aerojet", 422, "membership_malformed"),
            ({}, "staywell", 404, "member_missing"),
            ({"debit_by": ["aerojet"]}, "aerojet", 403, "consent_foreign"),
            ({"partner": "staywell", "membership": "SW9999"}, "aerojet", 409, "member_linked"),
            ({"partner": "staywell", "membership": "SW9999"}, "hub for aerojet", 409, "member_linked"),
            ({"partner": "staywell", "membership": "SW9999"}, "hub for staywell", 404, "member_missing"),
            ({"partner": "staywell", "membership": "SW9999"}, "hub", 400, "acting_missing"),
        )
    ):
        response = world.post("/v1/links", {**good, **changed}, who=who, key=f"k{number}")
        assert (response.status_code, response.json["code"]) == (status, code), (changed, who)


def test_a_partner_records_who_else_may_debit_its_own_memberships(world: World) -> None:
    made = world.post("/v1/links", {"member": world.member, "partner": "bystander", "membership": "BY1001"}, key="l")
    address = f"/v1/links/{made.json['id']}/consent"
    seen = {"If-Match": world.get(f"/v1/links/{made.json['id']}", who="bystander").headers["ETag"]}
    wanted = {"debit_by": ["aerojet", "aerojet"]}

    by_itself = world.client().post(address, json=wanted, headers={**world.headers("bystander", "a"), **seen})
    by_another = world.client().post(address, json=wanted, headers={**world.headers("aerojet", "b"), **seen})
    stale = world.client().post(address, json={"debit_by": []}, headers={**world.headers("bystander", "c"), **seen})
    blind = world.client().post(address, json={"debit_by": []}, headers=world.headers("bystander", "d"))

    assert (by_itself.status_code, by_itself.json["debit_by"]) == (200, ["aerojet"])
    assert (by_another.status_code, by_another.json["code"]) == (412, "precondition_failed")
    assert (stale.status_code, stale.json["code"]) == (412, "precondition_failed")
    assert (blind.status_code, blind.json["code"]) == (428, "precondition_missing")
    fresh = {"If-Match": by_itself.headers["ETag"]}
    foreign = world.client().post(address, json=wanted, headers={**world.headers("aerojet", "e"), **fresh})
    assert (foreign.status_code, foreign.json["code"]) == (403, "consent_foreign")


def test_a_quote_counts_what_the_member_had_of_a_capped_campaign(world: World) -> None:
    now = world.services.clock.now()
    with world.database.work() as work:
        draft = CampaignDraft(
            name="capped",
            source_unit="aerojet.mile",
            target_unit="staywell.point",
            funder="hub",
            starts_on=now.date() - timedelta(days=1),
            ends_on_inclusive=now.date() + timedelta(days=9),
            percent=Fraction(50),
            member_cap=2_500,
        )
        campaign = rates.propose_campaign(work, draft, actor="alice", now=now)
    with world.database.work() as work:
        rates.fund_campaign(work, campaign, currency="USD", amount=10**12, key="first", actor="alice", now=now)
    with world.database.work() as work:
        rates.activate_campaign(work, campaign, actor="bob", now=now)
    asked = {"source_unit": "aerojet.mile", "target_unit": "staywell.point", "amount": 10_000, "member": world.member}

    first = world.post("/v1/quotes", asked).json
    world.post("/v1/conversions", {"quote": first["quote"], "member": world.member}, key="k")  # type: ignore[index]
    second = world.post("/v1/quotes", asked).json

    assert (first["base"], first["bonus"]) == (4_000, 2_000)  # type: ignore[index]
    assert (second["base"], second["bonus"]) == (4_000, 500)  # type: ignore[index]


def test_a_plan_says_what_to_ask_quotes_for_and_quotes_say_the_same(world: World) -> None:
    asked = {
        "target_unit": "staywell.point",
        "amount": 4_000,
        "holdings": [{"unit": "aerojet.mile", "balance": 25_000}],
    }

    (way,) = world.post("/v1/plans", asked).json["ways"]  # type: ignore[index]
    (step,) = way["steps"]
    body = {"source_unit": step["source_unit"], "target_unit": step["target_unit"], "amount": step["source_amount"]}
    quoted = world.post("/v1/quotes", body).json

    assert way["target_amount"] == quoted["target_amount"] >= 4_000
    assert way["spends"] == [{"unit": "aerojet.mile", "amount": quoted["source_amount"] + quoted["fee"]}]
    assert {name: step[name] for name in step if name != "from_balance"} == {
        name: quoted[name] for name in step if name in quoted
    }


def test_a_plan_is_refused_for_what_it_cannot_compare_and_for_members_of_others(world: World) -> None:
    one = {"unit": "aerojet.mile", "balance": 1}
    asked = {"target_unit": "staywell.point", "amount": 1}
    world.tokens["live"] = world.token("", ("quotes:read",), live=True)

    twice = world.post("/v1/plans", {**asked, "holdings": [one, one]})
    mixed = world.post(
        "/v1/plans", {**asked, "holdings": [{**one, "worth": "1"}, {"unit": "staywell.point", "balance": 0}]}
    )
    bare = world.post("/v1/plans", {**asked, "currency": "USD", "holdings": [one]})
    unknown = world.post("/v1/plans", {**asked, "holdings": [{"unit": "no.such", "balance": 1}]})
    foreign = world.post("/v1/plans", {**asked, "holdings": [one], "member": world.member}, who="bystander")
    live = world.post("/v1/plans", {**asked, "holdings": [one]}, who="live")

    pointers = [answer.json["errors"][0]["pointer"] for answer in (twice, mixed, bare)]  # type: ignore[index]
    assert pointers == ["#/holdings/1/unit", "#/holdings", "#/currency"]
    codes = [answer.json["code"] for answer in (unknown, foreign, live)]  # type: ignore[index]
    assert codes == ["unit_missing", "member_missing", "test_live_mixed"]


def test_limits_are_shown_to_the_partners_they_name(world: World) -> None:
    head = "id,per,counts,period,maximum,direction,sources,targets,zone\n"
    rows = "all_of_us,member,points,year,9,out,,,UTC\nmiles,member,conversions,30_days,1,out,aerojet.mile,,UTC\n"
    with world.database.work() as work:
        limits.import_limits(work, (head + rows).encode(), actor="alice", now=world.services.clock.now())

    own = world.get("/v1/limits").json["data"]  # type: ignore[index]
    foreign = world.get("/v1/limits", who="bystander").json["data"]  # type: ignore[index]
    quoted = world.quote(1_000), world.quote(1_000)
    first, second = (
        world.post("/v1/conversions", {"quote": quote, "member": world.member}, key=quote[-40:]) for quote in quoted
    )

    assert [one["id"] for one in own] == ["all_of_us", "miles"]
    assert [one["id"] for one in foreign] == ["all_of_us"]
    assert (first.status_code, second.status_code) == (409, 409), "nine points are less than any of these"
    assert second.json["facts"]["limit"] == "all_of_us"  # type: ignore[index]
