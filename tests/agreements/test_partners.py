"""Partners and units: adding, moving, stopping by one, starting by two."""

from dataclasses import replace
from itertools import pairwise

import pytest

from hub.agreements.refusals import (
    FourEyes,
    MoveNotAllowed,
    PartnerConflict,
    PartnerInvalid,
    PartnerMissing,
    StartNotProposed,
    TailRunning,
    UnitConflict,
    UnitInvalid,
)
from hub.agreements.service import (
    add_partner,
    add_unit,
    move_partner,
    propose_start,
    roster,
    start_partner,
    stop_partner,
    version_now,
)
from hub.agreements.states import PARTNER_MOVES, TAIL
from hub.agreements.types import Direction, NewPartner, Partner, PartnerState, Unit
from hub.storage import Database, Work
from tests.agreements.builders import DAY, NOW, add, new_partner, points


def _partner(work: Work, code: str = "aerojet") -> Partner:
    return roster(work, at=NOW).partners[code]


def _stop(work: Work, direction: Direction) -> None:
    stop_partner(work, "aerojet", direction, actor="ada", reason="test", now=NOW)


def test_a_test_partner_takes_part_at_once_and_a_live_one_is_a_draft(database: Database) -> None:
    with database.work() as work:
        add_partner(work, new_partner("aerojet"), actor="ada", now=NOW)
        add_partner(work, new_partner("staywell", live=True), actor="ada", now=NOW)

        assert _partner(work).state is PartnerState.TEST
        assert _partner(work, "staywell").state is PartnerState.DRAFT


def test_adding_the_same_partner_again_does_nothing(database: Database) -> None:
    with database.work() as work:
        add_partner(work, new_partner("aerojet"), actor="ada", now=NOW)
        before = version_now(work)

        add_partner(work, new_partner("aerojet"), actor="ben", now=NOW + DAY)

        assert version_now(work) == before
        with pytest.raises(PartnerConflict):
            add_partner(work, replace(new_partner("aerojet"), name="Other"), actor="ada", now=NOW)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(new_partner("aerojet"), code="Aero Jet"),
        replace(new_partner("aerojet"), code="a:b"),
        replace(new_partner("aerojet"), code="hub"),
        replace(new_partner("aerojet"), code="../x"),
        replace(new_partner("aerojet"), name=""),
        replace(new_partner("aerojet"), name="x" * 201),
        replace(new_partner("aerojet"), name="a\x00b"),
        replace(new_partner("aerojet"), kind=""),
        replace(new_partner("aerojet"), profile=""),
        replace(new_partner("aerojet"), base_url="ftp://x"),
        replace(new_partner("aerojet"), time_zone="Mars/Olympus"),
        replace(new_partner("aerojet"), time_zone="../../etc/passwd"),
    ],
)
def test_a_partner_that_cannot_be_used_is_refused(database: Database, wrong: NewPartner) -> None:
    with database.work() as work, pytest.raises(PartnerInvalid):
        add_partner(work, wrong, actor="ada", now=NOW)


def test_a_unit_belongs_to_its_partner(database: Database) -> None:
    with database.work() as work:
        with pytest.raises(PartnerMissing):
            add_unit(work, points("aerojet.mile"), actor="ada", now=NOW)
        add_partner(work, new_partner("aerojet"), actor="ada", now=NOW)
        nights = points("aerojet.night", scale=1)

        add_unit(work, nights, actor="ada", now=NOW)
        add_unit(work, nights, actor="ada", now=NOW)

        assert roster(work, at=NOW).units == {"aerojet.night": nights}
        with pytest.raises(UnitConflict):
            add_unit(work, replace(nights, scale=0), actor="ada", now=NOW)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(points("aerojet.mile"), code="mile"),
        replace(points("aerojet.mile"), code="staywell.mile"),
        replace(points("aerojet.mile"), name="\ud800"),
        replace(points("aerojet.mile"), scale=-1),
        replace(points("aerojet.mile"), scale=10),
        replace(points("aerojet.mile"), kind="gold"),
        replace(points("aerojet.mile"), kind="money", currency="ZZZ"),
        replace(points("aerojet.mile"), kind="money", currency=""),
        replace(points("aerojet.mile"), currency="USD"),
    ],
)
def test_a_unit_that_cannot_be_used_is_refused(database: Database, wrong: Unit) -> None:
    with database.work() as work:
        add_partner(work, new_partner("aerojet"), actor="ada", now=NOW)

        with pytest.raises(UnitInvalid):
            add_unit(work, wrong, actor="ada", now=NOW)


def test_a_unit_of_money_names_its_currency(database: Database) -> None:
    with database.work() as work:
        add_partner(work, new_partner("northbank"), actor="ada", now=NOW)

        add_unit(
            work, Unit("northbank.cashback", "northbank", "Cashback", 2, "money", "USD", False), actor="ada", now=NOW
        )

        assert roster(work, at=NOW).units["northbank.cashback"].currency == "USD"


@pytest.mark.parametrize("to", list(PartnerState))
@pytest.mark.parametrize("at", list(PartnerState))
def test_a_partner_moves_along_the_table_only(database: Database, at: PartnerState, to: PartnerState) -> None:
    with database.work() as work:
        add(work, "aerojet")
        work.run("UPDATE partner SET state = %s", (at.value,))

        if to is at or to in PARTNER_MOVES[at]:
            move_partner(work, "aerojet", to, actor="ada", now=NOW)
            assert _partner(work).state is to
        else:
            with pytest.raises(MoveNotAllowed):
                move_partner(work, "aerojet", to, actor="ada", now=NOW)


def test_a_life_from_draft_to_exited_keeps_its_tail(database: Database) -> None:
    life = [PartnerState.DRAFT, PartnerState.LIVE, PartnerState.WINDING_DOWN]
    with database.work() as work:
        add_partner(work, new_partner("aerojet", live=True), actor="ada", now=NOW)
        for _, to in pairwise(life):
            move_partner(work, "aerojet", to, actor="ada", now=NOW)

        with pytest.raises(TailRunning):
            move_partner(work, "aerojet", PartnerState.EXITED, actor="ada", now=NOW + TAIL - DAY)
        move_partner(work, "aerojet", PartnerState.EXITED, actor="ada", now=NOW + TAIL)

        assert _partner(work).state is PartnerState.EXITED


def test_nobody_moves_a_partner_that_does_not_exist(database: Database) -> None:
    with database.work() as work, pytest.raises(PartnerMissing):
        move_partner(work, "nobody", PartnerState.LIVE, actor="ada", now=NOW)


@pytest.mark.parametrize(
    ("stops", "stopped"),
    [
        ([Direction.DEBIT], Direction.DEBIT),
        ([Direction.CREDIT, Direction.CREDIT], Direction.CREDIT),
        ([Direction.DEBIT, Direction.CREDIT], Direction.BOTH),
        ([Direction.BOTH, Direction.DEBIT], Direction.BOTH),
    ],
)
def test_one_person_stops_a_partner_and_stops_add_up(
    database: Database, stops: list[Direction], stopped: Direction
) -> None:
    with database.work() as work:
        add(work, "aerojet", live=True)

        for direction in stops:
            _stop(work, direction)

        assert (_partner(work).state, _partner(work).stopped) == (PartnerState.SUSPENDED, stopped)


def test_starting_again_takes_two(database: Database) -> None:
    with database.work() as work:
        add(work, "aerojet", live=True)
        start_partner(work, "aerojet", actor="ben", now=NOW)
        with pytest.raises(MoveNotAllowed):
            propose_start(work, "aerojet", actor="ada", now=NOW)
        _stop(work, Direction.BOTH)
        with pytest.raises(StartNotProposed):
            start_partner(work, "aerojet", actor="ben", now=NOW)
        propose_start(work, "aerojet", actor="ada", now=NOW)
        with pytest.raises(FourEyes):
            start_partner(work, "aerojet", actor="ada", now=NOW)

        start_partner(work, "aerojet", actor="ben", now=NOW)

        assert (_partner(work).state, _partner(work).stopped) == (PartnerState.LIVE, None)


def test_a_new_stop_forgets_an_old_proposal_to_start(database: Database) -> None:
    with database.work() as work:
        add(work, "aerojet")
        _stop(work, Direction.DEBIT)
        propose_start(work, "aerojet", actor="ada", now=NOW)
        _stop(work, Direction.CREDIT)

        with pytest.raises(StartNotProposed):
            start_partner(work, "aerojet", actor="ben", now=NOW)


def test_a_partner_that_winds_down_is_stopped_and_started_without_coming_back(database: Database) -> None:
    with database.work() as work:
        add(work, "aerojet", live=True)
        move_partner(work, "aerojet", PartnerState.WINDING_DOWN, actor="ada", now=NOW)
        _stop(work, Direction.BOTH)
        propose_start(work, "aerojet", actor="ada", now=NOW)
        start_partner(work, "aerojet", actor="ben", now=NOW)

        assert (_partner(work).state, _partner(work).stopped) == (PartnerState.WINDING_DOWN, None)


def test_a_draft_moves_nothing_that_could_be_stopped(database: Database) -> None:
    with database.work() as work:
        add_partner(work, new_partner("aerojet", live=True), actor="ada", now=NOW)

        with pytest.raises(MoveNotAllowed):
            _stop(work, Direction.BOTH)


def test_every_change_moves_the_catalogue_version_on(database: Database) -> None:
    with database.work() as work:
        versions = [version_now(work)]
        add_partner(work, new_partner("aerojet"), actor="ada", now=NOW)
        versions.append(version_now(work))
        add_unit(work, points("aerojet.mile"), actor="ada", now=NOW)
        versions.append(version_now(work))
        _stop(work, Direction.BOTH)
        versions.append(version_now(work))
        move_partner(work, "aerojet", PartnerState.WINDING_DOWN, actor="ada", now=NOW)
        versions.append(version_now(work))

    assert versions == sorted(set(versions))
