"""Outbox rows on a real PostgreSQL: announce, claim, finish, postpone, bury, prune."""

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest

from hub import outbox
from hub.kernel.limits import OUTBOX_BACKOFF_SECONDS_MAX, OUTBOX_FAULTS_MAX, OUTBOX_LAPSES_MAX
from hub.outbox import QUEUES, Delivery, Message
from hub.storage import Database, Work
from tests.conftest import START

LEASE_SECONDS = 60


def _message(subject: str = "leg_1", **changes: Any) -> Message:
    fields: dict[str, Any] = {"queue": "legs", "kind": "leg.due", "subject": subject, "lane": "aerojet"}
    return Message(**{**fields, **changes})


def _announce(database: Database, *messages: Message, now: datetime = START) -> None:
    with database.work() as work:
        outbox.announce(work, messages, now=now)


def _claim(database: Database, now: datetime = START, *, rows_max: int = 100, lane_max: int = 100) -> list[Delivery]:
    with database.work() as work:
        return outbox.claim(
            work, queues=QUEUES, rows_max=rows_max, lane_max=lane_max, lease_seconds=LEASE_SECONDS, now=now
        )


def _later(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_an_announced_message_is_claimed_as_it_was_written(database: Database) -> None:
    body = {"amount": 2**53 + 1, "word": 'Zoë \\ " \t\n'}
    _announce(database, _message(body=body, trace="00-abc-def-01"))

    [delivery] = _claim(database)

    assert (delivery.queue, delivery.kind, delivery.subject, delivery.lane) == (
        "legs",
        "leg.due",
        "leg_1",
        "aerojet",
    )
    assert delivery.body == body
    assert (delivery.attempts, delivery.created_at, delivery.trace) == (0, START, "00-abc-def-01")


def test_announcing_nothing_does_nothing(database: Database) -> None:
    _announce(database)

    assert _claim(database) == []


def test_a_message_of_a_transaction_that_fails_was_never_announced(database: Database) -> None:
    def fail(work: Work) -> None:
        outbox.announce(work, [_message()], now=START)
        raise RuntimeError

    with pytest.raises(RuntimeError), database.work() as work:
        fail(work)

    assert _claim(database) == []


@pytest.mark.parametrize(
    "wrong", [{"queue": "nowhere"}, {"body": {"share": 0.5}}, {"body": {"open": True}}, {"body": {"list": []}}]
)
def test_a_message_nobody_could_carry_is_our_mistake(database: Database, wrong: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        _announce(database, _message(**wrong))


def test_a_row_of_a_queue_that_no_longer_exists_stays_and_holds_up_nobody(database: Database) -> None:
    _announce(database, _message())
    with database.work() as work:
        work.run("UPDATE outbox_message SET queue = 'gone'")
    _announce(database, _message("leg_2"))

    claimed = _claim(database)

    assert [delivery.subject for delivery in claimed] == ["leg_2"]
    with database.read() as work:
        assert outbox.backlog(work, now=START).due == 1


def test_a_message_is_claimed_only_from_its_time_on(database: Database) -> None:
    _announce(database, _message(available_at=_later(30)))

    early = _claim(database, _later(29.999))
    on_time = _claim(database, _later(30))

    assert early == []
    assert len(on_time) == 1


def test_only_the_queues_asked_for_are_claimed(database: Database) -> None:
    _announce(database, _message(), _message("event_1", queue="webhooks"))

    with database.work() as work:
        claimed = outbox.claim(work, queues=["webhooks"], rows_max=9, lane_max=9, lease_seconds=9, now=START)

    assert [delivery.subject for delivery in claimed] == ["event_1"]


def test_a_claimed_row_is_claimed_again_only_when_its_lease_ran_out(database: Database) -> None:
    _announce(database, _message())
    [first] = _claim(database)

    within = _claim(database, _later(LEASE_SECONDS - 0.001))
    [second] = _claim(database, _later(LEASE_SECONDS))

    assert within == []
    assert (second.id, second.attempts) == (first.id, 1)


def test_relays_that_claim_at_once_never_take_a_row_twice_nor_overrun_a_lane(database: Database) -> None:
    _announce(
        database,
        *(_message(f"leg_{number}", lane=f"lane_{number % 7}") for number in range(700)),
    )
    claimed: list[list[Delivery]] = []
    gate = threading.Barrier(6)

    def relay() -> None:
        gate.wait()
        for _ in range(5):
            claimed.append(_claim(database, rows_max=20, lane_max=50))

    threads = [threading.Thread(target=relay) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    ids = [delivery.id for batch in claimed for delivery in batch]
    assert len(ids) == len(set(ids)) == 350
    with database.read() as work:
        lanes = work.fetch("SELECT lane, count(*) FROM outbox_message WHERE state = 'sent' GROUP BY lane")
    assert {count for _, count in lanes} == {50}


def test_a_lane_has_at_most_so_many_in_flight_over_many_claims(database: Database) -> None:
    _announce(database, *(_message(f"leg_{number}") for number in range(10)))

    first = _claim(database, lane_max=4)
    second = _claim(database, lane_max=4)
    with database.work() as work:
        outbox.done(work, [first[0].id], now=START)
    third = _claim(database, lane_max=4)

    assert (len(first), len(second), len(third)) == (4, 0, 1)


def test_a_lane_is_counted_within_its_queue(database: Database) -> None:
    _announce(database, _message(), _message("conversion_1", queue="conversions"))

    claimed = _claim(database, lane_max=1)

    assert len(claimed) == 2


def test_rows_whose_lease_ran_out_count_to_their_lane_again(database: Database) -> None:
    _announce(database, *(_message(f"leg_{number}") for number in range(6)))
    first = _claim(database, lane_max=3)

    again = _claim(database, _later(LEASE_SECONDS), lane_max=3)

    assert [delivery.id for delivery in again] == [delivery.id for delivery in first]


def test_every_lane_gets_its_share_of_a_claim(database: Database) -> None:
    crowd = [_message(f"crowd_{number}", lane="crowd") for number in range(50)]
    few = [_message(f"few_{number}", lane=f"few_{number}") for number in range(5)]
    _announce(database, *crowd, now=START - timedelta(hours=1))
    _announce(database, *few)

    claimed = _claim(database, rows_max=10)

    assert {delivery.lane for delivery in claimed} == {"crowd", *(message.lane for message in few)}


def test_a_lane_of_100000_due_rows_costs_a_claim_nothing(database: Database) -> None:
    with database.work() as work:
        outbox.announce(
            work,
            [_message(f"crowd_{number}", lane="crowd") for number in range(100_000)]
            + [_message(f"later_{number}", lane="later", available_at=_later(900)) for number in range(5_000)]
            + [_message(f"few_{number}", lane=f"few_{number % 20}") for number in range(40)],
            now=START,
        )

    with database.work() as work:
        claimed = outbox.claim(work, queues=QUEUES, rows_max=256, lane_max=24, lease_seconds=60, now=START)
        rows_read = work.fetch(
            "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables "
            "WHERE relname = 'outbox_message'"
        )[0][0]

    lanes = [delivery.lane for delivery in claimed]
    assert lanes.count("crowd") <= 24
    assert sum(lane.startswith("few_") for lane in lanes) == 40
    assert rows_read < 1_000


def test_a_plan_made_for_an_empty_table_still_walks_the_lanes(database: Database) -> None:
    with database.engine.connect() as connection:
        work = Work(connection)
        for _ in range(12):  # long enough for the driver to prepare and the server to keep a generic plan
            outbox.claim(work, queues=QUEUES, rows_max=64, lane_max=8, lease_seconds=60, now=START)
            connection.commit()
        outbox.announce(work, [_message(f"crowd_{number}") for number in range(20_000)], now=START)
        connection.commit()

        claimed = outbox.claim(work, queues=QUEUES, rows_max=64, lane_max=8, lease_seconds=60, now=START)
        rows_read = work.fetch(
            "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables "
            "WHERE relname = 'outbox_message'"
        )[0][0]

    assert len(claimed) == 8
    assert rows_read < 200


def test_a_row_that_another_transaction_holds_is_left_out_of_a_claim(database: Database) -> None:
    _announce(database, _message("leg_1"), _message("leg_2"))
    with database.engine.connect() as connection, connection.begin():
        held = Work(connection)
        held.fetch("SELECT id FROM outbox_message WHERE subject = 'leg_1' FOR UPDATE")

        claimed = _claim(database)

    assert [delivery.subject for delivery in claimed] == ["leg_2"]


def test_of_two_transactions_at_work_on_a_message_one_gets_it(database: Database) -> None:
    _announce(database, _message())
    [delivery] = _claim(database)
    with database.engine.connect() as connection, connection.begin():
        first = outbox.claim_for_effect(Work(connection), [delivery.id])
        with database.work() as work:
            second = outbox.claim_for_effect(work, [delivery.id])

    assert first == {delivery.id}
    assert second == set()


def test_a_message_that_took_effect_has_none_again(database: Database) -> None:
    _announce(database, _message(), _message("leg_2"))
    first, second = _claim(database)
    with database.work() as work:
        assert outbox.claim_for_effect(work, [first.id, second.id]) == {first.id, second.id}
        outbox.done(work, [first.id], now=START)

    with database.work() as work:
        left = outbox.claim_for_effect(work, [first.id, second.id])

    assert left == {second.id}
    assert _claim(database, _later(LEASE_SECONDS)) == [
        Delivery(second.id, "legs", "leg.due", "leg_2", "aerojet", {}, 1, START, "")
    ]


def test_a_message_that_was_pruned_has_no_effect_again(database: Database) -> None:
    _announce(database, _message())
    [delivery] = _claim(database)
    with database.work() as work:
        outbox.done(work, [delivery.id], now=START)
        assert outbox.prune(work, before=_later(1), rows_max=10) == 1

    with database.work() as work:
        left = outbox.claim_for_effect(work, [delivery.id])

    assert left == set()


def test_pruning_takes_only_done_rows_older_than_asked_and_so_many(database: Database) -> None:
    _announce(database, *(_message(f"leg_{number}") for number in range(5)))
    deliveries = _claim(database)
    with database.work() as work:
        for seconds, delivery in enumerate(deliveries[:4]):
            outbox.done(work, [delivery.id], now=_later(seconds))

    with database.work() as work:
        removed = outbox.prune(work, before=_later(3), rows_max=2)

    assert removed == 2
    with database.read() as work:
        kept = [row[0] for row in work.fetch("SELECT id FROM outbox_message ORDER BY id")]
    assert kept == [delivery.id for delivery in deliveries[2:]]


def test_a_postponed_message_comes_back_at_its_time_and_not_before(database: Database) -> None:
    _announce(database, _message())
    [delivery] = _claim(database)

    with database.work() as work:
        outbox.postpone(work, [(delivery.id, _later(300))], reason="the partner asked us to wait")

    assert _claim(database, _later(299)) == []
    [again] = _claim(database, _later(300))
    assert (again.id, again.attempts) == (delivery.id, 1)


def test_a_done_message_is_neither_postponed_nor_buried_nor_faulted(database: Database) -> None:
    _announce(database, _message())
    [delivery] = _claim(database)
    with database.work() as work:
        outbox.done(work, [delivery.id], now=START)

    with database.work() as work:
        outbox.postpone(work, [(delivery.id, START)], reason="late copy")
        outbox.bury(work, [delivery.id], reason="late copy", now=START)
        outbox.give_back(work, [delivery.id])
        assert outbox.record_fault(work, [delivery.id], reason="late copy", now=START) == set()

    with database.read() as work:
        assert work.fetch("SELECT state, finished_at FROM outbox_message") == [("done", START)]


def test_faults_double_the_wait_up_to_a_minute_and_the_last_one_buries(database: Database) -> None:
    _announce(database, _message())
    now = START
    waits = []
    for _ in range(OUTBOX_FAULTS_MAX - 1):
        [delivery] = _claim(database, now)
        with database.work() as work:
            assert outbox.record_fault(work, [delivery.id], reason="ValueError", now=now) == set()
            due = outbox.next_due(work, queues=QUEUES)
        assert due is not None
        waits.append(int((due - now).total_seconds()))
        now = due

    [delivery] = _claim(database, now)
    with database.work() as work:
        buried = outbox.record_fault(work, [delivery.id], reason="ValueError", now=now)

    assert waits == [1, 2, 4, 8, 16, 32, *[OUTBOX_BACKOFF_SECONDS_MAX] * (OUTBOX_FAULTS_MAX - 7)]
    assert buried == {delivery.id}
    with database.read() as work:
        [letter] = outbox.dead_letters(work, after=0, limit=10)
    assert (letter.delivery.id, letter.reason, letter.buried_at) == (delivery.id, "ValueError", now)


def test_a_fault_of_a_late_copy_does_not_move_a_row_that_waits(database: Database) -> None:
    _announce(database, _message())
    [delivery] = _claim(database)
    with database.work() as work:
        outbox.postpone(work, [(delivery.id, _later(300))], reason="wait")

    with database.work() as work:
        outbox.record_fault(work, [delivery.id], reason="late copy", now=START)

    with database.read() as work:
        assert outbox.next_due(work, queues=QUEUES) == _later(300)


def test_a_postponement_in_between_starts_the_count_of_faults_again(database: Database) -> None:
    _announce(database, _message())
    for _ in range(2):
        for _ in range(OUTBOX_FAULTS_MAX - 1):
            [delivery] = _claim(database, _later(10_000))
            with database.work() as work:
                outbox.record_fault(work, [delivery.id], reason="ValueError", now=START)
        [delivery] = _claim(database, _later(10_000))
        with database.work() as work:
            outbox.postpone(work, [(delivery.id, START)], reason="on its way")

    with database.read() as work:
        assert outbox.backlog(work, now=START).dead == 0


def test_a_message_that_nobody_ever_answers_is_buried(database: Database) -> None:
    _announce(database, _message(), _message("leg_2", lane="staywell"))
    claims = 0
    now = START
    while any(delivery.subject == "leg_1" for delivery in _claim(database, now)):
        claims += 1
        with database.work() as work:
            work.run("UPDATE outbox_message SET state = 'waiting', lease_until = NULL WHERE subject = 'leg_2'")
        now += timedelta(seconds=LEASE_SECONDS)

    assert claims == OUTBOX_LAPSES_MAX + 1
    with database.read() as work:
        [letter] = outbox.dead_letters(work, after=0, limit=10)
    assert letter.delivery.subject == "leg_1"
    assert "no answer" in letter.reason


def test_a_buried_message_is_carried_again_only_after_it_is_revived(database: Database) -> None:
    _announce(database, _message())
    [delivery] = _claim(database)
    with database.work() as work:
        outbox.bury(work, [delivery.id], reason="nobody knows what it means", now=START)
    with database.work() as work:
        assert outbox.claim_for_effect(work, [delivery.id]) == set()
    assert _claim(database, _later(3_600)) == []

    with database.work() as work:
        assert outbox.revive(work, [delivery.id, 999_999], now=_later(3_600)) == 1
        assert outbox.revive(work, [delivery.id], now=_later(3_600)) == 0

    assert [again.id for again in _claim(database, _later(3_600))] == [delivery.id]


def test_what_was_given_back_is_claimed_at_once(database: Database) -> None:
    _announce(database, _message())
    [delivery] = _claim(database)

    with database.work() as work:
        outbox.give_back(work, [delivery.id])

    assert [again.id for again in _claim(database)] == [delivery.id]


def test_dead_letters_are_listed_in_pages(database: Database) -> None:
    _announce(database, *(_message(f"leg_{number}") for number in range(3)))
    with database.work() as work:
        outbox.bury(work, [delivery.id for delivery in _claim_within(work)], reason="x" * 600, now=START)

    with database.read() as work:
        first = outbox.dead_letters(work, after=0, limit=2)
        second = outbox.dead_letters(work, after=first[-1].delivery.id, limit=2)

    assert [letter.delivery.subject for letter in first + second] == ["leg_0", "leg_1", "leg_2"]
    assert len(first[0].reason) == 500


def test_the_backlog_counts_each_row_once(database: Database) -> None:
    _announce(
        database,
        _message("lapsed", lane="a"),
        _message("flying", lane="b", available_at=_later(50)),
        _message("due", lane="c", available_at=_later(70)),
        _message("later", lane="d", available_at=_later(900)),
        _message("dead", lane="e", available_at=_later(800)),
        _message("done", lane="f", available_at=_later(800)),
    )
    _claim(database)
    [flying] = _claim(database, _later(50))
    with database.work() as work:
        ids = {row[0]: row[1] for row in work.fetch("SELECT subject, id FROM outbox_message")}
        outbox.bury(work, [ids["dead"]], reason="", now=START)
        outbox.done(work, [ids["done"]], now=START)

    with database.read() as work:
        backlog = outbox.backlog(work, now=_later(80))
        flying_count = outbox.in_flight(work, now=_later(80))
        due, lapse = outbox.next_due(work, queues=QUEUES), outbox.next_lapse(work, queues=QUEUES)

    assert flying.subject == "flying"
    assert backlog == outbox.Backlog(due=2, in_flight=1, later=1, dead=1, oldest_due_at=START)
    assert (flying_count, due, lapse) == (1, _later(70), _later(LEASE_SECONDS))


def test_an_empty_outbox_has_no_backlog_and_nothing_due(database: Database) -> None:
    with database.read() as work:
        assert outbox.backlog(work, now=START) == outbox.Backlog(0, 0, 0, 0, None)
        assert outbox.next_due(work, queues=QUEUES) is None
        assert outbox.next_lapse(work, queues=QUEUES) is None


def _claim_within(work: Work) -> list[Delivery]:
    return outbox.claim(work, queues=QUEUES, rows_max=100, lane_max=100, lease_seconds=60, now=START)
