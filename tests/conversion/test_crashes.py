"""A process that dies between any two steps, and messages that come twice: the conversion still ends once."""

from collections.abc import Callable

import pytest

from hub import outbox
from hub.conversion.states import ConversionState
from hub.conversion.types import Conversion
from hub.kernel.clock import ManualClock
from hub.kernel.limits import OUTBOX_LEASE_SECONDS
from hub.legs.types import Answer, Step
from hub.outbox import Delivery
from hub.storage import Database
from hub.worker.handlers import Answered, LegHandler
from partners.base import Reason
from tests.conversion.world import World
from tests.legs.fakes import Crash

STEPS = ("before_begin", "after_begin", "in_call", "after_call", "after_finish")


class Dying:
    """The leg handler, in pieces, that dies once at a step of the n-th leg it handles."""

    def __init__(self, world: World, step: str, leg: int) -> None:
        self.world = world
        self.step = step
        self.leg = leg
        self.seen = 0
        self.pieces = LegHandler(world.database, world.legs, world.conversions, world.clock)

    def __call__(self, delivery: Delivery) -> None:
        self.seen += 1
        self._die("before_begin")
        with self.world.database.work() as work:
            step = self.pieces.begin(work, [delivery])[0]
        self._die("after_begin")
        if not isinstance(step, Step):
            return
        if self.step == "in_call" and self.seen == self.leg:
            self.world.partners[step.partner].then("crash")
        answer = self.world.legs.perform(step)
        self._die("after_call")
        self._finish(delivery, answer)
        self._die("after_finish")

    def _finish(self, delivery: Delivery, answer: Answer) -> None:
        with self.world.database.work() as work:
            self.pieces.finish(work, [Answered(delivery, answer)])

    def _die(self, step: str) -> None:
        if self.step == step and self.seen == self.leg:
            raise Crash


@pytest.fixture
def world(database: Database, clock: ManualClock) -> World:
    return World(database, clock)


def _run_with_crash(world: World, step: str, leg: int) -> None:
    whole = world.handlers
    world.handlers = {"leg.due": Dying(world, step, leg)}
    with pytest.raises(Crash):
        world.run(hours=1)
    # Another process takes over: it knows what was committed, and nothing else.
    world.handlers = whole
    world.run(hours=2)


@pytest.mark.parametrize("leg", [1, 2])
@pytest.mark.parametrize("step", STEPS)
def test_a_crash_at_any_step_of_either_leg_ends_once(world: World, step: str, leg: int) -> None:
    conversion = world.convert()

    _run_with_crash(world, step, leg)

    assert world.state(conversion) is ConversionState.POSTED
    for partner in world.partners.values():
        assert set(partner.effects.values()) <= {1}
    world.require_nothing_under_way()
    world.require_books_agree()


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_at_any_step_of_the_give_back_ends_once(world: World, step: str) -> None:
    conversion = world.convert()
    world.partners["staywell"].then(Reason.MEMBER_BLOCKED)

    _run_with_crash(world, step, leg=3)

    assert world.state(conversion) is ConversionState.VOIDED
    assert world.partners["aerojet"].total() == 0
    world.require_nothing_under_way()
    world.require_books_agree()


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_at_a_partner_without_keys_ends_with_a_person_or_once(world: World, step: str) -> None:
    world.set_profile("aerojet", keys=False)
    conversion = world.convert()

    _run_with_crash(world, step, leg=1)

    calls = [verb for verb, _ in world.partners["aerojet"].calls]
    assert calls in ([], ["debit"])
    if world.state(conversion) is not ConversionState.POSTED:
        assert world.get(conversion).ball == "person"
        assert [kind for _, kind in world.cases()] == ["by_hand"]
    assert world.differences() == []


def _deliveries(world: World) -> list[Delivery]:
    with world.database.work() as work:
        return outbox.claim(
            work,
            queues=["legs"],
            rows_max=10,
            lane_max=10,
            lease_seconds=OUTBOX_LEASE_SECONDS,
            now=world.clock.now(),
        )


def _handled(world: World, conversion: Conversion, again: Callable[[Delivery], None]) -> None:
    for _ in range(4):
        for delivery in _deliveries(world):
            again(delivery)


@pytest.mark.parametrize("copies", [2, 5])
def test_messages_delivered_many_times_take_effect_once(world: World, copies: int) -> None:
    conversion = world.convert()
    handler = world.handlers["leg.due"]

    def again(delivery: Delivery) -> None:
        for _ in range(copies):
            handler(delivery)

    _handled(world, conversion, again)

    assert world.state(conversion) is ConversionState.POSTED
    assert {partner: len(one.calls) for partner, one in world.partners.items()} == {
        "aerojet": 1,
        "staywell": 1,
        "northbank": 0,
    }
    world.require_nothing_under_way()


def test_one_message_twice_in_a_batch_is_performed_once(world: World) -> None:
    world.convert()
    delivery = _deliveries(world)[0]
    pieces = LegHandler(world.database, world.legs, world.conversions, world.clock)

    with world.database.work() as work:
        steps = pieces.begin(work, [delivery, delivery])

    assert [isinstance(step, Step) for step in steps] == [True, False]


def test_an_old_answer_after_the_conversion_went_on_changes_nothing(world: World) -> None:
    conversion = world.convert()
    pieces = LegHandler(world.database, world.legs, world.conversions, world.clock)
    delivery = _deliveries(world)[0]
    with world.database.work() as work:
        step = pieces.begin(work, [delivery])[0]
    assert isinstance(step, Step)
    answer = world.legs.perform(step)
    world.run(hours=1)
    before = world.get(conversion)

    with world.database.work() as work:
        pieces.finish(work, [Answered(delivery, answer)])

    assert world.get(conversion) == before
    assert before.state is ConversionState.POSTED
    assert world.cases() == []
