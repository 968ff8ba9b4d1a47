"""Notifications in the hub's own format, for brands that bring no format of their own.

Knows the JSON below and nothing of signatures. What is not exactly that is refused; a result that is neither a clear
yes nor a known no is no proof, and leads to an inquiry.

    {"type": "leg.result", "timestamp": "2026-11-22T10:00:00Z", "subject": "leg_1",
     "data": {"status": "done", "reference": "R1", "amount": 600, "surviving_membership": "", "balance": 100}}
    {"type": "leg.result", ..., "data": {"status": "refused", "reason": "member_closed"}}
    {"type": "member.changed", ..., "subject": "M-1", "data": {"status": "merged", "surviving_membership": "M-2"}}
    {"type": "member.tier_changed", ..., "subject": "M-1", "data": {"tier": "gold"}}
    {"type": "card.transactions", ..., "subject": "lot-7", "data": {"transactions": [{"id": "T1", ...}]}}
    {"type": "statement.acknowledged", ..., "subject": "stm_1", "data": {}}
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from hub.kernel.clock import parse_rfc3339
from hub.kernel.limits import BATCH_ITEMS_MAX
from partners.base import Done, MemberStatus, Notification, NotificationKind, NotificationUnreadable, Reason, Refused
from partners.replies import json_document, label_of, reference_of, text_at, whole_at

_KINDS = frozenset(map(str, NotificationKind))
_STATUSES = frozenset(map(str, MemberStatus))
_KEYS = frozenset({"type", "timestamp", "subject", "data"})
_REASONS: Mapping[str, Reason] = {str(reason): reason for reason in Reason if reason is not Reason.KEY_REUSED}


def read_notifications(body: bytes, surviving: Callable[[str], str]) -> tuple[Notification, ...]:
    """The one notification in `body`. surviving: a membership number as told -> itself if it is one of the brand's.

    Raises: NotificationUnreadable.
    """
    document = object_of(body)
    kind, subject = text_at(document, "type"), reference_of(text_at(document, "subject"))
    data = document.get("data")
    if kind not in _KINDS:
        raise NotificationUnreadable(f"A notification's type is one of {', '.join(sorted(_KINDS))}.", pointer="/type")
    if not subject:
        raise NotificationUnreadable("A notification names its subject in 1 to 128 characters.", pointer="/subject")
    if not isinstance(data, dict):
        raise NotificationUnreadable("A notification's data is an object.", pointer="/data")
    if unknown := sorted(set(document) - _KEYS):
        raise NotificationUnreadable("A notification has type, timestamp, subject and data.", pointer=f"/{unknown[0]}")
    at = _instant(text_at(document, "timestamp"))
    outcome = _outcome(data, surviving) if kind == NotificationKind.LEG_RESULT else None
    _require_facts(kind, data, surviving)
    return (Notification(kind, subject, outcome, data, at),)


def object_of(body: bytes) -> Mapping[str, object]:
    """The JSON object in `body`, read as strictly as a reply. Raises: NotificationUnreadable."""
    document = json_document(body)
    if document is None:
        raise NotificationUnreadable("A notification is one JSON object in UTF-8 without a key that stands twice.")
    return document


def _instant(text: str) -> datetime:
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError) as fault:
        raise NotificationUnreadable("A timestamp is like 2026-11-22T10:00:00Z.", pointer="/timestamp") from fault


def _require_facts(kind: str, data: Mapping[str, object], surviving: Callable[[str], str]) -> None:
    """What each kind promises of its data. Raises: NotificationUnreadable."""
    if kind == NotificationKind.MEMBER_CHANGED:
        if text_at(data, "status") not in _STATUSES:
            raise NotificationUnreadable(f"A status is one of {', '.join(sorted(_STATUSES))}.", pointer="/data/status")
        if text_at(data, "status") == MemberStatus.MERGED and not surviving(text_at(data, "surviving_membership")):
            raise NotificationUnreadable(
                "A merged membership names the one it lives on as.", pointer="/data/surviving_membership"
            )
    if kind == NotificationKind.MEMBER_TIER_CHANGED and not label_of(text_at(data, "tier")):
        raise NotificationUnreadable("A tier is a word of the brand.", pointer="/data/tier")
    if kind == NotificationKind.CARD_TRANSACTIONS:
        found = data.get("transactions")
        if not isinstance(found, list) or not 0 < len(found) <= BATCH_ITEMS_MAX:
            raise NotificationUnreadable(
                f"Card transactions are a list of 1 to {BATCH_ITEMS_MAX}.", pointer="/data/transactions"
            )


def _outcome(data: Mapping[str, object], surviving: Callable[[str], str]) -> Done | Refused | None:
    status, reference = text_at(data, "status"), reference_of(text_at(data, "reference"))
    amount = whole_at(data, "amount")
    if status == "done" and reference and amount is not None:
        return Done(reference, surviving(text_at(data, "surviving_membership")), whole_at(data, "balance"), amount)
    reason = _REASONS.get(text_at(data, "reason"))
    return Refused(reason, str(reason)) if status == "refused" and reason is not None else None
