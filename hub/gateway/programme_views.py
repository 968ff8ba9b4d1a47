"""Hosted programmes as JSON for the world: what a programme promises, memberships, statements, histories, postings."""

from collections.abc import Mapping

from hub.gateway.rendering import Shown
from hub.hosted.expiry import last_day
from hub.hosted.types import Expiring, HistoryLine, HostedProgramme, Lot, Membership, PointsPosted, Statement
from hub.kernel.clock import rfc3339
from partners.hosted.programme import ExpiryKind


def programme_view(programme: HostedProgramme) -> Shown:
    """A programme and its rules."""
    rules = programme.rules
    expires = rules.expiry.kind is not ExpiryKind.NONE
    return {
        "unit": programme.unit,
        "partner": programme.partner,
        "name": rules.name,
        "unit_name": rules.unit_name,
        "scale": rules.scale,
        "time_zone": str(programme.zone),
        "live": programme.live,
        "expiry": {
            "rule": rules.expiry.kind,
            "months": rules.expiry.months if expires else None,
            "end_of": rules.expiry.end_of if expires else None,
            "qualifying": sorted(rules.expiry.qualifying),
            "warn_days": list(rules.expiry.warn_days),
        },
        "balance": {"minimum": rules.balance.minimum, "maximum": rules.balance.maximum},
        "numbers": {"label": rules.numbers.label, "pattern": f"^{rules.numbers.pattern}$"},
        "bonus_lot": rules.bonus_lot,
        "keep_expiry": rules.keep_expiry,
    }


def membership_view(member: Membership) -> Shown:
    """A membership without what its points do: it changes only when somebody changes it."""
    return {
        "id": member.id,
        "unit": member.unit,
        "number": member.number,
        "state": member.state,
        "reference": member.reference or None,
        "enrolled_at": rfc3339(member.enrolled_at),
    }


def statement_view(statement: Statement, programme: HostedProgramme) -> Shown:
    """What is in a membership, what of it may be spent, and what lapses when."""
    return {
        "membership": membership_view(statement.membership),
        "balance": statement.balance,
        "held": statement.held,
        "available": statement.available,
        "expiring": [_expiring_view(one, programme) for one in statement.expiring],
        "lots": [_lot_view(one, statement.membership, programme) for one in statement.lots],
    }


def history_view(line: HistoryLine) -> Shown:
    """One thing that happened to a membership's points."""
    return {
        "number": line.number,
        "posting": line.posting,
        "kind": line.kind,
        "amount": line.amount,
        "balance_after": line.balance_after,
        "reference": line.reference or None,
        "at": rfc3339(line.at),
    }


def posted_view(posted: PointsPosted) -> Shown:
    """Points that were moved."""
    return {
        "id": posted.id,
        "kind": posted.kind,
        "unit": posted.unit,
        "membership": posted.membership,
        "amount": posted.amount,
        "balance": posted.balance,
        "recorded_at": rfc3339(posted.recorded_at),
    }


def _expiring_view(expiring: Expiring, programme: HostedProgramme) -> Mapping[str, object]:
    day = last_day(expiring.lapses_at, programme.zone).isoformat()
    return {"amount": expiring.amount, "last_day": day, "lapses_at": rfc3339(expiring.lapses_at)}


def _lot_view(lot: Lot, member: Membership, programme: HostedProgramme) -> Mapping[str, object]:
    """A lot; where activity keeps points alive it lapses with all others of the member."""
    ends = lot.expires_at or member.lapses_at
    return {
        "id": lot.id,
        "earned_at": rfc3339(lot.earned_at),
        "last_day": last_day(ends, programme.zone).isoformat() if ends else None,
        "amount": lot.amount,
        "remaining": lot.remaining,
        "held": lot.held,
    }
