"""Objections: who may raise which, what leaves netting, and what a decision brings."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from hub.kernel.clock import ManualClock
from hub.reports.books import render_statement
from hub.settlement import objections, service, store, verification
from hub.settlement.refusals import (
    HeadroomMissing,
    ObjectionInvalid,
    ObjectionMissing,
    ObjectionStateWrong,
    StatementClosed,
    StatementMissing,
)
from hub.settlement.types import LineChoice, Objection, ObjectionState, Statement, Window, WindowState
from hub.storage import Database
from tests.conversion.world import World
from tests.settlement.test_windows import closed, posted, stated

STAYWELL = LineChoice("debit", "staywell")
UPHELD, REJECTED = ObjectionState.UPHELD, ObjectionState.REJECTED


def billed(world: World) -> Window:
    """A stated window: aerojet pays 80.00 for staywell's 78.40 and 40.00 for northbank's 39.20."""
    posted(world, ("aerojet", "staywell", 10_000), ("aerojet", "northbank", 5_000))
    window = closed(world)
    stated(world, window)
    return window


def issued(world: World, window: Window, partner: str) -> Statement:
    """A partner's newest statement."""
    with world.database.read() as work:
        return store.statement(work, window.id, partner)


def disputed(
    world: World, one: Statement, choices: Sequence[LineChoice] = (STAYWELL,), *, partner: str = ""
) -> Objection:
    """An objection of the statement's own partner, or of another one."""
    with world.database.work() as work:
        return service.object_to(
            work, one.id, choices, render_statement, partner=partner or one.partner, live=False,
            reason="not in our books", actor="them", now=world.clock.now(),
        )  # fmt: skip


def decided(world: World, one: Objection, decision: ObjectionState, *, both_sides: bool = False) -> Objection:
    """The same objection, decided."""
    with world.database.work() as work:
        return service.decide(
            work, one.id, decision, both_sides=both_sides, remark="looked at", actor="maya", now=world.clock.now()
        )


def amounts(world: World, window: Window) -> dict[str, int]:
    """What every partner gets (> 0) or pays for a window, in cents."""
    with world.database.read() as work:
        return {one.side.partner: one.amount for one in store.obligations(work, window.id)}


def is_whole(world: World) -> bool:
    """Settlement and ledger follow from their own rows."""
    with world.database.read() as work:
        assert verification.verify(work) == []
    assert world.differences() == []
    return True


def test_what_is_in_dispute_leaves_netting_with_its_other_side_and_nothing_else(
    database: Database, clock: ManualClock
) -> None:
    world = World(database, clock)
    window = billed(world)
    before = issued(world, window, "aerojet")

    made = disputed(world, before)

    assert made.decide_by == clock.now().date() + timedelta(days=30)
    assert amounts(world, window) == {"aerojet": -4_000, "northbank": 3_920}
    after: dict[str, Any] = json.loads(issued(world, window, "aerojet").document)
    assert [(one["kind"], one["counterparty"], one["debits"]) for one in after["held_out"]] == [
        ("debit", "staywell", "80.0000000")
    ]
    assert (after["revision"], after["obligations"][0]["amount"]) == (2, "-40.00")
    assert json.loads(issued(world, window, "staywell").document)["obligations"] == []
    assert issued(world, window, "northbank").revision == 1
    with database.read() as work:
        kept = store.named_statement(work, before.id)
    assert (kept.document, kept.digest, kept.replaced) == (before.document, before.digest, True)
    assert world.cases() == [(made.id, "objection")]
    assert is_whole(world)


@pytest.mark.parametrize(
    ("decision", "both_sides", "expected"),
    [
        (REJECTED, False, {"aerojet": -8_000, "staywell": 7_840}),
        (UPHELD, False, {"aerojet": 0, "staywell": 7_840}),
        (UPHELD, True, {"aerojet": 0, "staywell": 0}),
    ],
)
def test_what_was_held_out_is_billed_by_the_next_window_after_the_decision(
    database: Database, clock: ManualClock, decision: ObjectionState, both_sides: bool, expected: dict[str, int]
) -> None:
    world = World(database, clock)
    made = disputed(world, issued(world, billed(world), "aerojet"))
    undecided = closed(world)
    stated(world, undecided)

    assert decided(world, made, decision, both_sides=both_sides) == decided(world, made, decision)
    with pytest.raises(ObjectionStateWrong):
        decided(world, made, REJECTED if decision is UPHELD else UPHELD)
    following = closed(world)
    documents = stated(world, following)

    assert amounts(world, undecided) == {}
    assert amounts(world, following) == expected
    assert [one["debits"] for one in documents["aerojet"]["released"]] == ["80.0000000"]
    kinds = [one["kind"] for one in documents["aerojet"]["lines"]]
    assert kinds == (["correction", "debit"] if decision is UPHELD else ["debit"])
    assert world.cases() == []
    assert is_whole(world)


def test_what_payment_was_asked_for_stays_billed_and_is_corrected_by_new_lines(
    database: Database, clock: ManualClock
) -> None:
    world = World(database, clock)
    window = billed(world)
    with database.work() as work:
        service.instruct(work, window.id, actor="maya", now=clock.now())

    made = disputed(world, issued(world, window, "aerojet"))
    decided(world, made, UPHELD)
    following = closed(world)
    stated(world, following)

    assert amounts(world, window)["aerojet"] == -12_000
    assert issued(world, window, "aerojet").revision == 1
    assert amounts(world, following) == {"aerojet": 8_000}
    assert is_whole(world)


def test_a_side_in_a_window_that_is_still_open_is_held_out_when_that_is_netted(
    database: Database, clock: ManualClock
) -> None:
    world = World(database, clock)
    with database.work() as work:
        work.run("UPDATE agreement SET calendar = 'daily' WHERE partner = 'aerojet'")
    posted(world, ("aerojet", "staywell", 10_000))
    daily = closed(world, "daily")
    stated(world, daily)
    made = disputed(world, issued(world, daily, "aerojet"))

    monthly = closed(world)
    stated(world, monthly)
    decided(world, made, REJECTED)
    following = [closed(world, "daily"), closed(world)]
    for window in following:
        stated(world, window)

    assert [amounts(world, one) for one in (daily, monthly)] == [{}, {}]
    assert [amounts(world, one) for one in following] == [{"aerojet": -8_000}, {"staywell": 7_840}]
    assert is_whole(world)


def test_a_window_that_is_taken_back_drops_its_objections_and_its_lines_come_again(
    database: Database, clock: ManualClock
) -> None:
    world = World(database, clock)
    window = billed(world)
    made = disputed(world, issued(world, window, "aerojet"))

    with database.work() as work:
        assert service.abort(work, window.id, actor="maya", now=clock.now()).state is WindowState.ABORTED
    following = closed(world)
    stated(world, following)

    with database.read() as work:
        assert objections.get(work, made.id).state is ObjectionState.DROPPED
    assert amounts(world, following)["aerojet"] == -12_000
    assert disputed(world, issued(world, following, "aerojet")).state is ObjectionState.OPEN
    assert is_whole(world)


def test_silence_and_a_word_accept_a_statement(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    window = billed(world)
    word, silence = issued(world, window, "northbank"), issued(world, window, "aerojet")
    with database.work() as work:
        found = service.acknowledge(work, word.id, partner="northbank", live=False, actor="them", now=clock.now())
        again = service.acknowledge(work, word.id, partner="northbank", live=False, actor="them", now=clock.now())
    assert found == again
    assert found.acknowledged_at == clock.now()

    with pytest.raises(StatementClosed):
        disputed(world, word, [LineChoice("credit", "aerojet")])
    assert window.advice_on is not None
    clock.advance(timedelta(days=(window.advice_on - clock.now().date()).days + 8))
    with pytest.raises(StatementClosed):
        disputed(world, silence)


def test_only_own_lines_that_are_there_can_be_disputed_and_each_of_them_once(
    database: Database, clock: ManualClock
) -> None:
    world = World(database, clock)
    window = billed(world)
    first = issued(world, window, "aerojet")

    for choices in ([], [LineChoice("debit", "nobody")], [STAYWELL, LineChoice("credit", "staywell")]):
        with pytest.raises(ObjectionInvalid):
            disputed(world, first, choices)
    with pytest.raises(StatementMissing):
        disputed(world, first, partner="staywell")
    made = disputed(world, first)
    with pytest.raises(StatementClosed):
        disputed(world, first)
    with pytest.raises(ObjectionInvalid):
        disputed(world, issued(world, window, "aerojet"))
    decided(world, made, REJECTED)
    following = closed(world)
    stated(world, following)
    with pytest.raises(ObjectionInvalid):
        disputed(world, issued(world, following, "aerojet"))
    with pytest.raises(ObjectionMissing):
        decided(world, Objection(**{name: getattr(made, name) for name in made.__slots__} | {"id": "obj_0"}), UPHELD)


def test_a_partner_reads_its_own_objections_and_no_other_partners_side(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    made = disputed(world, issued(world, billed(world), "aerojet"))

    with database.read(as_partner="aerojet") as work:
        assert [one.id for one in objections.listed(work)] == [made.id]
        assert {one.line.partner for one in objections.disputed(work, made.id)} == {"aerojet"}
    with database.read(as_partner="staywell") as work:
        assert objections.listed(work) == []


def test_a_correction_beyond_a_partners_cap_is_not_made(database: Database, clock: ManualClock) -> None:
    world = World(database, clock, cap="130")
    made = disputed(world, issued(world, billed(world), "aerojet"))
    posted(world, ("staywell", "northbank", 20_000))

    with pytest.raises(HeadroomMissing):
        decided(world, made, UPHELD, both_sides=True)
    with database.read() as work:
        assert objections.get(work, made.id).state is ObjectionState.OPEN
