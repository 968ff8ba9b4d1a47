"""Sets the stage for a demonstration: real routes and prices, simulated partners, members with links.

Knows where the real data lies and what the brands in the box are. Everything here takes part as a test partner.
"""

import csv
import json
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from importlib.resources import files

from hub.agreements import service as agreements
from hub.agreements.roster import Roster, roster
from hub.agreements.types import AgreementDraft, NewPartner, Unit
from hub.kernel.amounts import parse_decimal
from hub.kernel.errors import HubError
from hub.rates import service as rates
from hub.rates.types import Block, CampaignDraft, RuleDraft
from hub.storage import Work
from hub.trials.file_players import file_player, playing_files
from hub.wiring import Hub, files_folder, sandbox_credentials
from partners.files.faults import in_order
from partners.sandbox.bench import played
from partners.sandbox.faults import FaultPlan
from partners.sandbox.server import RunningSimulator, serve

ACTOR = "demonstration"
CURRENCY = "USD"
LEDGER_SCALE = 7

# The programmes of the valuation list that the route list calls by another name.
_VALUED_AS = {
    "amex_mr": "amex_membership_rewards",
    "bilt": "bilt_rewards",
    "chase_ur": "chase_ultimate_rewards",
    "alaska_hawaiian": "alaska",
    "british_airways": "avios",
    "qatar": "avios",
    "virgin_red": "virgin_atlantic",
    "i_prefer": "preferred_hotels",
}
# US cents for a point of a programme that the valuation list does not name; an assumption of the demonstration.
_UNVALUED_CENTS = Fraction(1)

# Routes between the brands in the box, which no list of the real world can name: give, get, minimum, step.
_BRAND_ROUTES = (
    ("aerojet.mile", "staywell.point", 5, 2, 1000, 500),
    ("staywell.point", "aerojet.mile", 3, 1, 3000, 300),
    ("aerojet.mile", "northbank.cashback", 1, 1, 1000, 100),
    ("northbank.cashback", "aerojet.mile", 1, 1, 500, 100),
    ("amex_mr.point", "aerojet.mile", 1, 1, 1000, 1000),
    ("amex_mr.point", "staywell.night", 4000, 5, 4000, 4000),
    ("amex_mr.point", "bluebean.bean", 1, 1, 1000, 1000),
    ("northbank.cashback", "bluebean.bean", 1, 1, 500, 100),
    ("bluebean.bean", "aerojet.mile", 1, 1, 100, 50),
)
_BRANDS = (
    ("aerojet", "Aerojet Miles", "airline"),
    ("staywell", "Staywell Nights", "hotel"),
    ("northbank", "Northbank Cashback", "bank"),
    ("bluebean", "Bluebean Coffee", "shop"),
)
_BRAND_UNITS = (
    Unit("aerojet.mile", "aerojet", "Aerojet mile", 0, "points", "", False),
    Unit("staywell.point", "staywell", "Staywell point", 0, "points", "", False),
    Unit("staywell.night", "staywell", "Staywell night", 1, "points", "", False),
    Unit("northbank.cashback", "northbank", "Northbank cashback", 2, "money", "USD", False),
    Unit("bluebean.bean", "bluebean", "Bean", 0, "points", "", True),
)
# USD per 1,000 whole points: what the partner pays when its points leave, what it is paid when they arrive.
_BRAND_PRICES = {
    "aerojet.mile": ("8", "7.80"),
    "staywell.point": ("20", "19.60"),
    "staywell.night": ("9000", "8800"),
    "northbank.cashback": ("1000", "790"),
    "bluebean.bean": ("10", "9.80"),
}
_CAMPAIGN_BUDGET_USD = 5_000


class LiveDatabase(HubError):
    """A trial on a database that has live partners."""

    code = "live_database"


@dataclass(frozen=True, slots=True)
class Route:
    """A route that can be converted on. minimum and step: source units."""

    source: str
    target: str
    minimum: int
    step: int


def set_stage(hub: Hub) -> list[Route]:
    """Import the real routes, campaigns and prices, add the brands in the box; safe to repeat.

    Raises: LiveDatabase: nothing of a demonstration may meet real points.
    """
    now = hub.clock.now()
    sandbox_url = hub.settings.sandbox_url
    with hub.database.work() as work:
        _require_no_live_partner(roster(work))
        rates.import_routes(work, read_data("transfer-routes.csv"), sandbox_url=sandbox_url, actor=ACTOR, now=now)
        _add_brands(work, sandbox_url, now)
    with hub.database.work() as work:
        rates.import_campaigns(work, read_data("transfer-bonuses.csv"), actor=ACTOR, now=now)
        _agree(work, now)
    _run_campaigns(hub, now)
    with hub.database.read() as work:
        catalogue = hub.catalogues.get(work)
    return [
        Route(rule.source_unit, rule.target_unit, rule.minimum, rule.step)
        for rules in catalogue.rules.values()
        for rule in rules
        if rule.effective_until is None
    ]


def read_data(name: str) -> list[dict[str, str]]:
    """Rows of a data file in the box."""
    text = (files("hub.trials") / "data" / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _require_no_live_partner(known: Roster) -> None:
    live = sorted(code for code, partner in known.partners.items() if partner.live)
    if live:
        raise LiveDatabase(f"This database has live partners ({', '.join(live[:5])}); use another HUB_DATA_DIR.")


def _add_brands(work: Work, sandbox_url: str, now: datetime) -> None:
    for code, name, kind in _BRANDS:
        # A programme that the hub keeps itself is nowhere to be called.
        reached = "" if any(unit.hosted for unit in _BRAND_UNITS if unit.partner == code) else f"{sandbox_url}/{code}"
        partner = NewPartner(code=code, name=name, kind=kind, profile=code, base_url=reached)
        agreements.add_partner(work, partner, actor=ACTOR, now=now)
    for unit in _BRAND_UNITS:
        agreements.add_unit(work, unit, actor=ACTOR, now=now)
    for source, target, give, get, minimum, step in _BRAND_ROUTES:
        if not rates.list_rules(work, source_unit=source, target_unit=target):
            draft = RuleDraft(source, target, (Block(0, give, get),), minimum, step, effective_from=now)
            rates.activate_rule(work, rates.propose_rule(work, draft, actor=ACTOR, now=now), actor=ACTOR, now=now)


def _agree(work: Work, now: datetime) -> None:
    """An agreement for every partner that has none, priced from the published valuations."""
    values = {row["programme"]: row for row in read_data("valuations.csv")}
    known = roster(work)
    for code, partner in sorted(known.partners.items()):
        if partner.live or known.terms(code, now) is not None:
            continue
        prices: dict[tuple[str, str], Fraction] = {}
        for unit in (unit for unit in known.units.values() if unit.partner == code):
            debit, credit = _prices_of(unit.code, values)
            prices[unit.code, "debit"], prices[unit.code, "credit"] = debit, credit
        draft = AgreementDraft(
            partner=code,
            currency=CURRENCY,
            ledger_scale=LEDGER_SCALE,
            prices=prices,
            billing_percent=Fraction(100),
            net_debit_cap=Fraction(5_000_000),
            reversals=True,
            effective_from=now,
        )
        version = agreements.propose_agreement(work, draft, actor=ACTOR, now=now)
        agreements.activate_agreement(work, version, actor=ACTOR, now=now)


def _prices_of(unit: str, values: Mapping[str, Mapping[str, str]]) -> tuple[Fraction, Fraction]:
    """USD per 1,000 points, debit and credit: the lower published estimate both ways, so the spread is the route's."""
    if unit in _BRAND_PRICES:
        debit, credit = _BRAND_PRICES[unit]
        return parse_decimal(debit), parse_decimal(credit)
    code = unit.split(".", 1)[0]
    row = values.get(_VALUED_AS.get(code, code))
    cents = parse_decimal(row["us_cents_per_point_floor"]) if row else _UNVALUED_CENTS
    return cents * 10, cents * 10


def _run_campaigns(hub: Hub, now: datetime) -> None:
    """The real campaigns ended in the past; each runs again today under a name that says so, with a budget."""
    today = now.date()
    with hub.database.read() as work:
        known = {campaign.name for found in hub.catalogues.get(work).campaigns.values() for campaign in found}
    for row in read_data("transfer-bonuses.csv"):
        name = f"{row['id']} (again, for the demonstration, {today:%Y-%m})"
        if name in known:
            continue
        draft = _again(row, name, today)
        with hub.database.work() as work:
            campaign = rates.propose_campaign(work, draft, actor=ACTOR, now=now)
        with hub.database.work() as work:
            amount = _CAMPAIGN_BUDGET_USD * 10**LEDGER_SCALE
            rates.fund_campaign(work, campaign, currency=CURRENCY, amount=amount, key="first", actor=ACTOR, now=now)
        with hub.database.work() as work:
            rates.activate_campaign(work, campaign, actor=ACTOR, now=now)


def _again(row: Mapping[str, str], name: str, today: date) -> CampaignDraft:
    return CampaignDraft(
        name=name,
        source_unit=f"{row['source']}.point",
        target_unit=f"{row['target']}.point",
        funder="hub",
        starts_on=today,
        ends_on_inclusive=today + timedelta(days=30),
        percent=parse_decimal(row["bonus_percent"]),
    )


@contextmanager
def serve_sandbox(hub: Hub, *, port: int | None, plan: FaultPlan) -> Iterator[RunningSimulator]:
    """Play every test partner of the database."""
    credentials = sandbox_credentials(hub.settings)
    with hub.database.read() as work:
        known = roster(work)
    partners = [partner for partner in known.partners.values() if not partner.live]
    partners = [partner for partner in partners if hub.registry.programme(partner.profile) is None]
    simulated = [played(hub.registry, partner.code, credentials, brand=partner.profile) for partner in partners]
    chosen = port if port is not None else int(hub.settings.sandbox_url.rsplit(":", 1)[1].split("/", 1)[0])
    units = {unit.partner: unit.code for unit in known.units.values()}
    with serve("127.0.0.1", chosen, simulated, plan) as running:
        folder = files_folder(hub.settings)
        players = [
            file_player(profile, running, folder, in_order(), partner=code, unit=units.get(code, ""))
            for code in sorted(one.code for one in partners)
            if (profile := hub.partners.brand(code)).files is not None
        ]
        with playing_files(players):
            yield running


def call_sandbox(url: str, method: str, document: object = None) -> dict[str, object]:
    """Ask the simulators, over HTTP, what they have in their own books."""
    body = json.dumps(document).encode() if document is not None else None
    request = urllib.request.Request(url, data=body, method=method, headers={"content-type": "application/json"})  # noqa: S310 - our own loopback address
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        found = json.loads(answer.read())
    assert isinstance(found, dict), "the simulators answer with objects"
    return found


def open_members(sandbox_url: str, partner: str, members: Sequence[Mapping[str, object]]) -> None:
    """Enrol members at a simulated partner."""
    call_sandbox(f"{sandbox_url}/_sim/{partner}/members", "POST", list(members))
