"""Announced events become a numbered log without gaps for a cursor to fall into, whoever writes at the same time."""

import threading

from hub.agreements import service as agreements
from hub.agreements.types import NewPartner
from hub.kernel.clock import ManualClock
from hub.outbox.events import EVENT_ANNOUNCED, Event, announce_events
from hub.storage import Database
from hub.webhooks.catalogue import CATALOGUE
from hub.webhooks.numbering import number_announced
from hub.worker.direct import run_due
from hub.worker.events import EventHandler
from tests.conftest import START


def _partners(database: Database) -> None:
    with database.work() as work:
        for code, live in (("aerojet", False), ("staywell", False), ("northbank", True)):
            new = NewPartner(code=code, name=code, kind="airline", profile=code, live=live)
            agreements.add_partner(work, new, actor="operator:maya", now=START)


def _event(subject: str = "cnv_1", partners: tuple[str, ...] = ("aerojet",), *, live: bool = False) -> Event:
    return Event("conversion.posted", subject, partners, {"conversion": subject}, live)


def _announce(database: Database, *events: Event) -> None:
    with database.work() as work:
        announce_events(work, events, now=START)


def _log(database: Database, partner: str = "aerojet") -> list[tuple[int, str, int]]:
    with database.read() as work:
        return work.fetch(
            "SELECT number, subject, sequence FROM webhook_event WHERE partner = %s ORDER BY number", (partner,)
        )


def _number(database: Database) -> None:
    with database.work() as work:
        number_announced(work, now=START)


def test_each_partner_concerned_gets_its_own_numbered_event(database: Database) -> None:
    _partners(database)
    _announce(database, _event("cnv_1", ("aerojet", "staywell")), _event("cnv_1", ("aerojet",)), _event("cnv_2"))

    _number(database)

    assert _log(database) == [(1, "cnv_1", 1), (3, "cnv_1", 2), (4, "cnv_2", 1)]
    assert _log(database, "staywell") == [(2, "cnv_1", 1)]


def test_an_event_for_everybody_stays_on_its_side_of_test_and_live(database: Database) -> None:
    _partners(database)
    _announce(database, _event(partners=()), _event("cnv_9", ("northbank",), live=False))

    _number(database)

    assert [len(_log(database, partner)) for partner in ("aerojet", "staywell", "northbank")] == [1, 1, 0]


def test_events_are_numbered_once_however_often_their_messages_come(database: Database, clock: ManualClock) -> None:
    _partners(database)
    _announce(database, _event(), _event("cnv_2"))
    handlers = {EVENT_ANNOUNCED: EventHandler(database, clock)}

    run_due(database, handlers, clock.now(), 1)
    run_due(database, handlers, clock.now(), 100)

    assert _log(database) == [(1, "cnv_1", 1), (2, "cnv_2", 1)]
    with database.read() as work:
        assert work.fetch("SELECT count(*) FROM outbox_message WHERE state <> 'done'") == [(0,)]


def test_the_order_of_one_subject_is_the_order_of_its_announcements(database: Database, clock: ManualClock) -> None:
    _partners(database)
    for number in range(20):
        _announce(database, Event("conversion.posted", "cnv_1", ("aerojet",), {"step": number}, False))
    with database.work() as work:
        # The relay may bring the newest first, as after a fault of the older ones.
        work.run("UPDATE outbox_message SET available_at = available_at - id * interval '1 second'")

    run_due(database, {EVENT_ANNOUNCED: EventHandler(database, clock)}, clock.now(), 1)

    with database.read() as work:
        steps = work.fetch("SELECT data ->> 'step' FROM webhook_event ORDER BY number")
    assert [int(step) for (step,) in steps] == list(range(20))


def test_a_reader_that_goes_on_from_the_last_number_misses_nothing(database: Database) -> None:
    _partners(database)
    stop = threading.Event()
    faults: list[Exception] = []

    def write(name: str) -> None:
        try:
            for number in range(15):
                _announce(database, _event(f"cnv_{name}_{number}"))
                _number(database)
        except Exception as fault:
            faults.append(fault)

    seen: list[int] = []

    def read() -> None:
        while True:
            last = stop.is_set()
            after = seen[-1] if seen else 0
            with database.read() as work:
                rows = work.fetch("SELECT number FROM webhook_event WHERE number > %s ORDER BY number", (after,))
            seen.extend(number for (number,) in rows)
            if last:
                return

    writers = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    reader = threading.Thread(target=read)
    for thread in (*writers, reader):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()

    assert faults == []
    assert seen == list(range(1, 61))


def test_every_announced_type_is_in_the_catalogue() -> None:
    assert all("." in name and one.name == name for name, one in CATALOGUE.items())
