"""Several at once over the same points, and processes that die in between: nothing moves twice, nothing is lost."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from hub.conversion.states import ConversionState
from hub.conversion.types import Acceptance, Conversion
from hub.kernel.clock import ManualClock
from hub.kernel.errors import HubError
from hub.legs.service import LEG_HOSTED
from hub.outbox import Delivery
from hub.storage import Batcher, Database, Work
from hub.worker.direct import run_due
from hub.worker.handlers import HostedLegHandler
from partners.base import Reason
from tests.conversion.world import World, unit_of
from tests.hosted.support import Cafe, rules
from tests.legs.fakes import Crash

UNIT = unit_of("staywell")
ROUNDS = 6


@pytest.fixture
def world(database: Database, clock: ManualClock) -> World:
    return World(database, clock, hosted={"staywell": rules()})


def at_once(*actions: Callable[[], object]) -> list[object]:
    """Do all of these at the same moment, each in a thread of its own; what each came to."""
    together, found = threading.Barrier(len(actions)), [object()] * len(actions)

    def run(place: int, action: Callable[[], object]) -> None:
        together.wait(timeout=60)
        found[place] = action()

    threads = [threading.Thread(target=run, args=one) for one in enumerate(actions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
        assert not thread.is_alive()
    return found


def batched(database: Database, decide: Callable[[Work], Sequence[object]]) -> Callable[[], object]:
    """One decision in a transaction that is repeated when it was raced, as every door does it."""

    def action() -> object:
        batcher: Batcher[None, object] = Batcher(database, lambda work, _: decide(work), name="race")  # type: ignore[arg-type, return-value]
        try:
            return batcher.submit_many([None])[0]
        finally:
            batcher.stop()

    return action


def accepting(world: World, request: Acceptance, now: datetime) -> Callable[[], object]:
    """Accept one request at this instant."""
    return batched(world.database, lambda work: world.conversions.accept(work, [request], now=now))


def lapsing(world: World, now: datetime) -> Callable[[], object]:
    """Let lapse what is due at this instant."""
    return batched(world.database, lambda work: [world.hosted.lapse_due(work, now=now, limit=100)])


def accepted_and_dead(world: World, request: Acceptance) -> None:
    """A process that accepts and dies before it commits."""
    with world.database.work() as work:
        world.conversions.accept(work, [request], now=world.clock.now())
        raise Crash


def granted(found: Sequence[object]) -> int:
    return sum(not isinstance(one, HubError) for one in found)


def test_conversions_and_purchases_over_one_balance_never_take_more_than_there_is(world: World) -> None:
    for _ in range(ROUNDS):
        member = world.member()
        world.points("earn", member, "staywell", 3_000)
        requests = [world.request(member, 1_000, source="staywell", target="aerojet") for _ in range(5)]

        found = at_once(*(accepting(world, request, world.clock.now()) for request in requests))

        assert granted(found) == 3
        assert {one.code for one in found if isinstance(one, HubError)} == {"insufficient_points"}
        assert world.kept(member, "staywell").available == 0
    world.run()
    assert world.partners["aerojet"].total() == ROUNDS * 3 * 400
    world.require_nothing_under_way()


def test_points_either_lapse_or_are_converted(world: World) -> None:
    taken = lapsed = 0
    for _ in range(ROUNDS):
        member = world.member()
        world.points("earn", member, "staywell", 1_000)
        request = world.request(member, 1_000, source="staywell", target="aerojet")
        [lot] = world.kept(member, "staywell").lots
        assert lot.expires_at is not None
        before, after = world.clock.now(), lot.expires_at + timedelta(seconds=1)

        found, done = at_once(accepting(world, request, before), lapsing(world, after))

        taken += isinstance(found, Conversion)
        lapsed += done.points  # type: ignore[attr-defined]
        assert world.differences() == []
    assert taken * 1_000 + lapsed == ROUNDS * 1_000
    world.run()
    world.require_nothing_under_way()


def test_a_conversion_is_taken_back_once_however_many_ask_at_the_same_time(world: World) -> None:
    for _ in range(ROUNDS):
        member = world.member()
        world.points("earn", member, "staywell", 1_000)
        conversion = world.convert(1_000, source="staywell", target="aerojet", member=member)
        world.run()

        found = at_once(*([partial(world.reverse, conversion, None)] * 4))
        world.run()

        assert granted(found) == 1
        assert world.kept(member, "staywell").balance == 1_000
    world.require_nothing_under_way()


def test_a_leg_that_two_workers_get_at_the_same_time_is_ended_once(world: World) -> None:
    for _ in range(ROUNDS):
        member = world.member()
        conversion = world.convert(10_000, member=member)
        run_due(world.database, world.handlers, world.clock.now(), 256)  # the miles leave; the points are next
        legs = [world.leg_of(conversion, "credit")]

        def settle(work: Work, legs: list[str] = legs) -> list[None]:
            world.conversions.settle_hosted(work, legs, now=world.clock.now())
            return [None]

        at_once(*(batched(world.database, settle) for _ in range(3)))
        world.run()

        assert world.state(conversion) is ConversionState.POSTED
        assert world.kept(member, "staywell").balance == 4_000
    world.require_nothing_under_way()


@pytest.mark.parametrize(
    ("role", "refused", "balance"), [("debit", False, 0), ("credit", False, 1_400), ("giveback", True, 1_000)]
)
def test_a_process_that_dies_before_it_commits_leaves_nothing_behind(
    world: World, role: str, refused: bool, balance: int
) -> None:
    member = world.member()
    world.points("earn", member, "staywell", 1_000)
    ends = ("aerojet", "staywell") if role == "credit" else ("staywell", "aerojet")
    request = world.request(member, 1_000, source=ends[0], target=ends[1])
    with pytest.raises(Crash):
        accepted_and_dead(world, request)
    assert world.kept(member, "staywell").held == 0
    if refused:
        world.partners["aerojet"].then(Reason.LIMIT_REACHED)
    [conversion] = world.accept(request)
    assert isinstance(conversion, Conversion)
    handler = world.handlers[LEG_HOSTED]
    assert isinstance(handler, HostedLegHandler)
    deaths: list[str] = []

    def dying(delivery: Delivery) -> None:
        with world.database.read() as work:
            [[what]] = work.fetch("SELECT role FROM leg WHERE id = %s", (delivery.subject,))
        if what == role and what not in deaths:
            deaths.append(what)
            with world.database.work() as work:
                handler.settle(work, [delivery])
                raise Crash
        handler(delivery)

    world.handlers = {**world.handlers, LEG_HOSTED: dying}
    with pytest.raises(Crash):
        world.run()
    assert world.differences() == []
    world.run(hours=1)

    assert deaths == [role]
    assert world.state(conversion) is (ConversionState.VOIDED if refused else ConversionState.POSTED)
    assert world.kept(member, "staywell").balance == balance
    world.require_nothing_under_way()


def test_a_run_that_is_killed_goes_on_where_it_was(database: Database, clock: ManualClock) -> None:
    cafe = Cafe(database, clock)
    members = [cafe.member(10, 20, 30) for _ in range(40)]
    clock.advance(timedelta(days=400))
    command = [sys.executable, "-m", "tests.hosted.victim", database.url, clock.now().isoformat()]

    def lapsed() -> int:
        with database.read() as work:
            return int(work.fetch("SELECT count(*) FROM hosted_lot_move WHERE kind = 'lapse'")[0][0])

    victim = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    try:
        while lapsed() == 0:
            assert victim.poll() is None, "it ended before it could be killed"
            time.sleep(0.01)
    finally:
        victim.kill()
        victim.wait()
    first = lapsed()
    rest = cafe.lapse()

    assert first > 0
    assert rest == len(members) * 60 - first * 20
    assert lapsed() == len(members) * 3
    assert cafe.differences() == []
