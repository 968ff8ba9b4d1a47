"""A hosted programme as its partner uses it over HTTP: enrol, earn, convert both ways, take back, let lapse, tell."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from werkzeug.test import TestResponse

from hub.agreements import service as agreements
from hub.agreements.types import AgreementDraft, Unit
from hub.gateway.app import create_app, stop_app
from hub.hosted.directory import HostedBooks
from hub.hosted.running import ProgrammeRuns
from hub.hosted.states import MembershipState
from hub.kernel.clock import ManualClock
from hub.legs.service import Legs
from hub.rates import service as rates
from hub.rates.types import Block, RuleDraft
from hub.storage import Database
from hub.worker.direct import run_due
from hub.worker.handlers import make_handlers
from partners.base import PartnerAdapter
from partners.hosted.adapter import HostedAdapter, profile_of
from tests.conftest import START
from tests.gateway.contract_client import ALL, BEANS, World, build_world
from tests.legs.fakes import PROFILE, FakePartner

UNIT = "staywell.bean"
ROUTE = f"/v1/programmes/{UNIT}"
_numbers = itertools.count(1)


class Partners:
    """Aerojet has a system of its own; staywell's answers come from the hub's books."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        self.aerojet = FakePartner()
        profile = profile_of(replace(BEANS, code="staywell", unit=UNIT))
        self._kept = HostedAdapter(None, profile, HostedBooks(database, clock), UNIT)  # type: ignore[arg-type]

    def adapter(self, partner: str) -> PartnerAdapter:
        return self.aerojet if partner == "aerojet" else self._kept

    def profile(self, _partner: str) -> Any:
        return PROFILE


class Cafe:
    """Staywell runs no system but this one: the hub keeps its beans."""

    def __init__(self, world: World, clock: ManualClock) -> None:
        self.world, self.clock, self.database = world, clock, world.database
        services = world.services
        self.partners = Partners(world.database, clock)
        legs = Legs(self.partners, milliseconds=lambda: 0)
        self.handlers = make_handlers(  # type: ignore[arg-type]
            self.database, services.vault, legs, services.conversions, clock
        )
        self.runs = ProgrammeRuns(self.database, services.hosted, services.programmes)
        with self.database.work() as work:
            for unit, partner, hosted in ((UNIT, "staywell", True), ("aerojet.bean", "aerojet", True)):
                made = Unit(unit, partner, "bean", 0, "points", "", hosted)
                agreements.add_unit(work, made, actor="alice", now=START)

    def agree(self) -> None:
        """Prices for beans, and routes both ways."""
        prices = {(UNIT, "debit"): Fraction(8), (UNIT, "credit"): Fraction(8)}
        draft = AgreementDraft(
            "staywell", "USD", 7, prices, Fraction(100), Fraction(1_000_000), True, START - timedelta(hours=1)
        )
        with self.database.work() as work:
            version = agreements.propose_agreement(work, draft, actor="alice", now=START)
            rates.activate_agreement(work, version, actor="bob", now=START)
            for source, target in ((UNIT, "aerojet.mile"), ("aerojet.mile", UNIT)):
                rule = RuleDraft(source, target, (Block(0, 2, 1),), minimum=2, step=2, effective_from=START)
                id_ = rates.propose_rule(work, rule, actor="alice", now=START)
                rates.activate_rule(work, id_, actor="bob", now=START)

    def get(self, path: str, *, who: str = "staywell") -> Any:
        """What is there."""
        response = self.world.get(path, who=who)
        assert response.status_code == 200, response.get_data(as_text=True)
        return response.json

    def post(self, path: str, body: Mapping[str, object], *, who: str = "staywell", key: str = "") -> TestResponse:
        """What is answered."""
        return self.world.post(path, body, who=who, key=key or f"cafe-{next(_numbers)}")

    def made(self, path: str, body: Mapping[str, object], *, who: str = "staywell") -> Any:
        """What was made; it must be granted."""
        response = self.post(path, body, who=who)
        assert response.status_code in (200, 201, 202), response.get_data(as_text=True)
        return response.json

    def points(self, kind: str, membership: str, amount: int, **more: object) -> Any:
        """Move points."""
        return self.made(f"{ROUTE}/postings", {"kind": kind, "membership": membership, "amount": amount, **more})

    def convert(self, member: str, source: str, target: str, amount: int, *, who: str) -> str:
        """Convert for a member; the conversion."""
        quoted = {"source_unit": source, "target_unit": target, "amount": amount, "member": member}
        quote = self.made("/v1/quotes", quoted, who=who)["quote"]
        return str(self.made("/v1/conversions", {"quote": quote, "member": member}, who=who)["id"])

    def later(self, **time: int) -> None:
        """Let time pass; tokens live for ten minutes."""
        self.clock.advance(timedelta(**time))
        for partner in ("aerojet", "staywell"):
            self.world.tokens[partner] = self.world.token(partner, ALL)

    def work(self) -> None:
        """Let the worker do what is due."""
        while run_due(self.database, self.handlers, self.clock.now(), 64):
            pass


@pytest.fixture
def cafe(database: Database, clock: ManualClock) -> Iterator[Cafe]:
    built = build_world(database, clock)
    world = built.restarted(number_pattern=lambda _partner: r"[A-Z]{2}[0-9]{4,12}")
    yield Cafe(world, clock)
    stop_app(world.app)
    stop_app(built.app)


def lots(statement: Mapping[str, Any]) -> list[tuple[str, int]]:
    return [(one["last_day"], one["remaining"]) for one in statement["lots"]]


def test_the_story_of_a_member(cafe: Cafe) -> None:
    cafe.agree()
    joined = cafe.made(f"{ROUTE}/memberships", {"reference": "till-7"})
    here = f"{ROUTE}/memberships/{joined['id']}"
    cafe.points("earn", joined["number"], 300, reference="receipt-1")
    member = cafe.made("/v1/members", {"reference": "m-1"})["id"]
    for partner, number in (("staywell", joined["number"]), ("aerojet", "AJ5001")):
        cafe.made("/v1/links", {"member": member, "partner": partner, "membership": number})
    cafe.work()
    assert {one["state"] for one in cafe.get(f"/v1/links?member={member}")["data"]} == {"active"}

    away = cafe.convert(member, UNIT, "aerojet.mile", 200, who="staywell")
    reserved = cafe.get(f"{here}/statement")
    cafe.work()

    assert (reserved["balance"], reserved["held"], reserved["available"]) == (300, 200, 100)
    assert cafe.get(f"/v1/conversions/{away}")["state"] == "posted"
    assert cafe.partners.aerojet.moved("AJ5001") == 100

    cafe.later(days=40)
    [link] = cafe.get(f"/v1/links?member={member}&partner=aerojet")["data"]
    headers = cafe.world.headers("aerojet", "consent")
    tag = cafe.world.client().get(f"/v1/links/{link['id']}", headers=headers).headers["ETag"]
    consent = cafe.world.client().post(
        f"/v1/links/{link['id']}/consent", json={"debit_by": ["staywell"]}, headers={**headers, "If-Match": tag}
    )
    assert consent.status_code == 200
    back = cafe.convert(member, "aerojet.mile", UNIT, 60, who="staywell")
    cafe.work()
    assert cafe.get(f"/v1/conversions/{back}")["state"] == "posted"
    assert lots(cafe.get(f"{here}/statement")) == [("2027-04-30", 100), ("2027-05-31", 30)]

    part = cafe.made(f"/v1/conversions/{away}/reversals", {"amount": 40})
    cafe.work()
    assert cafe.get(f"/v1/conversions/{part['id']}")["state"] == "posted"
    assert lots(cafe.get(f"{here}/statement")) == [("2027-04-30", 180), ("2027-05-31", 30)]

    cafe.later(days=330)
    assert cafe.runs.warn(now=cafe.clock.now()).warnings == 2  # of each group of lots
    cafe.later(days=30)
    lapsed = cafe.runs.lapse(now=cafe.clock.now())
    assert (lapsed.points, lapsed.lots, lapsed.over) == (180, 1, True)

    told = cafe.get(f"{here}/history")["data"]
    assert [(one["kind"], one["amount"], one["balance_after"]) for one in told] == [
        ("lapse", -180, 30),
        ("convert_in", 80, 210),
        ("convert_in", 30, 130),
        ("convert_out", -200, 100),
        ("earn", 300, 300),
    ]
    after = cafe.get(f"{here}/statement")
    assert (after["balance"], after["expiring"][0]["last_day"]) == (30, "2027-05-31")
    cafe.work()
    events = [one["type"] for one in cafe.get("/v1/events")["data"] if one["type"].startswith("hosted.")]
    assert events == ["hosted.points_expiring", "hosted.points_expiring", "hosted.points_lapsed"]


def test_the_same_key_moves_points_once(cafe: Cafe) -> None:
    joined = cafe.made(f"{ROUTE}/memberships", {})
    body = {"kind": "earn", "membership": joined["id"], "amount": 100}

    first = cafe.post(f"{ROUTE}/postings", body, key="till-1")
    again = cafe.post(f"{ROUTE}/postings", body, key="till-1")
    other = cafe.post(f"{ROUTE}/postings", {**body, "amount": 101}, key="till-1")

    assert (first.status_code, again.status_code, first.json) == (201, 201, again.json)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert other.json["code"] == "idempotency_key_reused"  # type: ignore[index]
    assert cafe.get(f"{ROUTE}/memberships/{joined['number']}/statement")["balance"] == 100


def test_points_are_given_spent_adjusted_and_taken_back(cafe: Cafe) -> None:
    one, two = (cafe.made(f"{ROUTE}/memberships", {})["number"] for _ in range(2))
    cafe.points("earn", one, 500)
    cafe.points("transfer", one, 200, to=two)
    spent = cafe.points("spend", two, 150)
    cafe.points("adjust_down", one, 100)
    cafe.points("adjust_up", one, 7)

    undone = cafe.made(f"{ROUTE}/postings", {"kind": "reverse", "membership": two, "of": spent["id"]})

    assert undone["balance"] == 200
    assert cafe.get(f"{ROUTE}/memberships/{one}/statement")["balance"] == 207


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"kind": "earn", "membership": "BB1"}, ("#/amount", "missing")),
        ({"kind": "spend", "membership": "BB1", "amount": 1, "to": "BB2"}, ("#/to", "unused")),
        ({"kind": "reverse", "membership": "BB1", "amount": 1}, ("#/of", "missing")),
        ({"kind": "give", "membership": "BB1", "amount": 1}, ("#/kind", "invalid")),
        ({"kind": "earn", "membership": "BB1", "amount": 0}, ("#/amount", "invalid_amount")),
    ],
    ids=str,
)
def test_fields_that_do_not_fit_the_kind_are_named(
    cafe: Cafe, body: dict[str, object], problem: tuple[str, str]
) -> None:
    response = cafe.post(f"{ROUTE}/postings", body)

    assert response.status_code == 400
    assert [(one["pointer"], one["code"]) for one in response.json["errors"]] == [problem]  # type: ignore[index]


def test_a_membership_is_moved_by_whoever_saw_it_last(cafe: Cafe) -> None:
    joined = cafe.made(f"{ROUTE}/memberships", {"reference": "a"})
    here = f"{ROUTE}/memberships/{joined['id']}"
    tag = cafe.world.get(here, who="staywell").headers["ETag"]

    def move(to: str, tag: str) -> TestResponse:
        headers = {**cafe.world.headers("staywell", f"move-{next(_numbers)}"), "If-Match": tag}
        return cafe.world.client().post(f"{here}/state", json={"to": to, "reason": "asked"}, headers=headers)

    blocked = move("blocked", tag)
    stale = move("active", tag)
    refused = cafe.post(f"{ROUTE}/postings", {"kind": "earn", "membership": joined["id"], "amount": 1})
    closed = move("closed", blocked.headers["ETag"])
    reopened = move("active", closed.headers["ETag"])

    assert [one.status_code for one in (blocked, stale, closed)] == [200, 412, 200]
    codes = [one.json["code"] for one in (refused, reopened)]  # type: ignore[index]
    assert codes == ["membership_not_active", "membership_taken"]
    assert cafe.get(f"{ROUTE}/memberships?state=closed")["data"] == [closed.json]
    with cafe.database.read() as work:
        facts = work.fetch("SELECT actor, facts FROM audit_entry WHERE subject = %s ORDER BY 1", (joined["id"],))
    assert len(facts) == 2
    assert "asked" in str(facts[0][1])


def test_pages_of_memberships_and_history_leave_nothing_out(cafe: Cafe) -> None:
    numbers = []
    for _ in range(5):
        numbers.append(cafe.made(f"{ROUTE}/memberships", {})["number"])
        cafe.clock.advance(timedelta(seconds=1))
    for amount in range(1, 6):
        cafe.points("earn", numbers[0], amount)

    def pages(path: str) -> list[Any]:
        rows, cursor = [], ""
        while True:
            page = cafe.get(f"{path}?limit=2{cursor}")
            rows += page["data"]
            if page["next_cursor"] is None:
                return rows
            cursor = f"&cursor={page['next_cursor']}"

    assert [one["number"] for one in pages(f"{ROUTE}/memberships")] == numbers[::-1]
    assert [one["amount"] for one in pages(f"{ROUTE}/memberships/{numbers[0]}/history")] == [5, 4, 3, 2, 1]


def test_a_programme_is_there_for_its_own_partner_and_for_operators_only(cafe: Cafe) -> None:
    joined = cafe.made(f"{ROUTE}/memberships", {})

    assert cafe.get("/v1/programmes")["data"] == [cafe.get(ROUTE)]
    assert [one["unit"] for one in cafe.get("/v1/programmes", who="hub")["data"]] == ["aerojet.bean", UNIT]
    assert cafe.world.get(ROUTE, who="aerojet").json["code"] == "programme_missing"  # type: ignore[index]
    elsewhere = f"/v1/programmes/aerojet.bean/memberships/{joined['id']}"
    assert cafe.world.get(elsewhere, who="aerojet").json["code"] == "membership_missing"  # type: ignore[index]
    acted = cafe.post(f"{ROUTE}/memberships", {}, who="hub for staywell")
    assert acted.status_code == 201
    live = cafe.world.token("staywell", ("programmes:read",), live=True)
    seen = cafe.world.client().get(ROUTE, headers={"Authorization": f"Bearer {live}"})
    assert seen.status_code == 404


def test_a_unit_is_kept_only_where_a_programme_file_describes_it(cafe: Cafe) -> None:
    def add(code: str, **more: object) -> Any:
        body = {"code": code, "name": "bean", "scale": 0, "kind": "points", "hosted": True, **more}
        return cafe.post("/v1/units", body, who="hub").json

    assert add("bystander.bean")["hosted"] is True
    assert add("bystander.halves", scale=1)["code"] == "programme_missing"
    assert add("bystander.money", kind="money", currency="USD", scale=2)["code"] == "programme_missing"


def test_what_was_decided_stands_when_the_process_starts_again(cafe: Cafe) -> None:
    joined = cafe.made(f"{ROUTE}/memberships", {})
    cafe.points("earn", joined["number"], 100)

    services = cafe.world.restarted_services()
    other = World(cafe.database, create_app(services), services, cafe.world.member, cafe.world.tokens)

    found = other.get(f"{ROUTE}/memberships/{joined['number']}/statement", who="staywell").json
    assert found["balance"] == 100  # type: ignore[index]
    stop_app(other.app)


def test_a_link_is_refused_by_a_membership_that_is_not_there_or_not_active(cafe: Cafe) -> None:
    blocked = cafe.made(f"{ROUTE}/memberships", {})
    with cafe.database.work() as work:
        cafe.world.services.hosted.move(
            work, UNIT, blocked["id"], MembershipState.BLOCKED, actor="alice", now=cafe.clock.now()
        )
    said = {}
    for number in (blocked["number"], "BB4444"):
        member = cafe.made("/v1/members", {"reference": number})["id"]
        link = cafe.made("/v1/links", {"member": member, "partner": "staywell", "membership": number})["id"]
        cafe.work()
        said[number] = cafe.get(f"/v1/links/{link}")["reason"]

    assert said == {blocked["number"]: "member_blocked", "BB4444": "member_unknown"}
