"""A test client that holds every response of every test to `openapi.yaml`, and the world that most tests start from."""

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from flask import Flask
from flask.testing import FlaskClient
from openapi_core import Config, OpenAPI
from openapi_core.contrib.werkzeug import WerkzeugOpenAPIResponse
from openapi_core.datatypes import RequestParameters
from openapi_core.templating.paths.exceptions import PathError
from werkzeug.test import TestResponse

from hub.access.guard import Guard
from hub.access.scopes import OPERATOR_SCOPES, PARTNER_SCOPES
from hub.access.service import add_client
from hub.access.types import AuthMethod
from hub.access.vault import Vault
from hub.agreements.agreements import activate_agreement, propose_agreement
from hub.agreements.partners import add_partner, add_unit
from hub.agreements.roster import Roster, roster
from hub.agreements.types import AgreementDraft, NewPartner, Unit
from hub.conversion.service import Conversions
from hub.earning.rules_document import read_rules
from hub.earning.rulesets import adopt_rules
from hub.gateway.app import create_app
from hub.gateway.balances import Balances
from hub.gateway.services import Services
from hub.hosted.directory import ProgrammeDirectory
from hub.hosted.service import Hosted
from hub.kernel.clock import Clock
from hub.members.service import add_member, open_link, record_validation
from hub.members.types import NewLink
from hub.rates.catalogue import CatalogueCache
from hub.rates.quotes import Quoter
from hub.rates.rules import activate_rule, propose_rule
from hub.rates.types import Block, RuleDraft
from hub.storage import Database, Work
from partners.base import Done, MemberValidation
from partners.hosted.programme import read_programme
from tests.conftest import START
from tests.gateway.senders import SENDERS
from tests.leaks import LEAKS
from tests.legs.fakes import FakePartner

ROOT = Path(__file__).resolve().parents[2]
EARN_RULES = """
currency = "GBP"
target = "{target}"
effective_from = 2016-01-01
[[rules]]
code = "base"
earn = "1 per 1.00"
"""
ISSUER = "https://hub.example"
MASTER = "a master key for tests, long enough to be taken"
# The rules of every hosted programme of these tests.
BEANS = read_programme(ROOT / "partners" / "bluebean")
ALL = tuple(sorted(PARTNER_SCOPES))


@lru_cache(maxsize=1)
def contract() -> dict[str, Any]:
    """The contract as data."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "openapi.yaml").read_text(encoding="utf-8"))
    return found


@lru_cache(maxsize=1)
def _openapi() -> OpenAPI:
    kinds = ("application/x-ndjson", "application/yaml", "text/css", "text/html", "text/javascript", "text/markdown")
    text = dict.fromkeys(kinds, bytes.decode) | {"application/pdf": bytes}
    readers = {"application/problem+json": json.loads, **text}
    return OpenAPI.from_dict(contract(), config=Config(extra_media_type_deserializers=readers))


class _Sent:
    """As much of a request as finding its place in the contract takes; its body was read by the application."""

    host_url = "http://localhost"
    content_type = "application/json"
    body = None

    def __init__(self, path: str, method: str) -> None:
        self.path = path
        self.method = method
        self.parameters = RequestParameters()


class ContractClient(FlaskClient):
    """Fails the test when a response is not what the contract says."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        response = super().open(*args, **kwargs)
        held_to_contract(response)
        if response.mimetype == "application/problem+json":
            LEAKS.show(f"a problem of {response.request.path}", response.get_data(as_text=True))
        return response


def held_to_contract(response: TestResponse) -> None:
    """Raises when `response` is outside the contract."""
    assert response.headers["X-Request-Id"]
    assert response.status_code < 500 or response.status_code == 503, response.get_data(as_text=True)
    asked = _Sent(response.request.path, response.request.method.lower())
    if asked.method in ("head", "options"):  # answered without content, and not described one by one
        assert response.get_data() == b""
        assert asked.method == "head" or response.status_code == 405 or "OPTIONS" in response.headers["Allow"]
        return
    answered = WerkzeugOpenAPIResponse(response)
    try:
        _openapi().validate_response(asked, answered)
    except PathError:
        if asked.method == "options":
            assert (response.status_code, response.get_data()) == (204, b"")
            return
        assert response.status_code in (400, 404, 405, 308) or asked.method == "head", (
            f"{asked.path}: not in the contract"
        )
        assert response.status_code == 308 or asked.method == "head" or response.mimetype == "application/problem+json"
    if response.mimetype == "application/problem+json":
        body = json.loads(response.get_data())
        assert body["status"] == response.status_code
        assert body["type"] == f"{ISSUER}/problems/{body['code']}"


@dataclass
class World:
    """Two brands that convert into each other at 5:2, a third that stands aside, and one linked member.

    tokens: by who asks: a partner's code, `hub` for an operator, or `hub for <partner>`. acting: headers of the latter.
    """

    database: Database
    app: Flask
    services: Services
    member: str
    tokens: dict[str, str]
    acting: dict[str, dict[str, str]] = field(default_factory=dict)

    def client(self) -> ContractClient:
        """A client without a token."""
        self.app.test_client_class = ContractClient
        return self.app.test_client()  # type: ignore[return-value]

    def token(self, partner: str, scopes: tuple[str, ...], *, live: bool = False) -> str:
        """A token of a new client with these scopes."""
        with self.database.work() as work:
            made = add_client(
                work, partner=partner, auth=AuthMethod.SECRET, jwks="", scopes=scopes, live=live, actor="alice",
                now=self.services.clock.now(),
            )  # fmt: skip
        from hub.access.service import get_client

        with self.database.read() as work:
            client = get_client(work, made.id, now=self.services.clock.now())
        return self.services.guard.issue(client, scopes)

    def headers(self, who: str = "aerojet", key: str | None = None) -> dict[str, str]:
        """Headers of a request by `who`."""
        found = {"Authorization": f"Bearer {self.tokens[who]}", **self.acting.get(who, {})}
        return found if key is None else {**found, "Idempotency-Key": key}

    def get(self, path: str, *, who: str = "aerojet") -> TestResponse:
        """GET as `who`."""
        return self.client().get(path, headers=self.headers(who))

    def post(self, path: str, body: object, *, who: str = "aerojet", key: str | None = None) -> TestResponse:
        """POST as `who` under a key."""
        return self.client().post(path, json=body, headers=self.headers(who, key))

    def quote(self, amount: int = 10_000, *, who: str = "aerojet") -> str:
        """A quote's token, from the partner's own unit where it has one on the route."""
        route = ("staywell.point", "aerojet.mile") if who == "staywell" else ("aerojet.mile", "staywell.point")
        body = {"source_unit": route[0], "target_unit": route[1], "amount": amount}
        response = self.post("/v1/quotes", body, who=who)
        assert response.status_code == 200, response.get_data(as_text=True)
        return str(response.json["quote"])  # type: ignore[index]

    def accept(self, *, amount: int = 10_000, key: str = "key-1", who: str = "aerojet") -> TestResponse:
        """Accept a new quote under `key`."""
        return self.post(
            "/v1/conversions", {"quote": self.quote(amount, who=who), "member": self.member}, who=who, key=key
        )

    def count(self, table: str) -> int:
        """Rows of a table."""
        with self.database.read() as work:
            return int(work.fetch(f"SELECT count(*) FROM {table}")[0][0])  # type: ignore[arg-type]

    def restarted_services(self, **changed: Any) -> Services:
        """The services of another process over the same database."""
        return replace(services_of(self.database, self.services.clock), **changed)

    def restarted(self, **changed: Any) -> "World":
        """The same database behind another process's application."""
        services = self.restarted_services(**changed)
        return World(self.database, create_app(services), services, self.member, self.tokens, self.acting)


def services_of(database: Database, clock: Clock) -> Services:
    """Real services over `database`."""
    vault = Vault(MASTER)
    catalogues = CatalogueCache()
    quoter = Quoter([b"q" * 32], 600)

    def known() -> Roster:
        with database.aside() as work:
            return catalogues.get(work).roster

    programmes = ProgrammeDirectory(known, lambda partner, unit: replace(BEANS, code=partner.code, unit=unit.code))
    return Services(
        database=database,
        clock=clock,
        vault=vault,
        guard=Guard(database, vault, clock, issuer=ISSUER),
        conversions=Conversions(catalogues, quoter, programmes=programmes),
        programmes=programmes,
        hosted=Hosted(programmes),
        catalogues=catalogues,
        quoter=quoter,
        public_url=ISSUER,
        broker_answers=lambda: True,
        number_pattern=lambda _partner: r"[A-Z]{2}[0-9]{4,8}",
        senders=SENDERS.get,
        people_secret=b"p" * 32,
        balances=Balances(lambda _partner: FakePartner(), clock),
    )


def build_world(database: Database, clock: Clock) -> World:
    """Fill an empty database with the world."""
    with database.work() as work:
        for code, unit, kind in (
            ("aerojet", "mile", "airline"),
            ("staywell", "point", "hotel"),
            ("bystander", "point", "shop"),
        ):
            _partner(work, code, unit, kind)
        for bank in ("aerojet", "staywell", "bystander"):
            target = "staywell.point" if bank == "aerojet" else "aerojet.mile"
            rules = read_rules(EARN_RULES.format(target=target), bank=bank)
            adopt_rules(work, roster(work), rules, actor="alice", now=START)
        _rule(work, "aerojet.mile", "staywell.point", give=5, get=2)
        _rule(work, "staywell.point", "aerojet.mile", give=1, get=2)
        member = add_member(work, reference="customer-1", partner="aerojet", now=START)
        for partner, number in (("aerojet", "AJ1001"), ("staywell", "SW1001")):
            _link(work, member, partner, number)
    services = services_of(database, clock)
    world = World(database, create_app(services), services, member, {})
    world.tokens = {code: world.token(code, ALL) for code in ("aerojet", "staywell", "bystander")}
    world.tokens["hub"] = world.token("", tuple(sorted(OPERATOR_SCOPES)))
    for code in ("aerojet", "staywell", "bystander"):
        world.tokens[f"hub for {code}"] = world.tokens["hub"]
        world.acting[f"hub for {code}"] = {"Hub-Acting-For": code, "Hub-Acting-Reason": "asked by phone"}
    return world


def _partner(work: Work, code: str, unit: str, kind: str) -> None:
    add_partner(work, NewPartner(code, code.title(), kind, "sandbox"), actor="alice", now=START)
    made = Unit(f"{code}.{unit}", code, unit, 0, "points", "", False)
    add_unit(work, made, actor="alice", now=START)
    draft = AgreementDraft(
        partner=code,
        currency="USD",
        ledger_scale=7,
        prices={(made.code, kind): Fraction(8) for kind in ("debit", "credit", "accrual")},
        billing_percent=Fraction(100),
        net_debit_cap=Fraction(1_000_000),
        reversals=True,
        effective_from=START - timedelta(days=1),
    )
    version = propose_agreement(work, draft, actor="alice", now=START)
    activate_agreement(work, version, actor="bob", now=START)


def _rule(work: Work, source: str, target: str, *, give: int, get: int) -> None:
    draft = RuleDraft(
        source, target, (Block(0, give, get),), minimum=give, step=give, effective_from=START - timedelta(days=1)
    )
    activate_rule(work, propose_rule(work, draft, actor="alice", now=START), actor="bob", now=START)


def _link(work: Work, member: str, partner: str, number: str) -> None:
    new = NewLink(member, partner, number, ".+", "hub")
    link = open_link(work, new, now=START)
    record_validation(work, link.id, MemberValidation(Done("ok")), now=START)
