"""Ports in memory: breakers that rest and probe, tokens that are near without hiding newer ones."""

import threading
from datetime import timedelta

from hub.kernel.clock import ManualClock
from partners.base import Token
from partners.memory import CachedTokenStore, MemoryBreaker, MemoryTokenStore
from tests.conftest import START


def _token(value: str) -> Token:
    return Token(value, START + timedelta(minutes=9), START + timedelta(minutes=10))


def _breaker(clock: ManualClock) -> MemoryBreaker:
    return MemoryBreaker(clock, failures_max=3, rest=timedelta(seconds=30))


def test_a_breaker_opens_after_failures_in_a_row(clock: ManualClock) -> None:
    breaker = _breaker(clock)

    for _ in range(3):
        assert breaker.closed("p")
        breaker.record("p", healthy=False)

    assert not breaker.closed("p")
    assert breaker.closed("another")


def test_one_sensible_answer_starts_the_count_again(clock: ManualClock) -> None:
    breaker = _breaker(clock)

    for healthy in (False, False, True, False, False):
        breaker.record("p", healthy=healthy)

    assert breaker.closed("p")


def test_an_open_breaker_lets_one_probe_through_after_its_rest(clock: ManualClock) -> None:
    breaker = _breaker(clock)
    for _ in range(3):
        breaker.record("p", healthy=False)

    clock.advance(timedelta(seconds=31))

    assert [breaker.closed("p"), breaker.closed("p")] == [True, False]
    breaker.record("p", healthy=True)
    assert breaker.closed("p")


def test_a_failed_probe_rests_again(clock: ManualClock) -> None:
    breaker = _breaker(clock)
    for _ in range(3):
        breaker.record("p", healthy=False)
    clock.advance(timedelta(seconds=31))
    assert breaker.closed("p")

    breaker.record("p", healthy=False)

    assert not breaker.closed("p")


def test_a_near_token_spares_the_shared_store() -> None:
    shared = MemoryTokenStore()
    near = CachedTokenStore(shared)
    near.put("p", "s", _token("old"))

    shared.put("p", "s", _token("new"))

    assert near.get("p", "s") == _token("old")


def test_a_renewal_sees_what_another_process_has_renewed() -> None:
    shared = MemoryTokenStore()
    near = CachedTokenStore(shared)
    near.put("p", "s", _token("old"))
    shared.put("p", "s", _token("new"))

    with near.renewing("p", "s"):
        seen = near.get("p", "s")

    assert seen == _token("new")
    assert near.get("p", "s") == _token("new")


def test_one_thread_at_a_time_renews() -> None:
    store = CachedTokenStore(MemoryTokenStore())
    inside, most = 0, 0

    def renew() -> None:
        nonlocal inside, most
        with store.renewing("p", "s"):
            inside += 1
            most = max(most, inside)
            inside -= 1

    threads = [threading.Thread(target=renew) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == 1


def test_a_token_does_not_show_its_value() -> None:
    assert "s3cret-token" not in repr(_token("s3cret-token"))
    assert "s3cret-token" not in repr(MemoryTokenStore())
