"""Windows from cut-off to statement, over a real ledger."""

import csv
import io
import json
from collections.abc import Sequence
from datetime import time
from fractions import Fraction
from typing import Any

import pytest

from hub import chart, ledger
from hub.conversion.states import ConversionState
from hub.conversion.types import Conversion
from hub.kernel.clock import ManualClock
from hub.reports.books import render_statement
from hub.reports.statements import statement_csv
from hub.settlement import service, store
from hub.settlement.refusals import (
    CalendarConflict,
    CalendarInvalid,
    CalendarMissing,
    StatementMissing,
    WindowMissing,
    WindowStateWrong,
)
from hub.settlement.types import Calendar, Netted, Rhythm, Window, WindowState
from hub.storage import Database
from tests.conversion.world import World

DEBIT, CREDIT = Fraction(8, 1000), Fraction(196, 10_000)


def closed(world: World, calendar: str = "monthly") -> Window:
    """The window that is cut off now."""
    with world.database.work() as work:
        found = service.close(work, calendar, early=True, now=world.clock.now())
    assert found is not None
    return found


def netted(world: World, window: Window) -> Netted:
    """The same window, netted."""
    with world.database.work() as work:
        return service.net(work, window.id, now=world.clock.now())


def stated(world: World, window: Window) -> dict[str, dict[str, Any]]:
    """The same window's statements, by partner."""
    netted(world, window)
    with world.database.work() as work:
        found = service.state(work, window.id, render_statement, now=world.clock.now())
    return {one.partner: json.loads(one.document) for one in found}


def posted(world: World, *members: tuple[str, str, int]) -> list[Conversion]:
    """Conversions of new members, carried to their end: (source, target, amount)."""
    found = [world.convert(amount, source=source, target=target) for source, target, amount in members]
    world.run()
    return [world.get(one) for one in found]


def recomputed(conversions: Sequence[Conversion]) -> dict[str, Fraction]:
    """What every partner's position moves, from the conversions and the price list alone. In US dollars."""
    sums: dict[str, Fraction] = {}
    for one in conversions:
        assert one.state is ConversionState.POSTED
        sums[one.source_partner] = sums.get(one.source_partner, Fraction(0)) - one.source_amount * DEBIT
        sums[one.target_partner] = sums.get(one.target_partner, Fraction(0)) + one.base * CREDIT
    return sums


def test_a_statement_says_what_the_price_list_and_the_conversions_say(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    made = posted(
        world, ("aerojet", "staywell", 10_000), ("staywell", "northbank", 5_000), ("aerojet", "northbank", 25)
    )

    documents = stated(world, closed(world))

    expected = recomputed(made)
    assert set(documents) == set(expected)
    for partner, document in documents.items():
        (obligation,) = document["obligations"]
        position = Fraction(obligation["credits"]) - Fraction(obligation["debits"])
        assert position == expected[partner]
        assert position == sum(Fraction(line["credits"]) - Fraction(line["debits"]) for line in document["lines"])
        assert Fraction(obligation["amount"]) + Fraction(obligation["closing"]) == expected[partner]
        assert abs(Fraction(obligation["closing"])) <= Fraction(1, 200)


def test_the_hub_and_the_partners_sum_to_zero(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    posted(world, ("aerojet", "staywell", 10_000), ("northbank", "aerojet", 7_775))

    found = netted(world, closed(world))

    assert found.hub_obligation("USD") + sum(one.amount for one in found.obligations) == 0
    for partner in ("aerojet", "staywell", "northbank"):
        ours = [one for one in found.obligations if one.side.partner == partner]
        factor = found.money["USD"].factor
        assert sum(one.amount * factor + one.closing for one in ours) == world.position(partner)


def test_what_is_under_way_at_the_cut_off_is_billed_where_it_posts(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    under_way = world.convert(10_000)
    first = stated(world, closed(world))
    world.run()
    second = stated(world, closed(world))

    assert world.state(under_way) is ConversionState.POSTED
    assert first == {}
    assert {partner: document["obligations"][0]["amount"] for partner, document in second.items()} == {
        "aerojet": "-80.00",
        "staywell": "78.40",
    }


def test_every_step_may_be_asked_for_again(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    posted(world, ("aerojet", "staywell", 10_000))
    window = closed(world)

    assert netted(world, window) == netted(world, window)
    assert stated(world, window) == stated(world, window)
    with database.read() as work:
        kept = store.statement(work, window.id, "aerojet")
        assert render_statement(work, service.read(work, window.id), "aerojet") == kept.document


def test_a_window_that_is_aborted_comes_with_the_next_one(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    posted(world, ("aerojet", "staywell", 10_000))
    first = closed(world)
    stated(world, first)
    with database.work() as work:
        assert service.abort(work, first.id, actor="maya", now=clock.now()).state is WindowState.ABORTED
    posted(world, ("aerojet", "staywell", 10_000))

    second = netted(world, closed(world))

    assert {one.side.partner: one.amount for one in second.obligations} == {"aerojet": -16_000, "staywell": 15_680}
    with database.read() as work:
        assert store.lines(work, first.id) == []
        with pytest.raises(StatementMissing):
            store.statement(work, first.id, "aerojet")


def test_only_the_newest_window_can_be_aborted_and_only_before_payment_is_asked_for(
    database: Database, clock: ManualClock
) -> None:
    world = World(database, clock)
    first, second = closed(world), closed(world)
    with database.work() as work, pytest.raises(WindowStateWrong):
        service.abort(work, first.id, actor="maya", now=clock.now())
    stated(world, first)
    stated(world, second)
    with database.work() as work:
        service.instruct(work, second.id, actor="maya", now=clock.now())
    with database.work() as work, pytest.raises(WindowStateWrong):
        service.abort(work, second.id, actor="maya", now=clock.now())


def test_windows_are_netted_in_their_order(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    first, second = closed(world), closed(world)

    with database.work() as work, pytest.raises(WindowStateWrong):
        service.net(work, second.id, now=clock.now())
    netted(world, first)
    netted(world, second)


def test_calendars_live_side_by_side_and_each_line_is_billed_once(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    with database.work() as work:
        work.run("UPDATE agreement SET calendar = 'daily' WHERE partner = 'staywell'")
    for _ in range(3):
        posted(world, ("aerojet", "staywell", 10_000))
        netted(world, closed(world, "daily"))
    monthly = netted(world, closed(world, "monthly"))

    with database.read() as work:
        windows = store.windows(work, states=[WindowState.NETTED])
        lines = [line for window in windows for line in store.lines(work, window.id)]
    assert [one.side.partner for one in monthly.obligations] == ["aerojet"]
    sums = {
        partner: sum(one.credits - one.debits for one in lines if one.partner == partner)
        for partner in ("aerojet", "staywell")
    }
    assert sums == {partner: world.position(partner) for partner in ("aerojet", "staywell")}


def test_a_cut_off_that_is_still_to_come_waits_unless_a_person_wants_it_now(
    database: Database, clock: ManualClock
) -> None:
    World(database, clock)

    with database.work() as work:
        assert service.close(work, "weekly", early=False, now=clock.now()) is None
        due = service.opened(work, "weekly", now=clock.now()).cut_off
    clock.advance(due - clock.now())
    with database.work() as work:
        found = service.close(work, "weekly", early=False, now=clock.now())

    assert found is not None
    assert found.closed_at == due
    with database.read() as work:
        following = store.open_window(work, "weekly")
    assert following is not None
    assert (following.number, following.first_period) == (2, (found.last_period or 0) + 1)


def test_a_reversal_after_the_cut_off_is_a_new_line_at_the_old_price(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    (made,) = posted(world, ("aerojet", "staywell", 10_000))
    first = stated(world, closed(world))
    world.reverse(made, None, client="staywell")
    world.run()
    second = stated(world, closed(world))

    assert first["aerojet"]["obligations"][0]["amount"] == "-80.00"
    assert second["aerojet"]["obligations"][0]["amount"] == "80.00"
    assert {line["kind"] for line in second["aerojet"]["lines"]} == {"reversal"}


def test_the_spreadsheet_has_the_same_numbers(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    posted(world, ("aerojet", "staywell", 10_000), ("aerojet", "northbank", 10_000))
    window = closed(world)
    stated(world, window)
    with database.read() as work:
        document = store.statement(work, window.id, "aerojet").document
    rows = list(csv.DictReader(io.StringIO(statement_csv(document).decode())))

    shown = json.loads(document)
    assert [row["debits"] for row in rows if row["record"] == "line"] == [one["debits"] for one in shown["lines"]]
    (obligation,) = [row for row in rows if row["record"] == "obligation"]
    assert (obligation["amount"], obligation["due_on"]) == ("-160.00", shown["due_on"])


def test_the_roots_on_a_statement_cover_its_entries(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    posted(world, ("aerojet", "staywell", 10_000))
    document = stated(world, closed(world))["staywell"]

    (named,) = document["roots"]
    account = chart.position("staywell", "USD")
    with database.read() as work:
        (root,) = ledger.roots(work, named["slice"], [account])
        shown = list(ledger.leaves(work, root))
    assert ledger.verify_complete(bytes.fromhex(named["sha256"]), named["first_entry"], shown, 0)
    assert len(shown) == named["entries"] == sum(line["count"] for line in document["lines"])


@pytest.mark.parametrize(
    "changes",
    [{"code": "No Code"}, {"zone": "Moon/Base"}, {"weekday": 7}, {"advice_days": 6}, {"system": "TARGET 2"}],
)
def test_a_calendar_that_cannot_be_used_is_refused(database: Database, clock: ManualClock, changes: Any) -> None:
    good: dict[str, Any] = {
        "code": "fridays", "zone": "Europe/Berlin", "rhythm": Rhythm.WEEK, "at": time(18), "weekday": 4,
        "system": "target2", "advice_days": 2, "call_days": 5,
    }  # fmt: skip
    with database.work() as work:
        with pytest.raises(CalendarInvalid):
            service.add_calendar(work, Calendar(**good | changes), actor="maya", now=clock.now())
        service.add_calendar(work, Calendar(**good), actor="maya", now=clock.now())
        service.add_calendar(work, Calendar(**good), actor="maya", now=clock.now())
        with pytest.raises(CalendarConflict):
            service.add_calendar(work, Calendar(**good | {"call_days": 9}), actor="maya", now=clock.now())


def test_what_is_not_there_is_refused_by_name(database: Database, clock: ManualClock) -> None:
    with database.work() as work:
        with pytest.raises(CalendarMissing):
            service.close(work, "yearly", early=True, now=clock.now())
        with pytest.raises(WindowMissing):
            service.net(work, "win_nothing", now=clock.now())
