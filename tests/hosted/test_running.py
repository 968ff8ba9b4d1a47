"""Runs over all programmes: in bounded parts, with progress, and by the hub's own scheduler."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hub.agreements import service as agreements
from hub.agreements.roster import roster
from hub.agreements.types import NewPartner, Unit
from hub.config import read_settings
from hub.hosted.directory import ProgrammeDirectory
from hub.hosted.errors import ProgrammeMissing
from hub.hosted.running import LapseRun, ProgrammeRuns, WarnRun
from hub.hosted.service import Hosted
from hub.hosted.types import Enrolment, Membership
from hub.kernel.clock import ManualClock
from hub.storage import Database
from hub.wiring import build_hub
from partners.hosted.programme import EndOf, ExpiryKind, ExpiryRule
from tests.hosted.support import BLUEBEAN, UNIT, Cafe, rules

YEARLY = ExpiryRule(ExpiryKind.FIXED, 12, EndOf.YEAR, frozenset(), ())


def runs_of(cafe: Cafe, **sizes: int) -> ProgrammeRuns:
    """Runs over the one programme of a café."""
    now = cafe.clock.now()
    with cafe.database.work() as work:
        agreements.add_partner(
            work,
            NewPartner("bluebean", "Bluebean", "shop", "bluebean", time_zone="Asia/Jakarta"),
            actor="alice",
            now=now,
        )
        agreements.add_unit(work, Unit(UNIT, "bluebean", "Bean", 0, "points", "", True), actor="alice", now=now)
        known = roster(work)
    directory = ProgrammeDirectory(lambda: known, lambda _partner, _unit: BLUEBEAN)
    return ProgrammeRuns(cafe.database, cafe.hosted, directory, **sizes)


def test_a_run_does_so_many_parts_and_says_whether_that_was_all(database: Database, clock: ManualClock) -> None:
    cafe = Cafe(database, clock)
    for _ in range(6):
        cafe.member(1, 2)
    runs = runs_of(cafe, lapse_lots=4)
    clock.advance(timedelta(days=400))
    seen: list[tuple[int, int | None]] = []

    first = runs.lapse(now=clock.now(), parts_max=2, progress=lambda done, total: seen.append((done, total)))
    rest = runs.lapse(now=clock.now())

    assert first == LapseRun(memberships=4, lots=8, points=12, over=False)
    assert rest == LapseRun(memberships=2, lots=4, points=6, over=True)
    assert seen == [(4, 12), (8, 12)]
    assert cafe.differences() == []


def test_warnings_come_in_parts_and_once(database: Database, clock: ManualClock) -> None:
    cafe = Cafe(database, clock)
    for _ in range(5):
        cafe.member(10)
    runs = runs_of(cafe, warn_members=2)
    clock.advance(timedelta(days=335))

    first = runs.warn(now=clock.now(), parts_max=1)
    rest = runs.warn(now=clock.now())

    assert (first, rest) == (WarnRun(2, over=False), WarnRun(3, over=True))
    assert runs.warn(now=clock.now()) == WarnRun(0, over=True)


def test_the_year_ends_where_the_programme_is(database: Database, clock: ManualClock) -> None:
    cafe = Cafe(database, clock, rules(YEARLY))
    midnight = datetime(2026, 12, 31, 17, tzinfo=UTC)  # in Jakarta
    clock.advance(midnight - timedelta(seconds=1) - clock.now())
    member = cafe.member(100)
    clock.advance(timedelta(seconds=1))
    cafe.do("earn", member, 7)

    clock.advance(datetime(2027, 12, 31, 17, tzinfo=UTC) - timedelta(seconds=1) - clock.now())
    before = cafe.lapse()
    clock.advance(timedelta(seconds=1))

    assert (before, cafe.lapse()) == (0, 100)
    assert cafe.lots(member) == [("2028-12-31", 7)]


def test_the_hubs_scheduler_lets_points_lapse_and_warns(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    hub = build_hub(replace(read_settings(), data_dir=tmp_path, master_key="k" * 40), database, clock)
    with database.work() as work:
        now = clock.now()
        partner = NewPartner("bluebean", "Bluebean Coffee", "shop", "bluebean", time_zone="Asia/Jakarta")
        agreements.add_partner(work, partner, actor="alice", now=now)
        agreements.add_unit(work, Unit(UNIT, "bluebean", "Bean", 0, "points", "", True), actor="alice", now=now)
    cafe = Cafe(database, clock)
    cafe.hosted = hub.hosted
    members = [cafe.member(100) for _ in range(3)]
    scheduler = hub.scheduler()
    warned = []

    for days in (335, 60):
        clock.advance(timedelta(days=days))
        assert {"lapse", "warn"} <= set(scheduler.run_once())
        with database.read() as work:
            warned.append(work.fetch("SELECT count(*) FROM hosted_warning")[0][0])
    scheduler.stop()

    assert warned == [3, 3]
    assert [cafe.statement(member).balance for member in members] == [0, 0, 0]
    assert cafe.differences() == []
    assert [one.unit for one in hub.programmes.programmes()] == [UNIT]
    hub.close()


def test_a_unit_is_a_programme_only_with_rules_of_its_own(database: Database, clock: ManualClock) -> None:
    runs_of(Cafe(database, clock))
    with database.read() as work:
        known = roster(work)
    directory = ProgrammeDirectory(lambda: known, lambda _partner, _unit: None)
    hosted = Hosted(directory)

    with database.work() as work:
        [answer] = hosted.enrol(work, [Enrolment(UNIT)], now=clock.now())

    assert directory.programmes() == []
    assert isinstance(answer, ProgrammeMissing)
    assert not isinstance(answer, Membership)
