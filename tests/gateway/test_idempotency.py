"""One answer for one key: between threads, between processes, and while the first is still being decided."""

import threading
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from hub.conversion.accepting import Groundwork
from hub.conversion.types import Acceptance
from hub.gateway.idempotency import InFlight, forget_old_answers
from hub.storage import Work
from tests.conftest import START
from tests.gateway.contract_client import World


class Slow:
    """Conversions whose accepting waits at a gate, inside its transaction."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self.gate = threading.Event()
        self.reached = threading.Event()

    def lay_ground(self, work: Work, requests: Sequence[Acceptance]) -> Groundwork:
        return self.real.lay_ground(work, requests)

    def accept(
        self, work: Work, requests: Sequence[Acceptance], *, now: datetime, ground: Groundwork | None = None
    ) -> Any:
        """As the real one, later."""
        self.reached.set()
        self.gate.wait(30)
        return self.real.accept(work, requests, now=now, ground=ground)


def in_threads(calls: list[Any]) -> list[Any]:
    answers: list[Any] = [None] * len(calls)

    def run(index: int) -> None:
        answers[index] = calls[index]()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers


def test_many_threads_with_one_key_make_one_conversion(world: World) -> None:
    body = {"quote": world.quote(), "member": world.member}

    answers = in_threads([lambda: world.post("/v1/conversions", body, key="one")] * 12)

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.get_data() for answer in answers}) == 1
    assert [answer.headers.get("Idempotency-Replayed") for answer in answers].count(None) == 1
    assert world.count("conversion") == 1


def test_two_processes_with_one_key_make_one_conversion(world: World) -> None:
    other = world.restarted()
    for number in range(5):
        body = {"quote": world.quote(), "member": world.member}
        key = f"key-{number}"

        calls = [lambda at=at: at.post("/v1/conversions", body, key=key) for at in (world, other) * 3]  # noqa: B023
        answers = in_threads(calls)

        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.get_data() for answer in answers}) == 1
        assert world.count("conversion") == number + 1


def test_two_processes_with_one_key_and_other_content_decide_one_of_them(world: World) -> None:
    other = world.restarted()
    bodies = [{"quote": world.quote(), "member": world.member} for _ in range(2)]

    answers = in_threads(
        [
            lambda at=at, body=body: at.post("/v1/conversions", body, key="one")
            for at, body in zip((world, other), bodies, strict=True)
        ]
    )

    assert sorted(answer.status_code for answer in answers) == [202, 422]
    assert world.count("conversion") == 1


def test_while_the_first_is_decided_in_another_process_the_second_waits_and_is_replayed(world: World) -> None:
    slow = Slow(world.services.conversions)
    other = world.restarted(conversions=slow)
    body = {"quote": world.quote(), "member": world.member}
    answers: list[Any] = []
    first = threading.Thread(target=lambda: answers.append(other.post("/v1/conversions", body, key="one")))
    first.start()
    slow.reached.wait(10)

    # Here the first one has not written anything yet; whichever commits first is the first, and the other replays it.
    second = world.post("/v1/conversions", body, key="one")
    slow.gate.set()
    first.join(30)

    assert second.status_code == answers[0].status_code == 202
    assert second.get_data() == answers[0].get_data()
    assert answers[0].headers["Idempotency-Replayed"] == "true"
    assert world.count("conversion") == 1


def test_a_second_request_waits_for_two_seconds_and_is_told_to_come_back(world: World) -> None:
    slow = Slow(world.services.conversions)
    busy = world.restarted(conversions=slow)
    body = {"quote": world.quote(), "member": world.member}
    first = threading.Thread(target=lambda: busy.post("/v1/conversions", body, key="one"))
    first.start()
    slow.reached.wait(10)

    started = time.monotonic()
    second = busy.post("/v1/conversions", body, key="one")
    waited = time.monotonic() - started
    slow.gate.set()
    first.join(30)
    third = busy.post("/v1/conversions", body, key="one")

    assert (second.status_code, second.json["code"]) == (409, "idempotency_in_progress")
    assert second.headers["Retry-After"] == "1"
    assert waited >= 2
    assert third.headers["Idempotency-Replayed"] == "true"


def test_a_second_request_gets_the_answer_as_soon_as_it_is_there(world: World) -> None:
    slow = Slow(world.services.conversions)
    busy = world.restarted(conversions=slow)
    body = {"quote": world.quote(), "member": world.member}
    threading.Timer(0.3, slow.gate.set).start()

    first, second = in_threads([lambda: busy.post("/v1/conversions", body, key="one")] * 2)

    assert first.status_code == second.status_code == 202
    assert first.get_data() == second.get_data()


def test_batches_that_share_keys_do_not_wait_in_a_circle() -> None:
    flights = InFlight()
    seen: list[frozenset[str]] = []

    def take(keys: list[str]) -> None:
        for _ in range(200):
            with flights.alone(keys, wait_seconds=30) as taken:
                seen.append(taken)

    threads = [threading.Thread(target=take, args=(keys,)) for keys in (["a", "b"], ["b", "c"], ["c", "a"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert seen == [frozenset()] * 600


def test_only_the_keys_of_others_are_refused_in_a_batch(world: World) -> None:
    slow = Slow(world.services.conversions)
    busy = world.restarted(conversions=slow)
    body = {"quote": world.quote(), "member": world.member}
    first = threading.Thread(target=lambda: busy.post("/v1/conversions", body, key="one"))
    first.start()
    slow.reached.wait(10)
    threading.Timer(2.5, slow.gate.set).start()

    items = [
        {**body, "idempotency_key": "one"},
        {"idempotency_key": "two", "quote": busy.quote(), "member": world.member},
    ]
    found = busy.post("/v1/conversion-batches", {"items": items}).json["data"]
    first.join(30)

    assert [one["status"] for one in found] == [409, 202]
    assert found[0]["problem"]["code"] == "idempotency_in_progress"


def test_answers_are_forgotten_after_thirty_days(world: World) -> None:
    world.accept(key="one")

    with world.database.work() as work:
        assert forget_old_answers(work, now=START + timedelta(days=30)) == 0
        assert forget_old_answers(work, now=START + timedelta(days=30, seconds=1)) == 1
