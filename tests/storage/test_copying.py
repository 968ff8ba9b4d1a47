"""What goes in by COPY comes out as it was."""

import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from hub.storage import Database
from hub.storage.copying import copy_text

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
        copy_text([(value,)])


def test_no_rows_are_no_text() -> None:
    assert copy_text([]) == b""
    assert copy_text([(uuid.UUID(int=1), None)]) == b"00000000-0000-0000-0000-000000000001\t\\N\n"
