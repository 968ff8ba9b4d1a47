"""After an outage an endpoint asks for what it missed, and gets it: in order, under the same ids, once in effect."""

import json
from collections import Counter
from datetime import timedelta
from typing import Any

from hub.webhooks import endpoints
from hub.webhooks.log import DeliveriesSought, attempts, forget_deliveries, list_deliveries
from hub.webhooks.releasing import release
from hub.webhooks.replaying import REPLAY_EVENTS_MAX, replay
from hub.webhooks.types import Replayed, Replaying, Sent
from tests.conftest import START
from tests.webhooks.world import Request, World

DOWN = Sent("unreachable")
UP = Sent("delivered", 204)


class Ledger:
    """A receiver as the documentation tells it to be: it acts once on an id."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.effects: Counter[tuple[str, int]] = Counter()
        self.order: dict[str, list[int]] = {}
        self.is_up = True

    def __call__(self, request: Request) -> Sent:
        if not self.is_up:
            return DOWN
        event: dict[str, Any] = json.loads(request.body)
        assert request.headers["webhook-id"] == event["id"]
        if event["id"] not in self.seen:
            self.seen.add(event["id"])
            self.effects[(event["subject"], event["sequence"])] += 1
            self.order.setdefault(event["subject"], []).append(event["sequence"])
        return UP


def ask(world: World, endpoint: str, asked: Replaying) -> Replayed:
    with world.database.work() as work:
        return replay(work, endpoint, asked, now=world.clock.now())


def test_two_days_of_outage_are_caught_up_with_in_sequence_and_nothing_takes_effect_twice(world: World) -> None:
    ledger = Ledger()
    world.wire.answer = ledger
    endpoint = world.endpoint(fifo=True)
    subjects = [f"cnv_{number}" for number in range(6)]
    world.happen(*subjects)
    world.pass_time(timedelta(hours=1))

    ledger.is_up = False
    down_since = world.clock.now()
    for _ in range(8):
        world.happen(*subjects)
        world.pass_time(timedelta(hours=6))
    ledger.is_up = True
    before = sum(ledger.effects.values())
    answered = ask(world, endpoint, Replaying(since=down_since - timedelta(hours=2)))
    world.pass_time(timedelta(minutes=10))
    ask(world, endpoint, Replaying(since=START - timedelta(days=1), all=True))
    world.pass_time(timedelta(minutes=10))

    assert before == 6
    assert answered == Replayed(48, None)
    assert world.standing(endpoint)[0] == "active"
    assert ledger.order == {subject: list(range(1, 10)) for subject in subjects}
    assert set(ledger.effects.values()) == {1}
    assert {state for state, _ in world.states()} == {"delivered"}


def test_what_happened_while_an_endpoint_was_disabled_or_not_there_is_replayed_too(world: World) -> None:
    ledger = Ledger()
    world.wire.answer = ledger
    world.happen("cnv_1")
    world.carry()
    endpoint = world.endpoint(types=("conversion.posted",))
    with world.database.work() as work:
        endpoints.disable_endpoint(work, endpoint, reason="flood", actor="operator:maya", now=world.clock.now())
    world.happen("cnv_2")
    world.happen("cnv_3", type="conversion.voided")
    world.happen("cnv_4", partner="staywell")
    world.carry()

    with world.database.work() as work:
        endpoints.resume_endpoint(work, endpoint, actor="operator:maya", now=world.clock.now())
    answered = ask(world, endpoint, Replaying(since=START))
    world.pass_time(timedelta(seconds=5))

    assert answered.count == 2
    assert list(ledger.order) == ["cnv_1", "cnv_2"]


def test_a_replay_of_what_is_missing_leaves_out_what_has_arrived_and_a_time_bounds_it(world: World) -> None:
    ledger = Ledger()
    world.wire.answer = ledger
    endpoint, other = world.endpoint(), world.endpoint(types=("webhook.endpoint_disabled",))
    with world.database.work() as work:
        endpoints.send_test(work, other, now=world.clock.now() - timedelta(days=2))
    world.carry()
    world.wire.sent.clear()
    for day in range(3):
        world.happen(f"cnv_{day}")
        world.pass_time(timedelta(days=1))

    missing = ask(world, endpoint, Replaying(since=START))
    middle = ask(world, endpoint, Replaying(since=START + timedelta(days=1), until=START + timedelta(days=2), all=True))
    world.pass_time(timedelta(seconds=5))

    assert (missing.count, middle.count) == (0, 1)
    subjects = [json.loads(one.body)["subject"] for one in world.wire.sent]
    assert subjects == ["cnv_0", "cnv_1", "cnv_2", "cnv_1"]
    assert set(ledger.effects.values()) == {1}


def test_a_long_replay_goes_on_after_where_it_stopped(world: World) -> None:
    ledger = Ledger()
    world.wire.answer = ledger
    many = [f"cnv_{number:04}" for number in range(REPLAY_EVENTS_MAX + 5)]
    world.happen(*many)
    world.carry()
    endpoint = world.endpoint()

    first = ask(world, endpoint, Replaying(since=START))
    assert first.next_after is not None
    second = ask(world, endpoint, Replaying(since=START, after=first.next_after))

    assert (first.count, second) == (REPLAY_EVENTS_MAX, Replayed(5, None))


def test_what_is_under_way_is_not_sent_a_second_time_by_a_replay(world: World) -> None:
    endpoint = world.endpoint()
    replays: list[Replayed] = []

    def answer(_: Request) -> Sent:
        replays.append(ask(world, endpoint, Replaying(since=START, all=True)))
        return UP

    world.wire.answer = answer
    world.happen("cnv_1")
    world.pass_time(timedelta(minutes=5))

    assert replays == [Replayed(0, None)]
    assert world.states() == [("delivered", 1)]


def test_old_deliveries_are_forgotten_with_their_attempts_and_new_ones_are_not(world: World) -> None:
    world.endpoint()
    world.happen("cnv_1")
    world.carry()
    world.clock.advance(timedelta(days=90))
    world.happen("cnv_2")
    world.carry()

    with world.database.work() as work:
        forgotten = forget_deliveries(work, before=world.clock.now() - timedelta(days=90, seconds=-1), rows_max=100)
        kept = list_deliveries(work, DeliveriesSought(live=False), after=None, limit=10)
        logged = attempts(work, kept[0].id)
        whole = work.fetch("SELECT count(*) FROM webhook_attempt")

    assert forgotten == 1
    assert [one.subject for one in kept] == ["cnv_2"]
    assert (len(logged), whole) == (1, [(1,)])


def test_a_paused_endpoint_keeps_its_replay_until_it_is_resumed(world: World) -> None:
    endpoint = world.endpoint()
    world.happen("cnv_1")
    world.carry()
    with world.database.work() as work:
        endpoints.pause_endpoint(work, endpoint, actor="operator:maya", now=world.clock.now())
    ask(world, endpoint, Replaying(since=START, all=True))
    world.pass_time(timedelta(hours=1))
    kept = len(world.wire.sent)

    with world.database.work() as work:
        endpoints.resume_endpoint(work, endpoint, actor="operator:maya", now=world.clock.now())
        release(work, [endpoint], now=world.clock.now())
    world.pass_time(timedelta(seconds=5))

    assert (kept, len(world.wire.sent)) == (1, 2)
