"""A member with a token of its own: what is its own it sees and does, and nothing else is there."""

import json
import threading
from collections.abc import Iterator

import pytest

from hub.access.scopes import MEMBER_SCOPES
from hub.gateway.app import stop_app
from hub.gateway.balances import Balances
from hub.members.names import match_names
from hub.members.private import keep_name, name_of
from hub.members.service import add_member, record_validation
from hub.members.types import NamesCompared
from partners.base import Done, MemberBalance, MemberValidation, Reason, Refused
from partners.names import USUAL_NAMES
from tests.gateway.contract_client import World
from tests.gateway.oauth_world import App
from tests.gateway.own_world import Own, linked_member, member_token, own_app
from tests.gateway.test_contract import operations
from tests.gateway.test_walls import ask, nowhere
from tests.legs.fakes import FakePartner

OWN = sorted(
    (path, method, scope)
    for path, method, operation in operations()
    for one in operation.get("security", [])
    for scope in one.get("oauth", [])
    if scope in MEMBER_SCOPES
)
ROUTE = {"source_unit": "aerojet.mile", "target_unit": "staywell.point", "amount": 10_000}


@pytest.fixture
def app(world: World) -> App:
    """An app that may do everything that members do."""
    return own_app(world)


@pytest.fixture
def me(world: World, app: App) -> Own:
    """The world's member."""
    return Own(world, member_token(world, app, world.member))


@pytest.fixture
def other(world: World, app: App) -> Own:
    """Another member, linked at the same partners."""
    return Own(world, member_token(world, app, linked_member(world, "customer-2")))


def converted(one: Own) -> str:
    quote = one.ask("POST", "/v1/me/quotes", ROUTE).json["quote"]
    accepted = one.ask("POST", "/v1/me/conversions", {"quote": quote})
    assert accepted.status_code == 202, accepted.get_data(as_text=True)
    return str(accepted.json["id"])


def test_routes_of_members_are_closed_to_everybody_else(world: World, app: App) -> None:
    lacking = {
        scope: member_token(world, app, world.member, scopes=tuple(sorted(MEMBER_SCOPES - {scope})))
        for scope in sorted(MEMBER_SCOPES)
    }

    for path, method, scope in OWN:
        nobody = ask(world, path, method, nowhere(path), "")
        refused = [
            ask(world, path, method, nowhere(path), shown)
            for shown in (world.tokens["aerojet"], world.tokens["hub"], lacking[scope])
        ]

        assert (nobody.status_code, nobody.json["code"]) == (401, "token_missing"), path
        assert [(one.status_code, one.json["code"]) for one in refused] == [(403, "scope_missing")] * 3, path


def test_a_member_is_refused_where_partners_are_let_in(me: Own) -> None:
    for path in ("/v1/members", "/v1/links", "/v1/conversions", "/v1/clients", "/v1/events", "/v1/audit"):
        assert me.ask("GET", path).status_code == 403, path


def test_what_is_another_members_is_not_there(world: World, me: Own, other: Own) -> None:
    conversion = converted(me)
    link = me.ask("GET", "/v1/me/links").json["data"][0]["id"]
    consent = me.ask("GET", "/v1/me/consents").json["data"][0]["id"]
    foreign_quote = me.ask("POST", "/v1/me/quotes", ROUTE).json["quote"]
    before = json.dumps(me.ask("GET", "/v1/me/export").json)

    asked = [
        other.ask("GET", f"/v1/me/conversions/{conversion}"),
        other.ask("GET", f"/v1/me/links/{link}"),
        other.ask("DELETE", f"/v1/me/links/{link}"),
        other.ask("POST", f"/v1/me/links/{link}/consent", {"debit_by": ["staywell"]}),
        other.ask("DELETE", f"/v1/me/consents/{consent}"),
    ]
    theirs = json.dumps(other.ask("GET", "/v1/me/export").json)
    accepted = other.ask("POST", "/v1/me/conversions", {"quote": foreign_quote})

    assert [one.status_code for one in asked] == [404] * 5
    assert accepted.json["code"] == "quote_foreign"
    assert not any(id in theirs for id in (conversion, link, consent, world.member, "AJ1001", "SW1001"))
    assert json.dumps(me.ask("GET", "/v1/me/export").json) == before


def test_a_member_converts_its_own_points_and_follows_them(world: World, me: Own) -> None:
    id = converted(me)

    listed = me.ask("GET", "/v1/me/conversions?limit=1").json
    found = me.ask("GET", f"/v1/me/conversions/{id}").json

    assert ([one["id"] for one in listed["data"]], listed["next_cursor"]) == ([id], None)
    assert (found["state"], found["waits_for"], found["target_amount"]) == ("held", "aerojet", 4_000)
    assert [one["what"] for one in found["timeline"]] == ["accepted"]
    assert found["expected_by"] > found["created_at"]
    assert found["pace"]["p95_seconds"] >= found["pace"]["p50_seconds"]
    assert "AJ1001" not in json.dumps(found)


def test_a_request_repeated_under_its_key_converts_once(world: World, me: Own) -> None:
    quote = me.ask("POST", "/v1/me/quotes", ROUTE).json["quote"]

    first, again = (me.ask("POST", "/v1/me/conversions", {"quote": quote}, key="once") for _ in range(2))

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json["id"] == again.json["id"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert world.count("conversion") == 1


def test_a_member_consents_and_takes_it_back(world: World, me: Own) -> None:
    link = next(one for one in me.ask("GET", "/v1/me/links").json["data"] if one["partner"] == "aerojet")["id"]
    body = {**ROUTE, "member": world.member}
    quote = world.post("/v1/quotes", body, who="staywell").json["quote"]
    wanted = {"quote": quote, "member": world.member}

    before = world.post("/v1/conversions", wanted, who="staywell", key="before")
    consented = me.ask("POST", f"/v1/me/links/{link}/consent", {"debit_by": ["staywell"]})
    after = world.post("/v1/conversions", wanted, who="staywell", key="after")
    closed = me.ask("DELETE", f"/v1/me/links/{link}")

    assert (before.status_code, before.json["code"]) == (403, "debit_not_allowed")
    assert consented.json["debit_by"] == ["staywell"]
    assert (after.status_code, closed.status_code) == (202, 204)
    assert me.ask("GET", f"/v1/me/links/{link}").json["state"] == "closed"
    late = me.ask("POST", "/v1/me/conversions", {"quote": me.ask("POST", "/v1/me/quotes", ROUTE).json["quote"]})
    assert late.json["code"] == "link_not_active"


def test_a_consent_withdrawn_ends_its_tokens(world: World, app: App, me: Own) -> None:
    consents = me.ask("GET", "/v1/me/consents").json["data"]
    assert [one["app"] for one in consents] == ["Pocket Miles"]
    assert {"scope": "member:read", "words": "See your memberships and your conversions"} in consents[0]["scopes"]

    gone = me.ask("DELETE", f"/v1/me/consents/{consents[0]['id']}")

    assert gone.status_code == 204
    again = Own(world.restarted(), me._token).ask("GET", "/v1/me")  # another process, which has no cache of it
    assert (again.status_code, again.json["code"]) == (401, "token_invalid")


@pytest.mark.parametrize(
    ("told", "state", "reason", "differences"),
    [
        ("VAN DER MEULEN/ZOE MS", "active", None, []),
        ("Jan van der Meulen", "refused", "name_mismatch", ["given_differs"]),
        ("", "refused", "name_unconfirmed", None),
    ],
)
def test_a_membership_that_a_member_names_has_to_be_in_its_name(
    world: World, app: App, told: str, state: str, reason: str | None, differences: list[str] | None
) -> None:
    now = world.services.clock.now()
    with world.database.work() as work:
        member = add_member(work, reference="customer-9", partner="aerojet", now=now)
        keep_name(work, world.services.vault, member, "Zoë van der Meulen", actor="alice", now=now)
    one = Own(world, member_token(world, app, member))
    asked = one.ask("POST", "/v1/me/links", {"partner": "staywell", "membership": "SW4711"})
    assert (asked.status_code, asked.json["state"]) == (202, "pending")

    with world.database.work() as work:
        name = name_of(work, world.services.vault, member)
        compared = NamesCompared(match_names(name, told) if told else None, USUAL_NAMES)
        record_validation(work, asked.json["id"], MemberValidation(Done("ok"), told), now=now, names=compared)

    link = one.ask("GET", f"/v1/me/links/{asked.json['id']}").json
    assert (link["state"], link["reason"]) == (state, reason)
    found = link["name_match"]
    assert (None if found is None else [item["code"] for item in found["differences"]]) == differences
    assert all(item["advice"] for item in (found or {"differences": []})["differences"])


def test_who_tries_number_after_number_is_stopped(world: World, app: App) -> None:
    now = world.services.clock.now()
    with world.database.work() as work:
        member = add_member(work, reference="customer-9", partner="aerojet", now=now)
    one = Own(world, member_token(world, app, member))
    for number in range(5):
        asked = one.ask("POST", "/v1/me/links", {"partner": "staywell", "membership": f"SW{5_000 + number}"})
        with world.database.work() as work:
            no = MemberValidation(Refused(Reason.MEMBER_UNKNOWN, "no"))
            record_validation(work, asked.json["id"], no, now=now)

    sixth = one.ask("POST", "/v1/me/links", {"partner": "staywell", "membership": "SW5999"})

    assert (sixth.status_code, sixth.json["code"]) == (429, "link_attempts_exceeded")
    assert sixth.headers["Retry-After"] == "86400"


class _Told(FakePartner):
    """Tells one balance, refuses, or hangs until the test lets go."""

    def __init__(self, answer: MemberBalance, held: threading.Event | None = None) -> None:
        super().__init__()
        self.answer, self.held, self.asked = answer, held, 0

    def balance(self, membership: str) -> MemberBalance:
        """Ask for a balance."""
        self.asked += 1
        if self.held is not None:
            self.held.wait(60)
        return self.answer


@pytest.fixture
def partners() -> Iterator[dict[str, _Told]]:
    """One that answers and one that hangs."""
    held = threading.Event()
    yield {
        "aerojet": _Told(MemberBalance(Done("ok"), 12_345)),
        "staywell": _Told(MemberBalance(Done("ok"), 6_789), held),
    }
    held.set()


def _wait_for_balance(balances: Balances, partner: str, membership: str) -> None:
    for _ in range(20):  # each takes the whole budget while nothing is said
        if balances.gather([(partner, membership)])[0].amount is not None:
            return
    raise AssertionError(f"{partner} was let go and never answered")


def test_a_partner_that_hangs_delays_nobody_and_is_shown_as_unknown(
    world: World, me: Own, partners: dict[str, _Told]
) -> None:
    balances = Balances(partners.__getitem__, world.services.clock, budget_ms=1_500)
    served = world.restarted(balances=balances)
    mine = Own(served, me._token)

    answers = [mine.ask("GET", "/v1/me/balances").json["data"] for _ in range(2)]
    held = partners["staywell"].held
    assert held is not None
    held.set()
    _wait_for_balance(balances, "staywell", "SW1001")
    after = mine.ask("GET", "/v1/me/balances").json["data"]

    for data in answers:
        told = {one["partner"]: (one["unit"], one["amount"], one["freshness"]) for one in data}
        assert told == {
            "aerojet": ("aerojet.mile", 12_345, "fresh"),
            "staywell": ("staywell.point", None, "unknown"),
        }
    assert {one["partner"]: one["amount"] for one in after} == {"aerojet": 12_345, "staywell": 6_789}
    assert {name: one.asked for name, one in partners.items()} == {"aerojet": 1, "staywell": 1}
    balances.close()
    stop_app(served.app)


def test_what_a_member_knows_of_itself_goes_with_its_key(world: World, app: App, me: Own) -> None:
    now, name = world.services.clock.now(), "Quirina Plantedname"
    with world.database.work() as work:
        keep_name(work, world.services.vault, world.member, name, actor="alice", now=now)
    shown = me.ask("GET", "/v1/me/export").json
    assert (shown["member"]["name"], len(shown["links"]), shown["complete"]) == (name, 2, True)
    conversion = converted(me)

    early = me.ask("DELETE", "/v1/me")
    with world.database.work() as work:
        work.run("UPDATE conversion SET state = 'posted' WHERE id = %s", (conversion,))
    gone = me.ask("DELETE", "/v1/me")

    assert (early.status_code, early.json["code"]) == (409, "erasure_waits")
    assert gone.status_code == 204
    with world.database.read() as work:
        assert name_of(work, world.services.vault, world.member) == ""
        kept = work.fetch("SELECT reference, erased_at IS NULL FROM member WHERE id = %s", (world.member,))
        links = work.fetch("SELECT DISTINCT state, membership FROM member_link WHERE member = %s", (world.member,))
        people = work.fetch("SELECT 1 FROM access_people WHERE id = %s", (world.member,))
    assert (kept, links, people) == ([(f"erased:{world.member}", False)], [("closed", "")], [])
    assert Own(world.restarted(), me._token).ask("GET", "/v1/me").status_code == 401
    assert world.get(f"/v1/members/{world.member}").status_code == 404
    assert world.count("ledger_hold") == 1
    assert get_of(world, conversion) == (world.member,)


def get_of(world: World, conversion: str) -> tuple[str, ...]:
    with world.database.read() as work:
        return tuple(work.fetch("SELECT member FROM conversion WHERE id = %s", (conversion,))[0])


def test_a_name_lies_nowhere_that_it_can_be_read(world: World, caplog: pytest.LogCaptureFixture) -> None:
    planted = "Quirina Plantedname"
    asked = world.post("/v1/members", {"reference": "customer-7", "name": planted}, key="named")

    assert asked.status_code == 201
    assert planted not in asked.get_data(as_text=True)
    with world.database.read() as work:
        assert name_of(work, world.services.vault, asked.json["id"]) == planted
        tables = [name for (name,) in work.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        for table in tables:
            found = work.fetch(f"SELECT count(*) FROM {table} t WHERE t::text ILIKE '%%plantedname%%'")  # type: ignore[arg-type]
            assert found == [(0,)], table
    assert "plantedname" not in caplog.text.lower()
    assert "plantedname" not in world.client().get("/metrics").get_data(as_text=True).lower()
