"""What an order of Northbank says, whether it was answered, inquired after, or told by an event.

Knows Northbank's statuses, words and money. Does not know how anything is asked for.
"""

from collections.abc import Callable, Mapping

from partners.base import (
    Done,
    Notification,
    NotificationKind,
    NotificationUnreadable,
    Outcome,
    Reason,
    Refused,
    Unknown,
)
from partners.notifications import object_of
from partners.profile import UnitProfile
from partners.replies import amount_of, no_proof, reference_of, text_at, unfamiliar
from partners.session import Reply

# Northbank's decline code, or the last piece of a problem's type -> ours. Others are not proof of anything.
REASONS = {
    "insufficient-funds": Reason.INSUFFICIENT_POINTS,
    "account-not-found": Reason.MEMBER_UNKNOWN,
    "account-closed": Reason.MEMBER_CLOSED,
    "account-frozen": Reason.MEMBER_BLOCKED,
    "customer-deceased": Reason.MEMBER_DECEASED,
    "not-enrolled": Reason.MEMBER_INELIGIBLE,
    "holder-mismatch": Reason.NAME_MISMATCH,
    "amount-not-supported": Reason.AMOUNT_NOT_ALLOWED,
    "limit-exceeded": Reason.LIMIT_REACHED,
    "not-refundable": Reason.NOT_REVERSIBLE,
    "suspected-fraud": Reason.FRAUD_SUSPECTED,
}
# Northbank's event -> the status that its order must then have.
EVENTS = {"order.settled": "SETTLED", "order.declined": "DECLINED"}
PROBLEMS = "https://api.northbank.example/problems/"


def answered(reply: Reply, order: Mapping[str, object], unit: UnitProfile, surviving: Callable[[str], str]) -> Outcome:
    """What an answer with an order in it means. RECEIVED and PROCESSING are neither yes nor no yet.

    surviving: a membership number as told -> itself if it is one of the brand's. With 202 nothing is believed but that
    the order is there.
    """
    status = text_at(order, "status")
    if reply.status not in (200, 202):
        return problem(reply, order)
    if status in ("RECEIVED", "PROCESSING") and reference_of(text_at(order, "orderId")):
        return Unknown(f"{status.lower()} by the partner", pending=True)
    outcome = _decided(order, unit, surviving) if reply.status == 200 else None
    return outcome or unfamiliar(reply, text_at(order, "declineCode") or status)


def told(body: bytes, unit: UnitProfile, surviving: Callable[[str], str]) -> Notification:
    """The result in an event. What contradicts itself, or was settled in part, is left to an inquiry.

    Raises: NotificationUnreadable.
    """
    document = object_of(body)
    order, event = document.get("order"), text_at(document, "event")
    key = reference_of(text_at(document, "order", "idempotencyKey"))
    if event not in EVENTS or not isinstance(order, dict) or not key:
        raise NotificationUnreadable("An event of northbank says what happened and names the order's key.")
    outcome = _decided(order, unit, surviving) if text_at(order, "status") == EVENTS[event] else None
    proof = None if isinstance(outcome, Unknown) else outcome
    facts = {"event": event, "event_id": text_at(document, "eventId"), "order": text_at(order, "orderId")}
    return Notification(NotificationKind.LEG_RESULT, key, proof, facts)


def problem(reply: Reply, document: Mapping[str, object]) -> Outcome:
    """422 with a known type (RFC 9457) is a no."""
    kind = text_at(document, "type")
    said = kind.removeprefix(PROBLEMS)
    if reply.status == 422 and kind.startswith(PROBLEMS) and said in REASONS:
        return Refused(REASONS[said], said)
    return no_proof(reply, said)


def money(document: Mapping[str, object], name: str, unit: UnitProfile) -> int | None:
    """Smallest units of `{"value": "12.50", "currency": "USD"}`; None in another currency."""
    if text_at(document, name, "currency") != unit.currency:
        return None
    return amount_of(text_at(document, name, "value"), unit.scale)


def _decided(order: Mapping[str, object], unit: UnitProfile, surviving: Callable[[str], str]) -> Outcome | None:
    """SETTLED in full is a yes, DECLINED with a known code a no; None for anything unfamiliar."""
    status, said = text_at(order, "status"), text_at(order, "declineCode")
    settled, reference = money(order, "settledAmount", unit), reference_of(text_at(order, "orderId"))
    if status == "SETTLED" and reference and not said:
        if settled is None or settled != money(order, "amount", unit):
            return Unknown("settled in part")
        merged = surviving(text_at(order, "replacedBy"))
        return Done(reference, merged, money(order, "available", unit), settled)
    if status == "DECLINED" and said in REASONS and settled is None:
        return Refused(REASONS[said], said)
    return None
