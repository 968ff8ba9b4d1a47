"""Whoever follows a log by its numbers reads each event once, however many processes write and number at that time."""

import json
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from hub.agreements import service as agreements
from hub.agreements.types import NewPartner
from hub.outbox.events import Event, announce_events
from hub.storage import Database
from hub.webhooks.numbering import NumberedEvent, event_text, event_view, number_announced
from hub.webhooks.reading import EventMissing, EventsSought, forget_events, get_event, list_events
from tests.conftest import START

ROOT = Path(__file__).resolve().parents[2]
SOUGHT = EventsSought("aerojet", live=False)
WRITERS, STEPS = 4, 40


def _partners(database: Database) -> None:
    with database.work() as work:
        for code in ("aerojet", "staywell"):
            agreements.add_partner(work, NewPartner(code, code, "airline", code), actor="alice", now=START)


def _announced(database: Database, *subjects: str, partner: str = "aerojet", days: int = 0) -> None:
    with database.work() as work:
        events = [Event("conversion.posted", one, (partner,), {"conversion": one}, live=False) for one in subjects]
        announce_events(work, events, now=START + timedelta(days=days))
    with database.work() as work:
        number_announced(work, now=START + timedelta(days=days))


def _read(
    database: Database, sought: EventsSought = SOUGHT, *, after: int = 0, limit: int = 100
) -> list[NumberedEvent]:
    with database.read(as_partner=sought.partner) as work:
        return list_events(work, sought, after=after, limit=limit)


def test_a_follower_reads_each_event_once_while_many_processes_write(database: Database) -> None:
    _partners(database)
    seen: list[NumberedEvent] = []

    with ExitStack() as stack:
        writers = []
        for name in map(str, range(WRITERS)):
            told = json.dumps({"database_url": database.url, "name": name, "steps": STEPS})
            command = [sys.executable, "-m", "tests.webhooks.writer", told]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
            stack.enter_context(process)
            stack.callback(process.kill)
            writers.append(process)
        for process in writers:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in writers:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        while True:
            over = all(process.poll() is not None for process in writers)
            page = _read(database, after=seen[-1].number if seen else 0, limit=7)
            seen += page
            if over and not page:
                break
        codes = [process.wait(30) for process in writers]

    assert codes == [0] * WRITERS
    assert [event.number for event in seen] == list(range(1, 2 * WRITERS * STEPS + 1))
    assert len({event.id for event in seen}) == len(seen)
    assert Counter((event.subject, event.data["by"], event.data["step"]) for event in seen).most_common(1)[0][1] == 1
    for subject in ("cnv_shared", *(f"cnv_{number}" for number in range(WRITERS))):
        sequences = [event.sequence for event in seen if event.subject == subject]
        assert sequences == list(range(1, len(sequences) + 1))


def test_what_is_fetched_is_what_is_sent(database: Database) -> None:
    _partners(database)
    _announced(database, "cnv_1")

    (event,) = _read(database)

    assert json.loads(event_text(event)) == event_view(event)
    assert event_text(event) == event_text(_read(database)[0])


def test_filters_leave_out_and_never_reorder(database: Database) -> None:
    _partners(database)
    _announced(database, "cnv_1", "cnv_2")
    _announced(database, "cnv_1", days=1)
    _announced(database, "cnv_3", partner="staywell")

    by_subject = _read(database, EventsSought("aerojet", live=False, subject="cnv_1"))
    by_type = _read(database, EventsSought("aerojet", live=False, type="conversion.voided"))
    by_time = _read(database, EventsSought("aerojet", live=False, since=START + timedelta(hours=1)))
    before = _read(database, EventsSought("aerojet", live=False, until=START + timedelta(hours=1)))

    assert [event.number for event in by_subject] == [1, 3]
    assert by_type == []
    assert [event.number for event in by_time] == [3]
    assert [event.number for event in before] == [1, 2]
    assert _read(database, EventsSought("aerojet", live=True)) == []


def test_a_partner_reads_its_own_log_whatever_it_asks_for(database: Database) -> None:
    _partners(database)
    _announced(database, "cnv_1", partner="staywell")
    (foreign,) = _read(database, EventsSought("staywell", live=False))

    with database.read(as_partner="aerojet") as work:
        assert list_events(work, EventsSought("staywell", live=False), after=0, limit=10) == []
        with pytest.raises(EventMissing):
            get_event(work, foreign.id, live=False)


def test_forgetting_takes_the_oldest_and_numbers_go_on(database: Database) -> None:
    _partners(database)
    _announced(database, "cnv_1", "cnv_1", "cnv_1")
    _announced(database, "cnv_1", days=2)

    with database.work() as work:
        assert forget_events(work, before=START + timedelta(days=1), rows_max=2) == 2
    with database.work() as work:
        assert forget_events(work, before=START + timedelta(days=1), rows_max=2) == 1
        assert forget_events(work, before=START + timedelta(days=1), rows_max=2) == 0
    _announced(database, "cnv_1", days=3)

    assert [(event.number, event.sequence) for event in _read(database)] == [(4, 4), (5, 5)]
