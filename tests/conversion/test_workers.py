"""Two workers with many threads each on one database, and partners that lose answers: nothing lost or doubled."""

import threading

import pytest

from hub.conversion.states import ConversionState
from hub.kernel.clock import ManualClock
from hub.legs.service import Legs
from hub.storage import Database
from hub.worker.direct import run_due
from hub.worker.handlers import make_handlers
from partners.base import Reason
from tests.conversion.world import VAULT, World


@pytest.fixture
def world(database: Database, clock: ManualClock) -> World:
    return World(database, clock)


def test_two_workers_at_once_end_everything_once(world: World) -> None:
    made = [
        world.convert(100 + number, source="aerojet" if number % 2 else "staywell", target="northbank")
        for number in range(40)
    ]
    world.partners["aerojet"].then("deaf", "lost", "ok", Reason.MEMBER_BLOCKED, "odd", "deaf")
    world.partners["northbank"].then("lost", "deaf", Reason.MEMBER_CLOSED, "ok", "deaf", Reason.LIMIT_REACHED)
    other = make_handlers(
        world.database, VAULT, Legs(world.directory, milliseconds=lambda: 0), world.conversions, world.clock
    )
    faults: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for _ in range(40):
                run_due(world.database, other if number % 2 else world.handlers, world.clock.now(), 4)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    world.run(hours=2)

    assert faults == []
    assert {world.state(one) for one in made} <= {ConversionState.POSTED, ConversionState.VOIDED}
    for partner in world.partners.values():
        assert set(partner.effects.values()) <= {1}
    world.require_nothing_under_way()
    world.require_books_agree()
