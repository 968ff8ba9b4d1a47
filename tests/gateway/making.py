"""Something behind every address of the contract: one of each kind that belongs to a partner, made when it is asked.

Tests that walk all routes take their ids from `MAKERS`; a route whose kind of id is not in it fails with a sentence
that says so. Add a line here, and the new route is walked like all others.
"""

import hashlib
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

from hub.access.service import add_client
from hub.access.types import AuthMethod
from hub.agreements import service as agreements
from hub.agreements.roster import roster
from hub.agreements.types import AgreementDraft, Direction, NewPartner, Unit
from hub.earning import service as earning
from hub.earning.claims import NewClaim
from hub.earning.codec import token_id
from hub.earning.payouts import gather
from hub.earning.types import NewToken
from hub.hosted.memberships import find_many
from hub.hosted.types import Enrolment, Membership
from hub.kernel.ids import new_id
from hub.legs.progress import result
from hub.legs.store import read_ended
from hub.limits import service as limits
from hub.members.service import add_member, open_link, record_validation
from hub.members.types import NewLink
from hub.notifications import service as notifications
from hub.notifications.states import NotificationState
from hub.notifications.types import Proven, Stored
from hub.outbox.events import Event, announce_events
from hub.rates import service as rates
from hub.rates.types import Block, CampaignDraft, RuleDraft
from hub.reports.books import render_statement
from hub.reports.statements import statement_json
from hub.settlement import service as settlement
from hub.settlement import store as settlement_store
from hub.settlement.signing import sign_statements
from hub.settlement.types import Statement
from hub.webhooks import service as webhooks
from hub.webhooks.numbering import number_announced
from hub.webhooks.types import EndpointDraft
from partners.base import Done, MemberValidation
from tests.conftest import START
from tests.gateway.contract_client import BEANS, World

UNITS = {"aerojet": "aerojet.mile", "staywell": "staywell.point", "bystander": "bystander.point"}
_ACROSS = {"aerojet": "bystander", "staywell": "bystander", "bystander": "aerojet"}
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Maker:
    """How to make one that belongs to a partner. shared: every partner of its kind may see it."""

    make: Callable[[World, str], str]
    shared: bool = False


def _member(world: World, partner: str) -> str:
    with world.database.work() as work:
        return add_member(work, reference=f"made-{next(_numbers)}", partner=partner, now=world.services.clock.now())


def _link(world: World, partner: str) -> str:
    member, now = _member(world, partner), world.services.clock.now()
    with world.database.work() as work:
        new = NewLink(member, partner, f"ZZ{next(_numbers):06}", ".+", f"partner:{partner}")
        return open_link(work, new, now=now).id


def _limit(world: World, partner: str) -> str:
    """So high that nothing reaches it."""
    id = f"made_{partner}_{next(_numbers)}"
    head = "id,per,counts,period,maximum,direction,sources,targets,zone"
    row = f"{id},member,points,year,9007199254740991,out,{UNITS[partner]},,UTC"
    with world.database.work() as work:
        limits.import_limits(work, f"{head}\n{row}\n".encode(), actor="alice", now=world.services.clock.now())
    return id


def _conversion(world: World, partner: str) -> str:
    """From the partner to itself alone: between two others it would be theirs too."""
    other = _ACROSS[partner]
    _ensure_rule(world, UNITS[partner], UNITS[other])
    member, now = _member(world, partner), world.services.clock.now()
    with world.database.work() as work:
        for end in (partner, other):
            link = open_link(work, NewLink(member, end, f"CC{next(_numbers):06}", ".+", "hub"), now=now)
            record_validation(work, link.id, MemberValidation(Done("ok")), now=now)
    quoted = {"source_unit": UNITS[partner], "target_unit": UNITS[other], "amount": 1_000, "member": member}
    quote = world.post("/v1/quotes", quoted, who=partner).json["quote"]
    body = {"quote": quote, "member": member}
    return str(world.post("/v1/conversions", body, who=partner, key=f"made-{next(_numbers)}").json["id"])


def _posted(world: World, partner: str) -> str:
    id = _conversion(world, partner)
    now = world.services.clock.now()
    for _ in ("debit", "credit"):
        with world.database.work() as work:
            done = "UPDATE leg SET state = 'done' WHERE owner = %s AND state = 'open' RETURNING id"
            legs = [leg for (leg,) in work.fetch(done, (id,))]
            results = [result(leg, current=False) for leg in read_ended(work, legs)]
            world.services.conversions.settle_legs(work, results, now=now)  # type: ignore[attr-defined]
    return id


def _ensure_rule(world: World, source: str, target: str) -> None:
    with world.database.work() as work:
        if not rates.list_rules(work, source_unit=source, target_unit=target):
            now = world.services.clock.now()
            draft = RuleDraft(source, target, (Block(0, 1, 1),), minimum=1, step=1, effective_from=START)
            id = rates.propose_rule(work, draft, actor="alice", now=now)
            rates.activate_rule(work, id, actor="bob", now=now)


def _rule(world: World, partner: str) -> str:
    """Only proposed, so that it is the business of the partners it names: of this one and a fresh one."""
    other = _partner(world, partner)
    with world.database.work() as work:
        draft = RuleDraft(
            UNITS.get(partner, f"{partner}.point"), f"{other}.point", (Block(0, 1, 1),), minimum=1, step=1,
            effective_from=START,
        )  # fmt: skip
        return rates.propose_rule(work, draft, actor="alice", now=world.services.clock.now())


def _campaign(world: World, partner: str) -> str:
    other = _partner(world, partner)
    days = world.services.clock.now().date()
    draft = CampaignDraft(
        "made", UNITS[partner], f"{other}.point", partner, days, days + timedelta(days=9), percent=Fraction(10)
    )
    with world.database.work() as work:
        return rates.propose_campaign(work, draft, actor="alice", now=world.services.clock.now())


def _agreement(world: World, partner: str) -> str:
    unit = UNITS.get(partner, f"{partner}.point")
    draft = AgreementDraft(
        partner, "USD", 7, {(unit, "debit"): Fraction(8)}, Fraction(100), Fraction(1_000), True,
        datetime(2030, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    with world.database.work() as work:
        return agreements.propose_agreement(work, draft, actor="alice", now=world.services.clock.now())


def _card_token(world: World, partner: str) -> str:
    number, now = next(_numbers), world.services.clock.now()
    with world.database.work() as work:
        new = NewToken(f"made-{number}", f"made-{number}")
        linked = earning.link_tokens(work, roster(work), [new], bank=partner, actor="alice", now=now)
        return token_id(linked[0].number)


def _earn_rules(world: World, partner: str) -> str:
    """Only proposed, of this bank, for points of a fresh partner; from a day that no transaction here has."""
    document = {
        "currency": "GBP",
        "target": f"{_partner(world, partner)}.point",
        "effective_from": "2031-01-01",
        "rules": [{"code": "base", "earn": "1 per 1.00"}],
    }
    with world.database.work() as work:
        now = world.services.clock.now()
        return earning.propose_rules(work, roster(work), document, bank=partner, actor="alice", now=now).id


def _accrual(world: World, partner: str) -> str:
    number = next(_numbers)
    _card_token(world, partner)
    with world.database.work() as work:
        new = NewToken(f"spent-{number}", f"spent-{number}")
        now = world.services.clock.now()
        earning.link_tokens(work, roster(work), [new], bank=partner, actor="alice", now=now)
    spent = {"id": f"made-{number}", "token": new.token, "time": "2026-03-10", "amount": "10.00", "currency": "GBP"}
    found = earning.receive(
        world.database,
        world.services.clock,
        [spent | {"category": "5541"}],
        (),
        bank=partner,
        live=False,
        source="made",
    )
    return found[0].accrual


def _claim(world: World, partner: str) -> str:
    _accrual(world, partner)
    with world.database.work() as work:
        token = work.fetch("SELECT token FROM card_token WHERE bank = %s LIMIT 1", (partner,))[0][0]
        desk = earning.desk_of(work, roster(work), partner, now=world.services.clock.now())
        return earning.make_claim(work, desk, NewClaim(token, date(2026, 3, 10), 1_000)).id


def _payout(world: World, partner: str) -> str:
    """Refused by the programme that the bank's members have their points sent to."""
    _accrual(world, partner)
    with world.database.work() as work:
        gather(work, roster(work), partner, now=world.services.clock.now())
        returned = "UPDATE earn_payout SET state = 'returned' WHERE bank = %s AND state = 'waiting' RETURNING id"
        return str(work.fetch(returned, (partner,))[0][0])


def _block(world: World, partner: str) -> str:
    with world.database.work() as work:
        return earning.add_block(
            work, earning.entered_roster(work), bank=partner, kind="deposit", unit="USD", amount=10**12, reorder_at=0,
            reserve=False, actor="alice", now=world.services.clock.now(),
        )  # fmt: skip


def _client(world: World, partner: str) -> str:
    with world.database.work() as work:
        return add_client(
            work, partner=partner, auth=AuthMethod.SECRET, jwks="", scopes=("units:read",), live=False, actor="alice",
            now=world.services.clock.now(),
        ).id  # fmt: skip


def _partner(world: World, _: str) -> str:
    """A fresh one with a unit: what happens to it concerns nobody else."""
    code = f"made{next(_numbers)}"
    with world.database.work() as work:
        now = world.services.clock.now()
        agreements.add_partner(work, NewPartner(code, "Made", "shop", "sandbox"), actor="alice", now=now)
        unit = Unit(f"{code}.point", code, "point", 0, "points", "", False)
        agreements.add_unit(work, unit, actor="alice", now=now)
    return code


def _event(world: World, partner: str) -> str:
    subject, now = f"made-{next(_numbers)}", world.services.clock.now()
    with world.database.work() as work:
        announce_events(work, [Event("link.active", subject, (partner,), {"link": subject}, live=False)], now=now)
    with world.database.work() as work:
        while number_announced(work, now=now):
            pass
        return str(work.fetch("SELECT id FROM webhook_event WHERE subject = %s", (subject,))[0][0])


def _notification(world: World, partner: str) -> str:
    now = world.services.clock.now()
    with world.database.work() as work:
        proven = Proven(partner, f"made-{next(_numbers)}", now, "settings", b"{}")
        (stored,) = notifications.store(work, world.services.vault, [proven], now=now)
    assert isinstance(stored, Stored)
    return stored.id


def _quarantined(world: World) -> str:
    id, now = _notification(world, "aerojet"), world.services.clock.now()
    with world.database.work() as work:
        received = notifications.lock(work, [id])[id]
        notifications.end(work, received, NotificationState.QUARANTINED, reason="made", now=now)
    return id


def _programme(world: World, partner: str) -> str:
    """The partner's programme, with the member whose number stands in the contract's examples."""
    unit, now = f"{partner}.bean", world.services.clock.now()
    number = BEANS.numbers.number(1)
    with world.database.work() as work:
        agreements.add_unit(work, Unit(unit, partner, "bean", 0, "points", "", True), actor="alice", now=now)
    with world.database.work() as work:
        if (unit, number) not in find_many(work, {(unit, number)}):
            [made] = world.services.hosted.enrol(work, [Enrolment(unit, number)], now=now)
            assert isinstance(made, Membership), made
    return unit


def _membership(world: World, partner: str) -> str:
    unit = _programme(world, partner)
    with world.database.work() as work:
        [made] = world.services.hosted.enrol(work, [Enrolment(unit)], now=world.services.clock.now())
    assert isinstance(made, Membership), made
    return f"{unit} {made.id}"


def _endpoint(world: World, partner: str) -> str:
    """Others are removed first where there are many, as a partner has only so many."""
    now = world.services.clock.now()
    with world.database.work() as work:
        known = webhooks.list_endpoints(work, partner=partner, state=None, live=None, after="", limit=20)
        for one in known[9:]:
            webhooks.remove_endpoint(work, one.id, actor="alice", now=now)
        made = webhooks.add_endpoint(
            work, partner, EndpointDraft("https://hooks.partner.example/"), world.services.destinations, live=False,
            actor="alice", now=now,
        )  # fmt: skip
        webhooks.issue(work, world.services.vault, made, now=now)
    return made.id


def _delivery(world: World, partner: str) -> str:
    endpoint, now = _endpoint(world, partner), world.services.clock.now()
    with world.database.work() as work:
        webhooks.send_test(work, endpoint, now=now)
        number_announced(work, now=now)
        return str(work.fetch("SELECT id FROM webhook_delivery WHERE endpoint = %s", (endpoint,))[0][0])


def _statement(world: World, partner: str) -> str:
    """The partner's statement of a window in which nothing was converted."""
    now = world.services.clock.now()
    with world.database.work() as work:
        window = settlement.close(work, "daily", early=True, now=now)
        assert window is not None
        assert window.due_on is not None
        found = settlement.net(work, window.id, now=now)
        calendar = settlement_store.calendar(work, "daily")
        document = statement_json(found, partner, name="Made", calendar=calendar, booked=[], roots=[])
        digest, id = hashlib.sha256(document).digest(), new_id("stm", now)
        made = Statement(
            id, window.id, "daily", window.number, partner, False, document, digest, window.due_on, now
        )  # fmt: skip
        settlement_store.add_statements(work, [made])
        work.flush()
        sign_statements(work, world.services.vault, now=now)
    return id


def _billed(world: World) -> str:
    """A statement of aerojet with a line of what it converted."""
    now = world.services.clock.now()
    _posted(world, "aerojet")
    with world.database.work() as work:
        window = settlement.close(work, "monthly", early=True, now=now)
        assert window is not None
        settlement.net(work, window.id, now=now)
        settlement.state(work, window.id, render_statement, now=now)
        return settlement_store.statement(work, window.id, "aerojet").id


# By the address up to its last id; several ids stand apart by a space. One line for each kind of thing that has an
# address.
MAKERS: Mapping[str, Maker] = {
    "/problems/{code}": Maker(lambda _world, _partner: "quote_expired", shared=True),
    "/v1/accrual-states/{code}": Maker(lambda _world, partner: partner),
    "/v1/accruals/{id}": Maker(_accrual),
    "/v1/agreements/{id}": Maker(_agreement),
    "/v1/campaigns/{id}": Maker(_campaign),
    "/v1/card-tokens/{id}": Maker(_card_token),
    "/v1/claims/{id}": Maker(_claim),
    "/v1/clients/{id}": Maker(_client),
    "/v1/conversions/{id}": Maker(_conversion),
    "/v1/events/{id}": Maker(_event),
    "/v1/earn-rules/{id}": Maker(_earn_rules),
    "/v1/limits/{id}": Maker(_limit),
    "/v1/links/{id}": Maker(_link),
    "/v1/members/{id}": Maker(_member),
    "/v1/notifications/{id}": Maker(_notification),
    "/v1/payouts/{id}": Maker(_payout),
    "/v1/prepaid-blocks/{id}": Maker(_block),
    "/v1/partners/{code}": Maker(_partner, shared=True),
    "/v1/programmes/{unit}": Maker(_programme),
    "/v1/programmes/{unit}/memberships/{id}": Maker(_membership),
    "/v1/rate-rules/{id}": Maker(_rule),
    "/v1/webhook-deliveries/{id}": Maker(_delivery),
    "/v1/webhook-endpoints/{id}": Maker(_endpoint),
    "/v1/statements/{id}": Maker(_statement),
    "/v1/units/{code}": Maker(lambda _world, partner: UNITS[partner], shared=True),
}


def _stopped_partner(world: World, *, proposed: bool) -> str:
    code = _partner(world, "")
    with world.database.work() as work:
        now = world.services.clock.now()
        agreements.stop_partner(work, code, Direction.BOTH, actor="alice", reason="test", now=now)
        if proposed:
            agreements.propose_start(work, code, actor="alice", now=now)
    return code


def _running_rule(world: World, *, stopped: bool = False, proposed: bool = False) -> str:
    id = _rule(world, "aerojet")
    with world.database.work() as work:
        now = world.services.clock.now()
        rates.activate_rule(work, id, actor="bob", now=now)
        if stopped:
            rates.stop_rule(work, id, actor="alice", reason="test", now=now)
        if proposed:
            rates.propose_start_rule(work, id, actor="alice", now=now)
    return id


def _running_campaign(world: World, *, stopped: bool = False, proposed: bool = False) -> str:
    id = _campaign(world, "aerojet")
    with world.database.work() as work:
        now = world.services.clock.now()
        rates.activate_campaign(work, id, actor="bob", now=now)
        if stopped:
            rates.stop_campaign(work, id, actor="alice", reason="test", now=now)
        if proposed:
            rates.propose_start_campaign(work, id, actor="alice", now=now)
    return id


def _paused_endpoint(world: World) -> str:
    id = _endpoint(world, "aerojet")
    with world.database.work() as work:
        webhooks.pause_endpoint(work, id, actor="alice", now=world.services.clock.now())
    return id


# Where an example needs more than a fresh one: what has to have happened before.
PREPARED: Mapping[str, Callable[[World], str]] = {
    "/v1/campaigns/{id}/propose-start": lambda world: _running_campaign(world, stopped=True),
    "/v1/campaigns/{id}/start": lambda world: _running_campaign(world, stopped=True, proposed=True),
    "/v1/campaigns/{id}/stop": _running_campaign,
    "/v1/conversions/{id}/reversals": lambda world: _posted(world, "bystander"),
    "/v1/notifications/{id}/dismiss": _quarantined,
    "/v1/notifications/{id}/retry": _quarantined,
    "/v1/partners/{code}/propose-start": lambda world: _stopped_partner(world, proposed=False),
    "/v1/partners/{code}/start": lambda world: _stopped_partner(world, proposed=True),
    "/v1/statements/{id}/objections": _billed,
    "/v1/webhook-endpoints/{id}/resume": _paused_endpoint,
    "/v1/rate-rules/{id}/propose-start": lambda world: _running_rule(world, stopped=True),
    "/v1/rate-rules/{id}/start": lambda world: _running_rule(world, stopped=True, proposed=True),
    "/v1/rate-rules/{id}/stop": _running_rule,
}


def maker_of(path: str) -> Maker:
    """How to make what this address of the contract names."""
    kind = path[: path.rindex("}") + 1]
    assert kind in MAKERS, (
        f"{path} is in the contract, but nothing makes an id for {kind}: add a line to MAKERS (tests/gateway/making.py)"
    )
    return MAKERS[kind]


def address(world: World, path: str, partner: str, *, prepared: bool = False) -> str:
    """The address with an id that belongs to `partner`; as an example needs it, if `prepared`."""
    if "{" not in path:
        return path
    make = maker_of(path).make
    ids = PREPARED[path](world) if prepared and path in PREPARED else make(world, partner)
    for id in ids.split(" "):
        path = path[: path.index("{")] + id + path[path.index("}") + 1 :]
    return path
