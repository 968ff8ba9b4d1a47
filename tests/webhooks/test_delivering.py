"""Events reach endpoints at least once under one id, on the exact schedule, and no endpoint holds up another."""

import json
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from hub import outbox
from hub.outbox import Delivery
from hub.storage import Work
from hub.webhooks import endpoints
from hub.webhooks.backoff import ATTEMPTS_MAX, SCHEDULE, next_wait, rest, retry_after
from hub.webhooks.numbering import due_message, number_announced
from hub.webhooks.releasing import release
from hub.webhooks.standing import HOST_MAX, OPENING_MAX, SICK_MAX
from hub.webhooks.types import Dispatch, Sent
from tests.conftest import START
from tests.webhooks.world import Request, World

REFUSED = Sent("refused", 500, "500 Internal Server Error")
DELIVERED = Sent("delivered", 204, "204 No Content")


def test_an_event_arrives_signed_with_everything_the_log_shows(world: World) -> None:
    world.endpoint()
    world.happen("cnv_1")

    world.carry()

    (request,) = world.wire.sent
    event = json.loads(request.body)
    assert request.headers["webhook-id"] == event["id"]
    assert request.headers["webhook-timestamp"] == str(int(START.timestamp()))
    assert (event["type"], event["subject"], event["sequence"], event["live"]) == (
        "conversion.posted", "cnv_1", 1, False,
    )  # fmt: skip
    with world.database.read() as work:
        attempt = work.fetch("SELECT number, url, status, outcome, response, request FROM webhook_attempt")
    assert attempt[0][:5] == (1, "https://partner.example/hooks", 204, "delivered", "204 No Content")
    assert f"webhook-id: {event['id']}" in attempt[0][5]
    assert "webhook-signature" not in attempt[0][5]
    assert world.states() == [("delivered", 1)]


def test_each_endpoint_gets_what_it_wants_and_nothing_of_others(world: World) -> None:
    world.endpoint(url="https://one.example/")
    world.endpoint(url="https://two.example/", types=("conversion.voided",))
    world.endpoint("staywell", url="https://three.example/")
    world.endpoint("northbank", url="https://four.example/")

    world.happen("cnv_1")
    world.happen("cnv_2", type="conversion.voided")
    world.carry()

    urls = sorted((request.url, json.loads(request.body)["subject"]) for request in world.wire.sent)
    assert urls == [
        ("https://one.example/", "cnv_1"),
        ("https://one.example/", "cnv_2"),
        ("https://two.example/", "cnv_2"),
    ]


def test_the_schedule_is_exact_and_ends_in_a_dead_letter(world: World) -> None:
    world.endpoint()
    world.wire.answer = lambda _: REFUSED
    world.happen("cnv_1")

    world.pass_time(timedelta(days=4))

    waits = [after.at - before.at for before, after in pairwise(world.wire.sent)]
    assert waits == list(SCHEDULE)
    assert sum(waits, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)
    assert world.states() == [("exhausted", ATTEMPTS_MAX)]
    assert len({request.headers["webhook-id"] for request in world.wire.sent}) == 1
    stamps = [int(request.headers["webhook-timestamp"]) for request in world.wire.sent]
    assert stamps == [int(request.at.timestamp()) for request in world.wire.sent], "each attempt is signed anew"


def test_jitter_only_adds_up_to_a_tenth() -> None:
    for failed, wait in enumerate(SCHEDULE, 1):
        assert next_wait(failed, lambda below: 0) == wait
        assert next_wait(failed, lambda below: below - 1) == wait + wait / 10
    assert next_wait(len(SCHEDULE) + 1, lambda below: 0) is None


def test_an_endpoint_rests_less_than_one_delivery_waits() -> None:
    assert [rest(one).seconds for one in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert all(rest(failed) < wait for failed, wait in enumerate(SCHEDULE, 1))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        ("Mon, 06 Apr 2026 09:02:00 GMT", 120),
        ("99999999", 86_400),
        ("0", None),
        ("Mon, 06 Apr 2026 08:00:00 GMT", None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1e3", None),
        ("9" * 400, None),
    ],
)
def test_what_retry_after_asks_for(text: str, seconds: int | None) -> None:
    asked = retry_after(text, START)

    assert asked == (None if seconds is None else START + timedelta(seconds=seconds))


def test_retry_after_is_honoured_by_everything_for_that_endpoint(world: World) -> None:
    world.endpoint()
    world.wire.answer = lambda request: Sent("refused", 429, "", "600") if len(world.wire.sent) == 1 else DELIVERED
    world.happen("cnv_1")
    world.carry()
    world.happen("cnv_2")

    world.pass_time(timedelta(seconds=599))
    early = len(world.wire.sent)
    world.pass_time(timedelta(seconds=10))

    assert early == 1
    assert sorted(world.states()) == [("delivered", 1), ("delivered", 2)]


def test_gone_disables_at_once_and_tells_the_partners_other_endpoint(world: World) -> None:
    gone = world.endpoint(url="https://gone.example/")
    world.endpoint(url="https://other.example/", types=("webhook.endpoint_disabled",))
    world.wire.answer = lambda request: Sent("gone", 410) if "gone" in request.url else DELIVERED
    world.happen("cnv_1")
    world.carry()

    world.happen("cnv_2")
    world.pass_time(timedelta(days=1))

    assert world.standing(gone)[:2] == ("disabled", "gone")
    assert [request.url for request in world.wire.sent] == ["https://gone.example/", "https://other.example/"]
    notice = json.loads(world.wire.sent[1].body)
    assert (notice["type"], notice["data"]) == ("webhook.endpoint_disabled", {"endpoint": gone, "reason": "gone"})


def test_five_days_of_nothing_but_failure_disable_with_a_notice_and_an_entry_in_the_audit(world: World) -> None:
    failing = world.endpoint()
    world.wire.answer = lambda _: REFUSED

    for day in range(6):
        world.happen(f"cnv_{day}")
        world.pass_time(timedelta(days=1))
        if day == 4:
            early = world.standing(failing)[0]

    assert early == "active"
    assert world.standing(failing)[:2] == ("disabled", "failing")
    assert {state for state, _ in world.states()} == {"exhausted"}
    with world.database.read() as work:
        actions = work.fetch("SELECT actor, action FROM audit_entry ORDER BY number DESC LIMIT 1")
        noticed = work.fetch("SELECT data ->> 'reason' FROM webhook_event WHERE type = 'webhook.endpoint_disabled'")
    assert actions == [("hub", "webhook.endpoint_disabled")]
    assert noticed == [("failing",)]


def test_one_success_in_between_starts_the_days_anew(world: World) -> None:
    failing = world.endpoint()
    world.wire.answer = lambda request: DELIVERED if b"cnv_3" in request.body else REFUSED

    for day in range(6):
        world.happen(f"cnv_{day}")
        world.pass_time(timedelta(days=1))

    assert world.standing(failing)[0] == "active"


def test_what_is_kept_while_paused_goes_out_in_order_once_resumed(world: World) -> None:
    endpoint = world.endpoint()
    with world.database.work() as work:
        endpoints.pause_endpoint(work, endpoint, actor="operator:maya", now=START)
    world.happen(*(f"cnv_{number}" for number in range(5)))
    world.pass_time(timedelta(days=1))
    before = len(world.wire.sent)

    with world.database.work() as work:
        endpoints.resume_endpoint(work, endpoint, actor="operator:maya", now=world.clock.now())
    with world.database.work() as work:
        release(work, [endpoint], now=world.clock.now())
    world.pass_time(timedelta(seconds=10))

    assert before == 0
    assert [json.loads(one.body)["subject"] for one in world.wire.sent] == [f"cnv_{number}" for number in range(5)]


def test_a_dead_endpoint_is_tried_one_at_a_time_with_rests_and_others_are_not_delayed(world: World) -> None:
    dead = world.endpoint(url="https://dead.example/")
    world.endpoint(url="https://well.example/")
    world.wire.answer = lambda request: Sent("timeout") if "dead" in request.url else DELIVERED
    world.happen(*(f"cnv_{number:03}" for number in range(100)))

    world.carry()  # one instant: no time passes

    urls = [request.url for request in world.wire.sent]
    assert urls.count("https://well.example/") == 100
    assert urls.count("https://dead.example/") <= 2
    assert world.standing(dead)[2] == 1
    assert [state for state, _ in world.states()].count("parked") >= 98


def begun_at_once(world: World) -> list[str]:
    """Addresses of what would be under way at this instant if nothing were ever answered."""
    found: list[str] = []
    for _ in range(50):
        with world.database.work() as work:
            messages: list[Delivery] = outbox.claim(
                work, queues=["webhooks"], rows_max=256, lane_max=24, lease_seconds=60, now=world.clock.now()
            )
        for message in messages:
            if message.kind != "webhook.due":
                world.handlers[message.kind](message)
        due = [message for message in messages if message.kind == "webhook.due"]
        with world.database.work() as work:
            begun = world.deliveries.begin(work, due, now=world.clock.now())
        found += [one.url for one in begun if one is not None]
    return found


def test_endpoints_that_hang_take_a_bounded_share_however_many_there_are(world: World) -> None:
    for number in range(18):
        world.endpoint(url=f"https://sick{number}.example/")
    for number in range(18):
        world.endpoint("staywell", url=f"https://sick{number}.other.example/")
    world.endpoint("northbank", url="https://well.example/")
    with world.database.work() as work:
        work.run("UPDATE webhook_endpoint SET failures = 1, opening = 1 WHERE position('sick' IN url) > 0")
        work.run("UPDATE webhook_endpoint SET opening = 24 WHERE position('well' IN url) > 0")
    world.happen(*(f"cnv_{number:03}" for number in range(30)))
    world.happen(*(f"cnv_{number:03}" for number in range(30)), partner="staywell")
    world.happen(*(f"cnv_{number:03}" for number in range(30)), partner="northbank")

    begun = begun_at_once(world)

    assert sum("sick" in url for url in begun) == SICK_MAX
    assert begun.count("https://well.example/") == OPENING_MAX, "its whole opening, whatever the others do"


def test_one_host_gets_no_more_than_its_share_however_many_endpoints_it_has(world: World) -> None:
    for number in range(10):
        world.endpoint(url=f"https://host.example/{number}")
    with world.database.work() as work:
        work.run("UPDATE webhook_endpoint SET opening = 24")
    world.happen(*(f"cnv_{number:03}" for number in range(20)))

    assert len(begun_at_once(world)) == HOST_MAX


def test_the_opening_grows_while_answers_are_fast_and_closes_when_they_are_slow(world: World) -> None:
    ticks = iter(lambda: 0, 1)
    world.deliveries._milliseconds = lambda: next(ticks)
    endpoint = world.endpoint()
    world.happen("cnv_1", "cnv_2", "cnv_3")
    world.carry()
    grown = world.standing(endpoint)[2]

    ticks = iter(range(0, 10**6, 6_000))
    world.happen("cnv_4", "cnv_5")
    world.carry()
    slow = len(world.wire.sent)
    world.pass_time(timedelta(seconds=7))

    assert (slow, len(world.wire.sent)) == (4, 5), "after a slow answer it rests for as long"
    assert grown == 4
    assert world.standing(endpoint)[2] == 1


def test_a_rate_limit_spreads_what_waits(world: World) -> None:
    world.endpoint(rate_per_second=2)
    world.happen(*(f"cnv_{number:03}" for number in range(20)))

    world.pass_time(timedelta(seconds=30))

    times = [(request.at - START).total_seconds() for request in world.wire.sent]
    assert len(times) == 20
    for start in range(12):
        assert sum(start <= one < start + 1 for one in times) <= 3
    assert times[-1] >= 8.5


def test_an_ordered_endpoint_holds_back_what_follows_a_failure_of_the_same_subject_only(world: World) -> None:
    world.endpoint(fifo=True)
    failing = True

    def answer(request: Request) -> Sent:
        event = json.loads(request.body)
        return REFUSED if failing and event["subject"] == "cnv_1" else DELIVERED

    world.wire.answer = answer
    world.happen("cnv_1", "cnv_2", "cnv_1", "cnv_2", "cnv_1")
    world.pass_time(timedelta(minutes=4))
    world.happen("cnv_2", "cnv_1")
    world.pass_time(timedelta(seconds=20))
    held = [(json.loads(one.body)["subject"], json.loads(one.body)["sequence"]) for one in world.wire.sent]
    failing = False
    world.pass_time(timedelta(hours=1))
    told = [(json.loads(one.body)["subject"], json.loads(one.body)["sequence"]) for one in world.wire.sent]

    assert {one for one in held if one[0] == "cnv_1"} == {("cnv_1", 1)}
    assert [one for one in told if one[0] == "cnv_2"] == [("cnv_2", 1), ("cnv_2", 2), ("cnv_2", 3)]
    assert list(dict.fromkeys(one for one in told if one[0] == "cnv_1")) == [("cnv_1", one) for one in (1, 2, 3, 4)]
    assert {state for state, _ in world.states()} == {"delivered"}


class Crash(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("where", ["before begin", "before sending", "after sending", "before finish"])
def test_a_crash_anywhere_is_made_up_for_under_the_same_id(world: World, where: str) -> None:
    world.endpoint()
    world.happen("cnv_1")
    handler = world.handlers["webhook.due"]
    crashes, turns = iter([True]), iter([where == "before begin", True])
    turn = world.deliveries.turn

    def crash(*_: object) -> Sent:
        raise Crash

    def turn_or_crash(work: Work, *arguments: Any, now: datetime) -> list[Dispatch | None]:
        if next(turns):
            raise Crash
        return turn(work, *arguments, now=now)

    def sometimes(request: Request) -> Sent:
        if next(crashes, False):
            raise Crash
        return DELIVERED

    if where == "after sending":
        world.wire.answer = sometimes
    real = {"before begin": "turn", "before sending": "perform", "before finish": "turn"}.get(where)
    kept = getattr(world.deliveries, real) if real else None
    if real:
        setattr(world.deliveries, real, turn_or_crash if real == "turn" else crash)
    with pytest.raises(Crash):
        world.carry()
    if real:
        setattr(world.deliveries, real, kept)
    assert world.handlers["webhook.due"] is handler

    world.pass_time(timedelta(minutes=3))

    assert world.states()[0][0] == "delivered"
    assert len({request.headers["webhook-id"] for request in world.wire.sent}) == 1
    assert len(world.wire.sent) <= 2


def test_a_message_that_comes_twice_is_sent_once(world: World) -> None:
    endpoint = world.endpoint()
    world.happen("cnv_1")
    with world.database.work() as work:
        number_announced(work, now=world.clock.now())
        (delivery,) = work.fetch("SELECT id FROM webhook_delivery")[0]
        outbox.announce(work, [due_message(delivery, endpoint)] * 3, now=world.clock.now())

    world.pass_time(timedelta(minutes=5))

    assert len(world.wire.sent) == 1
    with world.database.read() as work:
        assert work.fetch("SELECT count(*) FROM outbox_message WHERE state <> 'done'") == [(0,)]


def test_a_removed_endpoint_gets_nothing_and_its_log_stays(world: World) -> None:
    endpoint = world.endpoint()
    world.wire.answer = lambda _: REFUSED
    world.happen("cnv_1")
    world.carry()

    with world.database.work() as work:
        endpoints.remove_endpoint(work, endpoint, actor="operator:maya", now=world.clock.now())
    world.pass_time(timedelta(days=1))

    assert len(world.wire.sent) == 1
    assert world.states() == [("exhausted", 1)]
