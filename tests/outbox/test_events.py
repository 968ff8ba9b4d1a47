"""Events as messages of the outbox: written with what they announce, read back as they were."""

import pytest

from hub import outbox
from hub.outbox import QUEUES
from hub.outbox.events import EVENT_ANNOUNCED, LANE, Event, announce_events, event_of
from hub.storage import Database
from tests.conftest import START


def _event(**changes: object) -> Event:
    fields: dict[str, object] = {
        "type": "conversion.posted",
        "subject": "cnv_1",
        "partners": ("aerojet", "staywell"),
        "data": {"conversion": "cnv_1", "state": "posted", "count": 3},
        "live": True,
    }
    return Event(**{**fields, **changes})  # type: ignore[arg-type]


def _announced(database: Database, *events: Event) -> list[outbox.Delivery]:
    with database.work() as work:
        announce_events(work, events, now=START)
    with database.work() as work:
        return outbox.claim(work, queues=QUEUES, rows_max=100, lane_max=100, lease_seconds=60, now=START)


def test_an_event_comes_back_as_it_was_announced(database: Database) -> None:
    first, second = _event(), _event(partners=(), data={"said": 'Zoë "\\\n'}, live=False, subject="cnv_2")

    deliveries = _announced(database, first, second)

    assert [event_of(one) for one in deliveries] == [first, second]
    assert {(one.queue, one.kind, one.lane) for one in deliveries} == {("webhooks", EVENT_ANNOUNCED, LANE)}


def test_partners_that_stand_twice_are_told_once(database: Database) -> None:
    [delivery] = _announced(database, _event(partners=("staywell", "aerojet", "staywell")))

    assert event_of(delivery).partners == ("aerojet", "staywell")


def test_announcing_no_events_writes_nothing(database: Database) -> None:
    assert _announced(database) == []


@pytest.mark.parametrize(
    "wrong", [{"type": "posted"}, {"type": "Conversion.Posted"}, {"data": {"amount": 1.5}}, {"partners": ("",)}]
)
def test_what_is_no_event_is_a_mistake_of_ours(database: Database, wrong: dict[str, object]) -> None:
    with pytest.raises(AssertionError):
        _announced(database, _event(**wrong))
