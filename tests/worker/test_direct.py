"""Due messages handled in the calling thread, without a broker."""

from datetime import datetime, timedelta

from hub import outbox
from hub.kernel.limits import OUTBOX_LEASE_SECONDS
from hub.outbox import Delivery, Message
from hub.storage import Database
from hub.worker.direct import next_instant, run_due
from tests.conftest import START


def _announce(database: Database, *subjects: str, available_at: datetime | None = None) -> None:
    messages = [
        Message(queue="legs", kind="leg.due", subject=subject, lane="aerojet", available_at=available_at)
        for subject in subjects
    ]
    with database.work() as work:
        outbox.announce(work, messages, now=START)


def _later(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


class _Finishing:
    """Marks every row done and remembers the order."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.subjects: list[str] = []

    def __call__(self, delivery: Delivery) -> None:
        self.subjects.append(delivery.subject)
        with self._database.work() as work:
            outbox.done(work, [delivery.id], now=START)


def test_due_messages_are_handled_in_the_order_of_their_ids(database: Database) -> None:
    _announce(database, "first", "second", "third")
    _announce(database, "later", available_at=_later(60))
    handler = _Finishing(database)

    count = run_due(database, {"leg.due": handler}, START, 10)

    assert count == 3
    assert handler.subjects == ["first", "second", "third"]
    assert next_instant(database) == _later(60)


def test_no_more_than_asked_for_are_handled(database: Database) -> None:
    _announce(database, "first", "second", "third")
    handler = _Finishing(database)

    counts = [run_due(database, {"leg.due": handler}, START, 2) for _ in range(3)]

    assert counts == [2, 1, 0]
    assert next_instant(database) is None


def test_a_fault_postpones_and_the_others_are_still_handled(database: Database) -> None:
    _announce(database, "poison", "good")
    finishing = _Finishing(database)

    def handler(delivery: Delivery) -> None:
        if delivery.subject == "poison":
            raise ValueError("no")
        finishing(delivery)

    assert run_due(database, {"leg.due": handler}, START, 10) == 2

    assert finishing.subjects == ["good"]
    assert next_instant(database) == _later(1)


def test_a_message_of_an_unknown_kind_is_buried(database: Database) -> None:
    _announce(database, "m1")

    assert run_due(database, {}, START, 10) == 1

    assert run_due(database, {}, _later(3_600), 10) == 0
    with database.read() as work:
        assert outbox.backlog(work, now=START).dead == 1


def test_a_message_its_handler_left_alone_comes_back_when_its_lease_ends(database: Database) -> None:
    _announce(database, "m1")
    calls: list[int] = []

    def idle(delivery: Delivery) -> None:
        calls.append(delivery.attempts)

    run_due(database, {"leg.due": idle}, START, 10)
    assert run_due(database, {"leg.due": idle}, _later(OUTBOX_LEASE_SECONDS - 1), 10) == 0
    assert next_instant(database) == _later(OUTBOX_LEASE_SECONDS)
    run_due(database, {"leg.due": idle}, _later(OUTBOX_LEASE_SECONDS), 10)

    assert calls == [0, 1]
