"""Every type of event that partners are told of, with the facts it carries. The contract shows the same, and a test
holds the two together.

Knows words and examples. Does not know who announces an event.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EventType:
    """A type of event. facts: names of what `data` always holds; optional: of what it may hold besides. numbers: those
    of both that are whole numbers; the others are texts.
    """

    name: str
    meaning: str
    subject: str
    facts: tuple[str, ...]
    optional: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()


ENDPOINT_DISABLED = "webhook.endpoint_disabled"
TEST = "webhook.test"

_CONVERSION = ("conversion", "state", "source_partner", "target_partner")

_TYPES = (
    EventType(
        "accrual.paid",
        "Points that a member accrued have arrived at the partner.",
        "payout",
        ("payout", "unit", "points"),
    ),
    EventType(
        "accrual.posted",
        "A part of what a bank sent has accrued points; to the bank and to the partner whose points they are.",
        "chunk",
        ("chunk", "bank", "unit", "earned", "clawed_back"),
        numbers=("chunk",),
    ),
    EventType(
        "accrual.returned",
        "The partner refused what a member accrued; it is the member's again.",
        "payout",
        ("payout", "unit", "points", "reason"),
    ),
    EventType(
        "accruals.stopped",
        "A bank's accruals are kept and not posted before it is funded.",
        "bank",
        ("bank", "reason"),
    ),
    EventType(
        "conversion.in_review",
        "A conversion waits for two people of the hub to let it go on.",
        "conversion",
        _CONVERSION,
        ("reverses",),
    ),
    EventType(
        "conversion.owed",
        "The target refused the points and the source would not take them back: the hub owes them to the member.",
        "conversion",
        _CONVERSION,
        ("reason", "reverses"),
    ),
    EventType(
        "conversion.posted", "The points have arrived at the target; final.", "conversion", _CONVERSION, ("reverses",)
    ),
    EventType(
        "conversion.reversed",
        "A posted conversion was taken back, whole or in part, by another conversion.",
        "conversion",
        ("conversion", "reversal", "extent", "source_partner", "target_partner"),
    ),
    EventType(
        "conversion.voided",
        "A conversion ended without moving anything in the end; final.",
        "conversion",
        _CONVERSION,
        ("reason", "reverses"),
    ),
    EventType(
        "hosted.points_expiring",
        "Points of a member of a programme that the hub keeps lapse soon.",
        "membership",
        ("unit", "amount", "last_day", "days"),
        numbers=("amount", "days"),
    ),
    EventType(
        "hosted.points_lapsed",
        "Points of a programme that the hub keeps have lapsed; one for each part of a run.",
        "unit",
        ("unit", "memberships", "amount"),
        numbers=("memberships", "amount"),
    ),
    EventType("link.active", "A membership is tied to a member.", "link", ("link", "partner")),
    EventType(
        "link.closed",
        "A membership is tied to its member no more; open conversions go on.",
        "link",
        ("link", "partner"),
    ),
    EventType("link.refused", "A membership could not be tied to a member.", "link", ("link", "partner", "reason")),
    EventType("partner.started", "A stopped partner takes part again.", "partner", ("partner",)),
    EventType(
        "partner.stopped", "Debits, credits or both of a partner are stopped.", "partner", ("partner", "direction")
    ),
    EventType(
        "prepaid.low",
        "What a bank paid in advance has come down to its reorder level.",
        "block",
        ("bank", "unit", "left"),
    ),
    EventType(
        "objection.decided",
        "An objection to lines of a statement was upheld or rejected.",
        "objection",
        ("objection", "statement", "decision"),
    ),
    EventType(
        "rate.activated",
        "A rate rule prices from its start on.",
        "rate rule",
        ("rule", "source_unit", "target_unit", "effective_from"),
    ),
    EventType(
        "statement.issued",
        "The statement of a settlement window is there to be fetched.",
        "statement",
        ("statement", "window", "due_on", "sha256"),
    ),
    EventType(
        ENDPOINT_DISABLED,
        "An endpoint of yours is no longer sent to. Resume it, then ask for what it missed.",
        "endpoint",
        ("endpoint", "reason"),
    ),
    EventType(TEST, "A test that you asked for.", "endpoint", ("endpoint",)),
)

CATALOGUE: Mapping[str, EventType] = {one.name: one for one in _TYPES}


def is_known(type_: str) -> bool:
    """Whether there are events of this type."""
    return type_ in CATALOGUE
