"""What goes in by COPY comes out as it was."""

import uuid
from datetime import UTC, datetime, timedelta, timezone

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

import hub.outbox.tables  # noqa: F401 - only rows of declared tables wait
from hub.storage import Database, Work
from hub.storage.copying import arrays_of, copy_lines

TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=40)
INSTANTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
ROWS = st.lists(
    st.tuples(
        TEXTS,
        st.none() | TEXTS,
        st.integers(-(2**63), 2**63 - 1),
        st.booleans(),
        INSTANTS,
        st.binary(max_size=20),
        st.uuids(),
        st.lists(TEXTS, max_size=4),
        st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4),
    ),
    max_size=20,
)
COLUMNS = ("a", "b", "c", "d", "e", "f", "g", "h", "i")


@given(rows=ROWS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_value_comes_back_as_it_was(database: Database, rows: list[tuple[object, ...]]) -> None:
    with database.work() as work:
        work.run("DROP TABLE IF EXISTS copied")
        work.run(
            "CREATE TABLE copied (n bigint GENERATED ALWAYS AS IDENTITY, a text, b text, c bigint, d boolean, "
            "e timestamptz, f bytea, g uuid, h text[], i bigint[])"
        )
        work.copy_in("copied", COLUMNS, rows)
        found = work.fetch("SELECT a, b, c, d, e, f, g, h, i FROM copied ORDER BY n")

    assert found == rows


def test_an_instant_of_another_zone_is_the_same_instant(database: Database) -> None:
    moment = datetime(2026, 4, 6, 16, 0, tzinfo=timezone(timedelta(hours=7)))

    with database.work() as work:
        work.run("CREATE TABLE copied (e timestamptz)")
        work.copy_in("copied", ("e",), [(moment,)])
        found = work.fetch("SELECT e FROM copied")

    assert found == [(moment,)]


def test_a_document_comes_back_as_it_was(database: Database) -> None:
    content = {"a": ["x\ty", "\\", 'quoted "é"'], "n": 1}

    with database.work() as work:
        work.run("CREATE TABLE copied (d jsonb)")
        work.copy_in("copied", ("d",), [(Jsonb(content),)])
        found = work.fetch("SELECT d FROM copied")

    assert found == [(content,)]


@pytest.mark.parametrize("value", [1.5, object(), {"a": 1}, (1, 2)])
def test_what_copy_has_no_text_for_is_our_mistake(value: object) -> None:
    with pytest.raises(AssertionError, match="no COPY text"):
        copy_lines([(value,)])


def test_no_rows_are_no_text() -> None:
    assert copy_lines([]) == []
    assert copy_lines([(uuid.UUID(int=1), None)]) == ["00000000-0000-0000-0000-000000000001\t\\N\n"]


@given(rows=st.lists(st.tuples(TEXTS, st.none() | TEXTS), min_size=1, max_size=10))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_arrays_of_lines_are_the_texts_that_went_in(database: Database, rows: list[tuple[str, str | None]]) -> None:
    arrays = arrays_of(copy_lines(rows))

    with database.read() as work:
        found = work.fetch("SELECT * FROM unnest(%s::text[], %s::text[])", arrays)

    assert found == rows


MESSAGES = (
    "queue",
    "kind",
    "subject",
    "lane",
    "body",
    "state",
    "available_at",
    "attempts",
    "faults",
    "trace",
    "created_at",
)
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def _message(subject: str | None) -> tuple[object, ...]:
    return ("legs", "test", subject, "lane", "{}", "waiting", MOMENT, 0, 0, "", MOMENT)


@pytest.mark.parametrize("count", [1, 7, 200, 201, 500])
def test_few_rows_wait_and_many_are_copied_and_all_arrive(database: Database, count: int) -> None:
    subjects = [f"s{number:03}\\ \t \n" for number in range(count)]

    with database.work() as work:
        work.copy_in("outbox_message", MESSAGES, [_message(subject) for subject in subjects])
        seen_inside = work.fetch("SELECT count(*) FROM outbox_message")

    with database.read() as work:
        found = [subject for (subject,) in work.fetch("SELECT subject FROM outbox_message ORDER BY id")]
    assert seen_inside == [(count,)]
    assert found == subjects


def test_what_waits_is_sent_before_the_commit_in_order(database: Database) -> None:
    with database.work() as work:
        work.copy_in("outbox_message", MESSAGES, [_message("a")])
        work.run_later("UPDATE outbox_message SET subject = %s", ["b"], rows=1)
        work.copy_in("outbox_message", MESSAGES, [_message("c")])

    with database.read() as work:
        assert work.fetch("SELECT subject FROM outbox_message ORDER BY id") == [("b",), ("c",)]


def test_a_broken_promise_of_a_waiting_statement_takes_everything_back(database: Database) -> None:
    def act() -> None:
        with database.work() as work:
            work.copy_in("outbox_message", MESSAGES, [_message("a")])
            work.run_later("UPDATE outbox_message SET subject = 'x' WHERE subject = 'nobody'", [], rows=1)

    with pytest.raises(psycopg.errors.InvalidTextRepresentation, match="0 rows, not 1"):
        act()

    with database.read() as work:
        assert work.fetch("SELECT count(*) FROM outbox_message") == [(0,)]


def test_a_waiting_statement_that_fails_says_why_and_takes_everything_back(database: Database) -> None:
    def act() -> None:
        with database.work() as work:
            work.copy_in("outbox_message", MESSAGES, [_message("a")])
            work.copy_in("outbox_message", MESSAGES, [_message(None)])
            work.run_later("UPDATE outbox_message SET subject = 'x'", [])

    with pytest.raises(psycopg.errors.NotNullViolation):
        act()

    with database.read() as work:
        assert work.fetch("SELECT count(*) FROM outbox_message") == [(0,)]


def test_a_savepoint_takes_back_what_waits_in_it_and_nothing_else(database: Database) -> None:
    def refuse(work: Work) -> None:
        with work.savepoint():
            work.copy_in("outbox_message", MESSAGES, [_message("inside")])
            raise RuntimeError

    with database.work() as work:
        work.copy_in("outbox_message", MESSAGES, [_message("before")])
        with pytest.raises(RuntimeError):
            refuse(work)
        with work.savepoint():
            work.copy_in("outbox_message", MESSAGES, [_message("kept")])

    with database.read() as work:
        assert work.fetch("SELECT subject FROM outbox_message ORDER BY id") == [("before",), ("kept",)]
