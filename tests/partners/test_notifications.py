"""What partners send is read as strictly as what they answer."""

import json

import pytest

from partners.base import Done, Notification, NotificationUnreadable, Reason, Refused
from partners.notifications import read_notifications


def _body(**changes: object) -> bytes:
    document = {
        "type": "leg.result",
        "timestamp": "2026-11-22T10:00:00Z",
        "subject": "leg_1",
        "data": {"status": "done", "reference": "R1", "amount": 600, "surviving_membership": "M-2", "balance": 100},
    }
    return json.dumps({**document, **changes}).encode()


def _known(number: str) -> str:
    return number if number.startswith("M-") else ""


def test_a_result_that_is_a_clear_yes_is_done() -> None:
    (read,) = read_notifications(_body(), _known)

    assert isinstance(read, Notification)
    assert (read.kind, read.subject) == ("leg.result", "leg_1")
    assert read.outcome == Done("R1", membership="M-2", balance=100, amount=600)


def test_a_result_that_is_a_known_no_is_refused() -> None:
    (read,) = read_notifications(_body(data={"status": "refused", "reason": "member_closed"}), _known)

    assert read.outcome == Refused(Reason.MEMBER_CLOSED, "member_closed")


@pytest.mark.parametrize(
    "data",
    [
        {"status": "done", "reference": "R1"},
        {"status": "done", "amount": 600},
        {"status": "done", "reference": "R1", "amount": "600"},
        {"status": "refused", "reason": "key_reused"},
        {"status": "refused", "reason": "moon_in_the_wrong_house"},
        {"status": "perhaps", "reference": "R1", "amount": 600},
        {},
    ],
)
def test_a_result_that_is_neither_leads_to_an_inquiry(data: dict[str, object]) -> None:
    (read,) = read_notifications(_body(data=data), _known)

    assert read.outcome is None


def test_other_kinds_carry_facts_and_no_outcome() -> None:
    (read,) = read_notifications(_body(type="member.tier_changed", subject="M-1", data={"tier": "gold"}), _known)

    assert (read.kind, read.subject, read.outcome, dict(read.facts)) == (
        "member.tier_changed",
        "M-1",
        None,
        {"tier": "gold"},
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"type": "leg.result", "type": "leg.result", "subject": "a", "data": {}}',
        _body(type="leg.rumour"),
        _body(subject=""),
        _body(subject=7),
        _body(data=[]),
        _body(extra=1),
    ],
)
def test_what_is_no_notification_is_refused(body: bytes) -> None:
    with pytest.raises(NotificationUnreadable):
        read_notifications(body, _known)
