"""Statements in one round trip: what they answer, what a failing one leaves behind, and what is kept between them."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from hub.storage import Database
from hub.storage.lane import numbered, positional

TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=30)
MOMENT = datetime(2026, 4, 6, 9, 30, 15, 123456, tzinfo=UTC)


def test_placeholders_become_numbers_and_names_keep_theirs() -> None:
    assert numbered("SELECT %s, 5 %% 2, %s") == b"SELECT $1, 5 % 2, $2"
    assert positional("SELECT %(a)s, %(b)s, %(a)s") == ("SELECT $1, $2, $1", ("a", "b"))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", 'a "quoted" \\ text\t\n'),
        ("int", -(2**31)),
        ("bigint", 2**62),
        ("numeric", Decimal(2**80)),
        ("bool", True),
        ("timestamptz", MOMENT),
        ("bytea", b"\x00\xff\\"),
        ("uuid", uuid.UUID(int=7)),
        ("text[]", ["", "NULL", "{a,b}", None]),
        ("bigint[]", [1, None, 2**62]),
        ("bool[]", [True, False]),
        ("timestamptz[]", [MOMENT, MOMENT]),
        ("bytea[]", [b"\x00", b"\\"]),
        ("int", None),
    ],
)
def test_a_value_comes_back_as_it_went_however_often(database: Database, kind: str, value: object) -> None:
    with database.work() as work:
        # More often than it takes for a statement to be prepared.
        found = [work.fetch(f"SELECT %s::{kind}", [value])[0][0] for _ in range(6)]  # type: ignore[arg-type]

    assert found == [value] * 6


@given(values=st.lists(TEXTS, min_size=1, max_size=8))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_texts_come_back_from_an_array(database: Database, values: list[str]) -> None:
    with database.read() as work:
        assert work.fetch("SELECT %s::text[]", [values]) == [(values,)]


def test_what_is_asked_is_answered_in_one_round_trip_in_its_order(database: Database) -> None:
    with database.work() as work:
        first, second = work.ask("SELECT 1"), work.ask("SELECT 2 WHERE %s", [False])
        third = work.fetch("SELECT 3")
        answers = (work.answer(first), work.answer(second), third)

    assert answers == ([(1,)], [], [(3,)])


def test_a_failing_statement_says_why_and_the_connection_lives_on(database: Database) -> None:
    def divide() -> None:
        with database.work() as work:
            work.ask("SELECT 1")
            work.fetch("SELECT 1 / %s", [0])

    for _ in range(5):
        with pytest.raises(psycopg.errors.DivisionByZero):
            divide()

    with database.work() as work:
        assert work.fetch("SELECT 1 / %s", [1]) == [(1,)]


def test_nothing_after_a_failing_statement_happens(database: Database) -> None:
    with database.work() as work:
        work.run("CREATE TABLE noted (n int)")

    def note() -> None:
        with database.work() as work:
            work.run_later("INSERT INTO noted VALUES (1)", ())
            work.run_later("SELECT 1 / 0", ())
            work.run_later("INSERT INTO noted VALUES (2)", ())

    with pytest.raises(psycopg.errors.DivisionByZero):
        note()

    with database.read() as work:
        assert work.fetch("SELECT count(*) FROM noted") == [(0,)]


def test_a_text_with_nul_is_refused_and_not_cut_short(database: Database) -> None:
    with database.work() as work:
        with pytest.raises(psycopg.DataError):
            work.fetch("SELECT %s::text", ["a\x00b"])
        with pytest.raises(psycopg.DataError):
            work.fetch("SELECT %s::text[]", [["a", "\x00"]])


def test_a_connection_that_was_cut_is_said_so_and_replaced(database: Database) -> None:
    def cut() -> None:
        with database.work() as work:
            pid = work.fetch("SELECT pg_backend_pid()")[0][0]
            with database.aside() as other:
                other.fetch("SELECT pg_terminate_backend(%s)", [pid])
            work.fetch("SELECT 1")

    with pytest.raises((psycopg.OperationalError, OperationalError)):
        cut()

    with database.work() as work:
        assert work.fetch("SELECT 1") == [(1,)]
