"""Points lapse on their day, once, and members are warned before."""

from datetime import timedelta

import pytest

from hub.kernel.clock import ManualClock
from hub.outbox import claim
from hub.outbox.events import Event, event_of
from hub.storage import Database, Work
from tests.hosted.support import BY_ACTIVITY, NEVER, UNIT, Cafe, rules


@pytest.fixture
def cafe(database: Database, clock: ManualClock) -> Cafe:
    return Cafe(database, clock)


def test_points_lapse_the_midnight_after_their_last_day_and_not_before(cafe: Cafe) -> None:
    member = cafe.member(100)
    ends = cafe.statement(member).expiring[0].lapses_at
    cafe.clock.advance(ends - cafe.clock.now() - timedelta(microseconds=1))

    assert cafe.lapse() == 0
    assert cafe.statement(member).available == 100
    cafe.clock.advance(timedelta(microseconds=1))
    assert cafe.statement(member).available == 0
    assert cafe.lapse() == 100
    assert cafe.lapse() == 0
    assert cafe.differences() == []


def test_only_what_is_due_lapses(cafe: Cafe) -> None:
    member = cafe.member(100)
    cafe.clock.advance(timedelta(days=40))
    cafe.do("earn", member, 50)
    cafe.clock.advance(timedelta(days=355))

    assert cafe.lapse() == 100
    assert cafe.lots(member) == [("2027-05-31", 50)]


def test_points_without_expiry_never_lapse(database: Database, clock: ManualClock) -> None:
    cafe = Cafe(database, clock, rules(NEVER))
    member = cafe.member(100)
    clock.advance(timedelta(days=36_500))

    assert cafe.lapse() == 0
    assert cafe.lots(member) == [("never", 100)]


def test_a_blocked_members_points_lapse_too(cafe: Cafe) -> None:
    member = cafe.member(100)
    with cafe.database.work() as work:
        work.run("UPDATE hosted_membership SET state = 'blocked' WHERE id = %s", (member.id,))
    cafe.clock.advance(timedelta(days=400))

    assert cafe.lapse() == 100


def test_a_run_in_small_batches_comes_to_the_same(cafe: Cafe) -> None:
    members = [cafe.member(10, 20, 30) for _ in range(5)]
    cafe.clock.advance(timedelta(days=400))

    assert cafe.lapse(limit=2) == 300
    assert [cafe.statement(member).balance for member in members] == [0] * 5
    assert cafe.differences() == []


def test_a_run_that_died_before_its_commit_goes_on_without_double_effect(cafe: Cafe) -> None:
    for _ in range(5):
        cafe.member(10, 20)
    cafe.clock.advance(timedelta(days=400))

    def die(work: Work) -> None:
        cafe.hosted.lapse_due(work, now=cafe.clock.now(), limit=4)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), cafe.database.work() as work:
        die(work)
    with cafe.database.work() as work:
        first = cafe.hosted.lapse_due(work, now=cafe.clock.now(), limit=4)

    assert 0 < first.points < 150
    assert cafe.lapse() == 150 - first.points
    assert cafe.differences() == []


def test_activity_keeps_all_points_alive(database: Database, clock: ManualClock) -> None:
    cafe = Cafe(database, clock, rules(BY_ACTIVITY))
    member = cafe.member(100)
    clock.advance(timedelta(days=500))
    cafe.do("spend", member, 1)
    clock.advance(timedelta(days=500))

    assert cafe.lapse() == 0
    clock.advance(timedelta(days=60))
    assert cafe.lapse() == 99
    assert cafe.differences() == []


def test_what_is_no_qualifying_activity_keeps_nothing_alive(database: Database, clock: ManualClock) -> None:
    cafe = Cafe(database, clock, rules(BY_ACTIVITY))
    member, other = cafe.member(100), cafe.member(1)
    clock.advance(timedelta(days=500))
    cafe.do("transfer", member, 10, to=other)
    cafe.do("adjust_up", member, 10)
    clock.advance(timedelta(days=60))

    assert cafe.lapse() == 111


def test_activity_after_the_day_saves_only_what_comes_then(database: Database, clock: ManualClock) -> None:
    cafe = Cafe(database, clock, rules(BY_ACTIVITY))
    member = cafe.member(100)
    clock.advance(timedelta(days=560))

    cafe.do("earn", member, 7)

    assert cafe.statement(member).available == 7
    assert cafe.refused("spend", member, 8) == "insufficient_points"
    assert cafe.lapse() == 100
    assert cafe.lapse() == 0
    assert cafe.statement(member).balance == 7
    clock.advance(timedelta(days=560))
    assert cafe.lapse() == 7
    assert cafe.differences() == []


def _warnings(cafe: Cafe) -> list[Event]:
    with cafe.database.work() as work:
        cafe.hosted.warn_due(work, [UNIT], now=cafe.clock.now(), limit=100)
        found = claim(work, queues=["webhooks"], now=cafe.clock.now(), lane_max=100, rows_max=100, lease_seconds=60)
        work.run("DELETE FROM outbox_message")
    return [event_of(one) for one in found]


def test_a_member_is_warned_once_of_each_group_of_lots(cafe: Cafe) -> None:
    member = cafe.member(100, 20)
    cafe.clock.advance(timedelta(days=20))
    cafe.do("earn", member, 3)
    cafe.member(0 + 9)
    cafe.do("spend", member, 10)
    assert _warnings(cafe) == []
    cafe.clock.advance(timedelta(days=320))

    found = [one for one in _warnings(cafe) if one.subject == member.id]

    assert [(one.type, dict(one.data), one.partners, one.live) for one in found] == [
        (
            "hosted.points_expiring",
            {"unit": UNIT, "amount": 113, "last_day": "2027-04-30", "days": 60},
            ("bluebean",),
            False,
        )
    ]
    assert _warnings(cafe) == []


def test_each_of_a_programmes_days_brings_a_warning_and_a_missed_one_is_not_made_up_for(cafe: Cafe) -> None:
    cafe.member(100)
    seen = []

    for days in (330, 5, 25, 27, 5):
        cafe.clock.advance(timedelta(days=days))
        seen.append([one.data["days"] for one in _warnings(cafe)])

    assert seen == [[60], [], [30], [7], []]
