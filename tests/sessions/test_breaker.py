"""A partner in trouble is left alone by all processes and tried again by one call; one in health costs nothing."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import event

from hub.kernel.clock import ManualClock, SystemClock
from hub.sessions.breaker import DatabaseBreaker
from hub.storage import Database
from tests.sessions.caller import breaker_of
from tests.sessions.processes import others

SECOND = timedelta(seconds=1)


def breaker(database: Database, clock: ManualClock) -> DatabaseBreaker:
    return DatabaseBreaker(database, clock, failures_max=3, rest=5 * SECOND, probe=20 * SECOND)


def failing(one: DatabaseBreaker, times: int) -> None:
    for _ in range(times):
        one.record("aerojet", healthy=False)


@pytest.fixture
def statements(database: Database) -> Iterator[list[str]]:
    """What is checked out of the pool from now on: one entry for each visit to the database."""
    visits: list[str] = []

    def visited(*_: object) -> None:
        visits.append("visit")

    event.listen(database.engine, "checkout", visited)
    yield visits
    event.remove(database.engine, "checkout", visited)


def test_failures_in_a_row_open_it_and_only_for_that_partner(database: Database, clock: ManualClock) -> None:
    one = breaker(database, clock)

    failing(one, 2)
    before = one.closed("aerojet")
    failing(one, 1)

    assert (before, one.closed("aerojet"), one.closed("staywell")) == (True, False, True)


def test_a_sensible_answer_starts_the_count_again(database: Database, clock: ManualClock) -> None:
    one = breaker(database, clock)

    failing(one, 2)
    one.record("aerojet", healthy=True)
    failing(one, 2)

    assert one.closed("aerojet")


def test_failures_of_all_processes_count_together(database: Database, clock: ManualClock) -> None:
    one, two = breaker(database, clock), breaker(database, clock)

    failing(one, 2)
    failing(two, 1)

    assert not two.closed("aerojet")


def test_another_process_sees_it_once_its_view_is_old(database: Database, clock: ManualClock) -> None:
    one, two = breaker(database, clock), breaker(database, clock)
    assert two.closed("aerojet")

    failing(one, 3)
    meanwhile = two.closed("aerojet")
    clock.advance(SECOND)

    assert (meanwhile, two.closed("aerojet")) == (True, False)


def test_after_its_rest_one_call_among_all_processes_may_try(database: Database, clock: ManualClock) -> None:
    one, two = breaker(database, clock), breaker(database, clock)
    failing(one, 3)
    clock.advance(5 * SECOND)

    tried = [one.closed("aerojet"), two.closed("aerojet"), one.closed("aerojet"), two.closed("aerojet")]

    assert tried == [True, False, False, False]


def test_a_probe_that_fails_rests_again(database: Database, clock: ManualClock) -> None:
    one, two = breaker(database, clock), breaker(database, clock)
    failing(one, 3)
    clock.advance(5 * SECOND)
    assert one.closed("aerojet")

    failing(one, 1)
    clock.advance(4 * SECOND)
    resting = two.closed("aerojet")
    clock.advance(SECOND)

    assert (resting, two.closed("aerojet")) == (False, True)


def test_a_probe_that_succeeds_closes_it_for_everybody(database: Database, clock: ManualClock) -> None:
    one, two = breaker(database, clock), breaker(database, clock)
    failing(one, 3)
    clock.advance(5 * SECOND)
    assert one.closed("aerojet")

    one.record("aerojet", healthy=True)
    clock.advance(SECOND)

    assert [one.closed("aerojet"), two.closed("aerojet"), two.closed("aerojet")] == [True, True, True]


def test_a_probe_that_never_answers_gives_way_to_another(database: Database, clock: ManualClock) -> None:
    one, two = breaker(database, clock), breaker(database, clock)
    failing(one, 3)
    clock.advance(5 * SECOND)
    assert one.closed("aerojet")

    clock.advance(19 * SECOND)
    early = two.closed("aerojet")
    clock.advance(SECOND)

    assert (early, two.closed("aerojet")) == (False, True)


def test_a_healthy_partner_costs_no_statement(database: Database, clock: ManualClock, statements: list[str]) -> None:
    one = breaker(database, clock)
    one.closed("aerojet")
    before = len(statements)

    for _ in range(1_000):
        assert one.closed("aerojet")
        one.record("aerojet", healthy=True)

    assert (before, len(statements)) == (1, 1)


def test_an_open_breaker_costs_one_statement_a_second(
    database: Database, clock: ManualClock, statements: list[str]
) -> None:
    one = breaker(database, clock)
    failing(one, 3)
    one.closed("aerojet")
    before = len(statements)

    for _ in range(4):
        clock.advance(SECOND)
        for _ in range(100):
            assert not one.closed("aerojet")

    assert len(statements) - before == 4


def test_a_breaker_opened_in_one_process_stops_another_within_two_seconds(database: Database) -> None:
    one = breaker_of(database)
    assert one.closed("p")

    with others([{"work": "watch", "database_url": database.url, "partner": "p"}]) as (two,):
        two.go()
        failing_now = SystemClock().now()
        for _ in range(3):
            one.record("p", healthy=False)
        (seconds,) = two.answers()
        stopped = SystemClock().now()

    assert isinstance(seconds, float)
    assert stopped - failing_now < 2 * SECOND
