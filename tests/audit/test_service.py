"""The audit: what was recorded stays, in order, and any change is found."""

import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from hub import audit
from hub.storage import Database

NOW = datetime(2026, 4, 6, 9, 0, tzinfo=UTC)


def _record(database: Database, action: str, now: datetime = NOW) -> None:
    with database.work() as work:
        audit.record(work, actor="operator:maya", action=action, subject="rule:1", facts={"why": "ü"}, now=now)


def _verify(database: Database) -> list[str]:
    with database.read() as work:
        return audit.verify(work)


def test_what_was_recorded_is_read_back_in_order(database: Database) -> None:
    _record(database, "rule_activated")
    _record(database, "rule_withdrawn")

    with database.read() as work:
        first, second = audit.entries(work, after=0, limit=10)
        rest = audit.entries(work, after=1, limit=10)

    assert (first.number, first.actor, first.action, first.subject) == (1, "operator:maya", "rule_activated", "rule:1")
    assert (first.facts, first.recorded_at) == ({"why": "ü"}, NOW)
    assert rest == [second]
    assert _verify(database) == []


def test_a_clock_that_jumps_back_does_not_date_an_entry_before_the_one_it_follows(database: Database) -> None:
    _record(database, "first")
    _record(database, "second", NOW - timedelta(hours=1))

    with database.read() as work:
        assert [one.recorded_at for one in audit.entries(work, after=0, limit=10)] == [NOW, NOW]


def test_a_deed_that_was_rolled_back_leaves_no_entry_and_no_gap(database: Database) -> None:
    with database.work() as work:
        audit.record(work, actor="a", action="b", subject="c", facts={}, now=NOW)
        work.connection.get_transaction().rollback()  # type: ignore[union-attr]

    _record(database, "kept")

    with database.read() as work:
        assert [one.number for one in audit.entries(work, after=0, limit=10)] == [1]


@pytest.mark.parametrize("change", ["UPDATE audit_entry SET actor = 'x'", "DELETE FROM audit_entry"])
def test_entries_cannot_be_changed(database: Database, change: str) -> None:
    _record(database, "kept")

    with pytest.raises(psycopg.errors.RestrictViolation), database.work() as work:
        work.run(change)  # type: ignore[arg-type]

    assert _verify(database) == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_entry SET actor = 'operator:nobody' WHERE number = 2",
        "UPDATE audit_entry SET action = 'other' WHERE number = 2",
        "UPDATE audit_entry SET subject = 'rule:2' WHERE number = 2",
        """UPDATE audit_entry SET facts = '{"why": "u"}' WHERE number = 2""",
        "UPDATE audit_entry SET recorded_at = recorded_at + interval '1 microsecond' WHERE number = 2",
        "UPDATE audit_entry SET seal = set_byte(seal, 0, 255 - get_byte(seal, 0)) WHERE number = 2",
        "UPDATE audit_entry SET number = 9 WHERE number = 3",
        "DELETE FROM audit_entry WHERE number = 2",
    ],
)
def test_a_change_behind_the_triggers_is_found(database: Database, change: str) -> None:
    for action in ("one", "two", "three"):
        _record(database, action)
    with database.work() as work:
        work.run("ALTER TABLE audit_entry DISABLE TRIGGER USER")
        assert work.run(change) == 1  # type: ignore[arg-type]

    assert _verify(database) != []


@pytest.mark.parametrize(("cut", "said"), [(1, "entries 3 to 3"), (2, "entries 2 to 3"), (3, "entries 1 to 3")])
def test_entries_cut_off_the_end_are_missed(database: Database, cut: int, said: str) -> None:
    for action in ("one", "two", "three"):
        _record(database, action)
    with database.work() as work:
        work.run("ALTER TABLE audit_entry DISABLE TRIGGER USER")
        assert work.run("DELETE FROM audit_entry WHERE number > %s", (3 - cut,)) == cut
        work.run("ALTER TABLE audit_entry ENABLE TRIGGER USER")

    assert _verify(database) == [f"{said} are gone from the end"]
    _record(database, "four")
    assert _verify(database) != [], "what comes later does not close the gap"


def test_a_log_cut_together_with_its_count_is_missed_by_whoever_noted_its_head(database: Database) -> None:
    for action in ("one", "two", "three"):
        _record(database, action)
    with database.read() as work:
        noted = audit.head(work)
    with database.work() as work:
        work.run("ALTER TABLE audit_entry DISABLE TRIGGER USER")
        work.run("ALTER TABLE audit_head DISABLE TRIGGER USER")
        work.run("DELETE FROM audit_entry WHERE number = 3")
        work.run("UPDATE audit_head SET (number, seal) = (SELECT number, seal FROM audit_entry WHERE number = 2)")

    assert _verify(database) == []
    with database.read() as work:
        assert audit.verify(work, [noted]) == ["entry 3 was noted and is gone"]
    _record(database, "another three")
    with database.read() as work:
        assert audit.verify(work, [noted]) == ["entry 3 is not the one that was noted"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_head SET number = number - 1",
        "UPDATE audit_head SET number = number + 2",
        "UPDATE audit_head SET seal = ''",
        "DELETE FROM audit_head",
        "TRUNCATE audit_head",
        "INSERT INTO audit_head (number, seal) VALUES (0, '')",
    ],
)
def test_the_count_goes_on_by_one_and_never_back(database: Database, change: str) -> None:
    _record(database, "kept")

    with pytest.raises(psycopg.errors.RestrictViolation), database.work() as work:
        work.run(change)  # type: ignore[arg-type]

    assert _verify(database) == []


def test_many_at_once_make_one_chain(database: Database) -> None:
    threads = [threading.Thread(target=_record, args=(database, f"deed_{number}")) for number in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with database.read() as work:
        assert [one.number for one in audit.entries(work, after=0, limit=100)] == list(range(1, 9))
    assert _verify(database) == []
