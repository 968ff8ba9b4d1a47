"""What partners are told of conversions, links, partners and rates: each once, thin, and to whom it concerns."""

import json

import pytest

from hub.agreements import service as agreements
from hub.agreements.types import Direction
from hub.conversion.risk import RiskAnswer, RiskOutcome
from hub.conversion.types import Cancellation
from hub.kernel.clock import ManualClock
from hub.members.service import add_member, close_link, links_of, open_link, record_validation
from hub.members.types import NewLink
from hub.outbox import Delivery
from hub.outbox.events import Event, event_of
from hub.storage import Database
from hub.webhooks.catalogue import CATALOGUE
from partners.base import MemberValidation, Reason, Refused
from tests.conversion.world import OPERATOR, World, unit_of


@pytest.fixture
def world(database: Database, clock: ManualClock) -> World:
    return World(database, clock)


def _told(world: World, prefix: str = "conversion.") -> list[Event]:
    """Everything announced so far, of these types, oldest first."""
    with world.database.read() as work:
        rows = work.fetch(
            "SELECT id, queue, kind, subject, lane, body, attempts, created_at, trace FROM outbox_message "
            "WHERE kind = 'event.announced' ORDER BY id"
        )
    events = [event_of(Delivery(*row)) for row in rows]
    for event in events:
        declared = CATALOGUE[event.type]
        assert set(declared.facts) <= set(event.data) <= {*declared.facts, *declared.optional}, event
    return [event for event in events if event.type.startswith(prefix)]


def test_a_posted_conversion_is_told_to_both_partners_and_names_nobody(world: World) -> None:
    conversion = world.convert()

    world.run()

    [event] = _told(world)
    assert (event.type, event.subject, event.live) == ("conversion.posted", conversion.id, False)
    assert event.partners == ("aerojet", "staywell")
    assert conversion.member not in json.dumps(dict(event.data))


def test_a_refused_conversion_is_told_as_voided_with_its_reason(world: World) -> None:
    world.partners["aerojet"].then(Reason.INSUFFICIENT_POINTS)
    world.convert()

    world.run()

    [event] = _told(world)
    assert (event.type, event.data["reason"]) == ("conversion.voided", "insufficient_points")


def test_a_cancelled_conversion_is_told_as_voided(world: World) -> None:
    conversion = world.convert()

    with world.database.work() as work:
        world.conversions.cancel(work, [Cancellation(conversion.id, "", False)], now=world.clock.now())

    [event] = _told(world)
    assert (event.type, event.data["reason"]) == ("conversion.voided", "cancelled")


def test_a_give_back_that_is_refused_is_told_as_owed(world: World) -> None:
    world.partners["staywell"].then(Reason.MEMBER_CLOSED)
    world.partners["aerojet"].then("ok", Reason.MEMBER_CLOSED)
    world.convert()

    world.run()

    assert [event.type for event in _told(world)] == ["conversion.owed"]


@pytest.mark.parametrize(("amount", "extent"), [(None, "whole"), (1_000, "part")])
def test_a_reversal_is_told_about_its_original(world: World, amount: int | None, extent: str) -> None:
    conversion = world.convert()
    world.run()
    world.reverse(conversion, amount)

    world.run()

    told = _told(world)
    assert [event.type for event in told] == ["conversion.posted", "conversion.posted", "conversion.reversed"]
    assert told[1].data["reverses"] == conversion.id
    assert (told[2].subject, told[2].data["reversal"], told[2].data["extent"]) == (
        conversion.id,
        told[1].subject,
        extent,
    )


def test_a_conversion_under_review_is_told_once_and_without_the_reason(database: Database, clock: ManualClock) -> None:
    world = World(
        database,
        clock,
        risk=lambda work, questions, *, now: [RiskAnswer(RiskOutcome.REVIEW, "velocity") for _ in questions],
    )
    request = world.request(world.member())

    world.accept(request)
    world.accept(request)

    [event] = _told(world)
    assert event.type == "conversion.in_review"
    assert "reason" not in event.data


def test_a_stopped_and_started_partner_is_told_to_every_test_partner(world: World) -> None:
    now = world.clock.now()
    with world.database.work() as work:
        agreements.stop_partner(work, "aerojet", Direction.BOTH, actor=OPERATOR, reason="an audit", now=now)
        agreements.propose_start(work, "aerojet", actor=OPERATOR, now=now)
        agreements.start_partner(work, "aerojet", actor="operator:nils", now=now)

    stopped, started = _told(world, "partner.")

    assert (stopped.type, stopped.partners, dict(stopped.data)) == (
        "partner.stopped",
        (),
        {"partner": "aerojet", "direction": "both"},
    )
    assert started.type == "partner.started"


def test_an_activated_rate_is_told_to_the_partners_of_its_units(world: World) -> None:
    rule = world.add_rule("aerojet", "northbank", get=3)

    event = _told(world, "rate.")[-1]

    assert (event.subject, event.partners) == (rule, ("aerojet", "northbank"))
    assert event.data["source_unit"] == unit_of("aerojet")


def test_a_link_is_told_when_it_is_proven_and_when_it_is_refused(world: World) -> None:
    world.member("aerojet")
    now = world.clock.now()
    with world.database.work() as work:
        member = add_member(work, reference="m-of-northbank", partner="northbank", now=now)
        link = open_link(work, NewLink(member, "staywell", "st99", "[a-z]{2}[0-9]+", "partner:northbank"), now=now)
        record_validation(work, link.id, MemberValidation(Refused(Reason.MEMBER_UNKNOWN)), now=now)

    active, refused = _told(world, "link.")

    assert (active.type, active.partners) == ("link.active", ("aerojet",))
    assert (refused.type, refused.partners) == ("link.refused", ("northbank", "staywell"))
    assert refused.data["reason"] == "member_unknown"


def test_a_link_that_is_closed_is_told_once_and_without_anybodys_words(world: World) -> None:
    member = world.member("aerojet")
    with world.database.work() as work:
        (link,) = links_of(work, member)
        for _ in range(2):
            close_link(work, link.id, reason="Maya asked for it by telephone", now=world.clock.now())

    _, closed = _told(world, "link.")

    assert (closed.type, closed.subject, closed.partners) == ("link.closed", link.id, ("aerojet",))
    assert closed.data == {"link": link.id, "partner": "aerojet"}
