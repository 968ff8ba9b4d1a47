"""What follows from a notification: links, tiers, acknowledgements; what nobody can act on is set aside."""

import itertools
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.kernel.clock import ManualClock
from hub.kernel.errors import HubError
from hub.legs.types import LegProfile
from hub.members.service import links
from hub.members.types import Link
from hub.notifications import service as notifications
from hub.notifications.refusals import NotificationMissing, NotificationStateWrong
from hub.notifications.states import NotificationState
from hub.notifications.types import Proven, Received, Stored
from hub.storage import Database
from partners.base import Notification
from partners.notifications import read_notifications
from tests.conversion.world import PARTNERS, VAULT, World
from tests.legs.fakes import PROFILE, FakePartner

_numbers = itertools.count(1)
QUARANTINED, DONE = NotificationState.QUARANTINED, NotificationState.DONE


class Telling(FakePartner):
    """A partner that tells in the hub's own format; its numbers begin with small letters."""

    def notifications(self, body: bytes) -> tuple[Notification, ...]:
        """What a notification says."""
        return read_notifications(body, lambda number: number if number[:1].islower() else "")


class Directory:
    """Partners that tell."""

    def __init__(self) -> None:
        self.partners = {code: Telling() for code in PARTNERS}

    def adapter(self, partner: str) -> Any:
        """How to call this partner."""
        return self.partners[partner]

    def profile(self, partner: str) -> LegProfile:
        """The same for all."""
        del partner
        return PROFILE


@dataclass
class Told:
    """A world whose partners tell."""

    world: World
    directory: Directory

    def tell(
        self, kind: str, subject: str, partner: str = "aerojet", *, at: str = "2026-04-06T09:00:00Z", **data: object
    ) -> Received:
        """Let a partner tell something, and the worker act on it; what became of it."""
        document = {"type": kind, "timestamp": at, "subject": subject, "data": data}
        return self.send(json.dumps(document).encode(), partner)

    def send(self, body: bytes, partner: str = "aerojet") -> Received:
        """The same for any body."""
        now = self.world.clock.now()
        with self.world.database.work() as work:
            proven = Proven(partner, f"msg_{next(_numbers)}", now, "settings", body)
            (stored,) = notifications.store(work, VAULT, [proven], now=now)
        assert isinstance(stored, Stored)
        self.world.run()
        return self.get(stored.id)

    def get(self, id: str) -> Received:
        """A notification as it stands."""
        with self.world.database.read() as work:
            return notifications.get(work, id)

    def link(self, member: str, partner: str = "aerojet") -> Link:
        """A member's link."""
        with self.world.database.read() as work:
            return links(work, [(member, partner)])[member, partner]


@pytest.fixture
def told(database: Database, clock: ManualClock) -> Told:
    directory = Directory()
    return Told(World(database, clock, directory=directory), directory)


@pytest.mark.parametrize("status", ["closed", "deceased"])
def test_an_ended_membership_closes_its_link_and_converts_no_more(told: Told, status: str) -> None:
    member, bystander = told.world.member(), told.world.member()
    open_before = told.world.convert(member=member)

    received = told.tell("member.changed", told.link(member).membership, status=status)
    (refused,) = told.world.accept(told.world.request(member))
    told.world.run(hours=1)

    assert (received.state, received.reason) == (DONE, "link closed")
    assert (told.link(member).state, told.link(member).reason) == ("closed", f"member_{status}")
    assert isinstance(refused, HubError)
    assert refused.code in ("link_not_active", "link_missing")
    assert told.world.state(open_before) == "posted", "what was accepted goes on"
    assert told.link(bystander).state == "active"
    assert told.link(member, "staywell").state == "active"


def test_the_number_of_another_partner_closes_nothing(told: Told) -> None:
    member = told.world.member()

    received = told.tell("member.changed", told.link(member).membership, "staywell", status="closed")

    assert (received.state, received.reason) == (DONE, "no link to close")
    assert told.link(member).state == "active"


def test_a_merged_membership_is_followed(told: Told) -> None:
    member = told.world.member()

    received = told.tell("member.changed", told.link(member).membership, status="merged", surviving_membership="ae999")

    assert received.reason == "merge followed"
    assert (told.link(member).state, told.link(member).membership) == ("active", "ae999")


@pytest.mark.parametrize("status", ["active", "blocked"])
def test_a_blocked_membership_is_refused_by_its_partner_alone(told: Told, status: str) -> None:
    member = told.world.member()

    received = told.tell("member.changed", told.link(member).membership, status=status)

    assert (received.state, received.reason) == (DONE, "changes no link")
    assert told.link(member).state == "active"


def test_a_tier_is_kept_and_an_older_word_does_not_replace_a_newer(told: Told) -> None:
    member = told.world.member()
    number = told.link(member).membership

    for at, tier in (("2026-04-06T08:00:00Z", "gold"), ("2026-04-06T07:00:00Z", "silver")):
        assert told.tell("member.tier_changed", number, at=at, tier=tier).state is DONE

    assert told.link(member).tier == "gold"


def test_an_acknowledged_statement_is_recorded_once_for_settlement(told: Told) -> None:
    for at in ("2026-04-06T08:00:00Z", "2026-04-06T09:00:00Z"):
        told.tell("statement.acknowledged", "stm_1", at=at)
    told.tell("statement.acknowledged", "stm_2", "staywell")

    with told.world.database.read(as_partner="aerojet") as work:
        own = notifications.acknowledged(work, "aerojet", ["stm_1", "stm_2"])
        foreign = notifications.acknowledged(work, "staywell", ["stm_2"])
    assert own == {"stm_1": datetime(2026, 4, 6, 8, tzinfo=UTC)}
    assert foreign == {}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\xff\x00", "notification_unreadable"),
        (b"{}", "notification_unreadable"),
        (b'{"type":"member.changed","timestamp":"2026-04-06T09:00:00Z","subject":"ae1","data":{"status":"asleep"}}',
         "notification_unreadable"),
        (b'{"type":"member.tier_changed","timestamp":"soon","subject":"ae1","data":{"tier":"gold"}}',
         "notification_unreadable"),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_set_aside_and_nothing_is_lost(told: Told, body: bytes, reason: str) -> None:
    received = told.send(body)

    with told.world.database.read() as work:
        kept = notifications.body_of(work, VAULT, received.id)
    assert received.state is QUARANTINED
    assert received.reason.startswith(f"{reason}: ")
    assert kept == body


def test_one_in_quarantine_is_tried_again_once_its_cause_is_mended(told: Told) -> None:
    member = told.world.member()
    broken = json.dumps(
        {
            "type": "member.changed",
            "timestamp": "2026-04-06T09:00:00Z",
            "subject": told.link(member).membership,
            "data": {"status": "merged", "surviving_membership": "AE77"},
        }
    ).encode()
    received = told.send(broken)
    # The adapter learns that this brand writes its numbers in capitals too.
    told.directory.partners["aerojet"].notifications = (  # type: ignore[method-assign]
        lambda body: read_notifications(body, lambda number: number.lower())
    )

    with told.world.database.work() as work:
        again = notifications.retry(work, received.id, actor="maya", now=told.world.clock.now())
    told.world.run()

    assert (received.state, again.state) == (QUARANTINED, NotificationState.RECEIVED)
    assert told.get(received.id).state is DONE
    with told.world.database.work() as work, pytest.raises(NotificationStateWrong):
        notifications.retry(work, received.id, actor="maya", now=told.world.clock.now())


def test_one_that_is_dismissed_is_over_and_the_audit_log_says_who_and_why(told: Told) -> None:
    received = told.send(b"{}")

    with told.world.database.work() as work:
        notifications.dismiss(work, received.id, reason="sent again", actor="maya", now=told.world.clock.now())
    with told.world.database.work() as work, pytest.raises(NotificationStateWrong):
        notifications.dismiss(work, received.id, reason="again", actor="maya", now=told.world.clock.now())

    with told.world.database.read() as work:
        audit = work.fetch("SELECT actor, facts ->> 'reason' FROM audit_entry WHERE action = 'notification.dismissed'")
    assert told.get(received.id).state is NotificationState.DISMISSED
    assert audit == [("maya", "sent again")]


def test_a_message_that_is_delivered_again_does_nothing_again(told: Told) -> None:
    member = told.world.member()
    number = told.link(member).membership
    told.tell("member.tier_changed", number, tier="gold")
    with told.world.database.work() as work:
        work.run("UPDATE member_link SET tier = 'untouched' WHERE membership = %s", (number,))
        work.run("UPDATE outbox_message SET state = 'waiting', finished_at = NULL WHERE kind = 'notification.received'")

    told.world.run()

    assert told.link(member).tier == "untouched"


def test_finished_ones_are_forgotten_after_their_time_and_others_stay(told: Told) -> None:
    done, aside = told.tell("member.tier_changed", "ae1", tier="gold"), told.send(b"{}")
    later = told.world.clock.now() + notifications.KEPT + timedelta(days=1)

    with told.world.database.work() as work:
        counts = [notifications.forget(work, before=later - notifications.KEPT, rows_max=10) for _ in range(2)]

    assert counts == [1, 0]
    assert told.get(aside.id).state is QUARANTINED
    with pytest.raises(NotificationMissing):
        told.get(done.id)
