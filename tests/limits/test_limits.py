"""Limits: what they let through, when they free, and that nobody slips past them."""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from hub.conversion.service import Conversions
from hub.conversion.types import Acceptance, Conversion
from hub.kernel.clock import ManualClock, rfc3339
from hub.kernel.errors import HubError
from hub.limits import service
from hub.limits.refusals import LimitMissing, LimitReached, LimitsFileInvalid
from hub.limits.types import Counts, Direction, LimitRule, Per, Period
from hub.limits.windows import frees_at, since
from hub.rates.catalogue import CatalogueCache
from hub.storage import Batcher, Database
from partners.base import Reason
from tests.conversion.world import OPERATOR, World, unit_of

HEADER = "id,per,counts,period,maximum,direction,sources,targets,zone"
ONE_A_MONTH = "one_a_month,member,conversions,30_days,1,out,,,UTC"


def _limit(world: World, *lines: str) -> None:
    with world.database.work() as work:
        service.import_limits(work, "\n".join((HEADER, *lines)).encode(), actor=OPERATOR, now=world.clock.now())


def _left(world: World, member: str) -> Mapping[str, int]:
    with world.database.read() as work:
        found = service.allowances(work, service.list_limits(work), member, now=world.clock.now())
    return {one.rule.id: one.left for one in found}


def _one(world: World, member: str, amount: int = 1_000, **route: str) -> Conversion | HubError:
    return world.accept(world.request(member, amount, **route))[0]


def test_one_in_thirty_days_lets_exactly_one_of_a_hundred_requests_of_a_moment_through(
    database: Database, clock: ManualClock
) -> None:
    world = World(database, clock)
    _limit(world, ONE_A_MONTH)
    member, bystander = world.member(), world.member()
    requests = [world.request(member, 500) for _ in range(100)]
    # Two processes: caches and batchers of their own.
    doors = [_door(database, one, clock) for one in (world.conversions, Conversions(CatalogueCache(), world.quoter))]
    answers: list[Conversion | HubError] = []

    threads = [
        threading.Thread(target=lambda n=n: answers.extend(doors[n % 2].submit_many(requests[n * 5 : n * 5 + 5])))
        for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(answers) == 100
    assert sum(isinstance(answer, Conversion) for answer in answers) == 1
    assert {type(answer) for answer in answers} == {Conversion, LimitReached}
    assert isinstance(_one(world, bystander), Conversion), "another member has an allowance of its own"
    world.run()
    world.require_nothing_under_way()
    world.require_books_agree()


def _door(database: Database, conversions: Conversions, clock: ManualClock) -> Batcher[Acceptance, Conversion]:
    return Batcher(database, lambda work, batch: conversions.accept(work, batch, now=clock.now()), name="accept")


def test_a_refusal_says_what_is_left_and_when_it_frees_and_then_it_does(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    _limit(world, "week,member,points,7_days,10000,out,,,UTC")
    member, start = world.member(), clock.now()
    assert isinstance(_one(world, member, 6_000), Conversion)
    clock.advance(timedelta(days=1))
    assert isinstance(_one(world, member, 3_000), Conversion)

    refused = _one(world, member, 2_000)
    exact = _one(world, member, 1_000)
    clock.advance(start + timedelta(days=7) - clock.now() - timedelta(microseconds=1))
    early = _one(world, member, 1_000)
    clock.advance(timedelta(microseconds=1))
    freed = [_one(world, member, amount) for amount in (6_000, 5)]

    assert isinstance(refused, LimitReached)
    frees = rfc3339(start + timedelta(days=7))
    assert refused.facts == {"limit": "week", "period": "7_days", "maximum": 10_000, "left": 1_000, "frees_at": frees}
    assert isinstance(exact, Conversion)
    assert isinstance(early, LimitReached)
    assert [type(answer) for answer in freed] == [Conversion, LimitReached]


def test_what_is_refused_or_voided_uses_nothing(database: Database, clock: ManualClock) -> None:
    world = World(database, clock, cap="80")
    _limit(world, "year,member,points,year,40000,out,,,UTC")
    member = world.member()

    beyond = _one(world, member, 20_000)  # beyond the partner's net debit cap
    assert not isinstance(beyond, Conversion)
    assert _left(world, member) == {"year": 40_000}
    world.partners["aerojet"].then(Reason.INSUFFICIENT_POINTS)
    assert isinstance(_one(world, member, 5_000), Conversion)
    assert _left(world, member) == {"year": 35_000}
    world.run()

    assert _left(world, member) == {"year": 40_000}


def test_routes_of_one_limit_share_it_and_others_are_free(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    both = f"{unit_of('staywell')} {unit_of('northbank')}"
    _limit(
        world,
        f"group,member,points,year,5000,out,{unit_of('aerojet')},{both},UTC",
        f"arriving,membership,conversions,day,2,in,,{unit_of('aerojet')},UTC",
        f"whole_route,route,points,day,9000,out,{unit_of('northbank')},{unit_of('staywell')},UTC",
    )
    member, other = world.member(), world.member()

    shared = [_one(world, member, 3_000, target=target) for target in ("staywell", "northbank")]
    arriving = [
        _one(world, member, 1_000, source=source, target="aerojet") for source in ("staywell",) * 2 + ("northbank",)
    ]
    route = [_one(world, one, 5_000, source="northbank") for one in (member, other)]

    assert [type(answer) for answer in shared] == [Conversion, LimitReached]
    assert [type(answer) for answer in arriving] == [Conversion, Conversion, LimitReached]
    assert [type(answer) for answer in route] == [Conversion, LimitReached]


def test_a_request_sent_again_is_answered_again_and_counts_once(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    _limit(world, ONE_A_MONTH)
    request = world.request(world.member())

    together = world.accept(request, request)
    later = world.accept(request)

    assert len({answer.id for answer in (*together, *later) if isinstance(answer, Conversion)}) == 1
    assert all(isinstance(answer, Conversion) for answer in (*together, *later))


def test_limits_change_at_once_in_every_process_and_go_on_counting(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    other = Conversions(CatalogueCache(), world.quoter)
    member = world.member()
    _limit(world, "day,member,conversions,day,1,out,,,UTC")
    assert isinstance(_one(world, member), Conversion)
    assert isinstance(_one(world, member), LimitReached)

    _limit(world, "day,member,conversions,day,2,out,,,UTC")
    request = world.request(member)
    with database.work() as work:
        raised = other.accept(work, [request], now=clock.now())
    third = _one(world, member)
    with database.work() as work:
        service.remove_limit(work, "day", actor=OPERATOR, now=clock.now())
    free = _one(world, member)

    assert [type(answer) for answer in (*raised, third, free)] == [Conversion, LimitReached, Conversion]
    with database.work() as work, pytest.raises(LimitMissing):
        service.remove_limit(work, "day", actor=OPERATOR, now=clock.now())


def test_a_broken_file_of_limits_changes_nothing_and_every_line_is_named(
    database: Database, clock: ManualClock
) -> None:
    world = World(database, clock)
    lines = ["A,member,points,day,1,out,,,UTC", "b,member,points,hour,1,out,,,UTC", "c,member,points,day,0,out,,,UTC"]
    lines += ["d,member,points,day,1,out,no.unit,,UTC", "e,member,points,day,1,out,,,Mars/Olympus", ONE_A_MONTH]

    with pytest.raises(LimitsFileInvalid) as refused:
        _limit(world, *lines)

    assert set(refused.value.facts) == {f"line_{number}" for number in range(2, 7)}
    with database.read() as work:
        assert service.list_limits(work) == []


@pytest.mark.parametrize(
    ("period", "zone", "now", "expected", "frees"),
    [
        (Period.DAY, "Asia/Jakarta", "2026-04-06T16:59:59", "2026-04-05T17:00:00", "2026-04-06T17:00:00"),
        (Period.DAY, "Asia/Jakarta", "2026-04-06T17:00:00", "2026-04-06T17:00:00", "2026-04-07T17:00:00"),
        # The day on which clocks go forward has 23 hours.
        (Period.DAY, "Europe/London", "2026-03-29T12:00:00", "2026-03-29T00:00:00", "2026-03-29T23:00:00"),
        (Period.YEAR, "America/New_York", "2027-01-01T04:59:59", "2026-01-01T05:00:00", "2027-01-01T05:00:00"),
    ],
)
def test_days_and_years_are_those_of_the_zone(period: Period, zone: str, now: str, expected: str, frees: str) -> None:
    rule = LimitRule("one", Per.MEMBER, Counts.POINTS, period, 1, Direction.OUT, (), (), zone)

    at = datetime.fromisoformat(now).replace(tzinfo=UTC)

    assert since(rule, at) == datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert frees_at(rule, at, at) == datetime.fromisoformat(frees).replace(tzinfo=UTC)
