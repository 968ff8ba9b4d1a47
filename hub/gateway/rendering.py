"""Things of the hub as JSON for the world: plain dictionaries, built by hand because this runs for every conversion.

Knows which fields are shown. Amounts are integers beside their units, rates exact fractions, times RFC 3339 in UTC.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from hub.access.types import Client
from hub.agreements.types import Agreement, Partner, Unit
from hub.audit import AuditEntry
from hub.conversion.types import Conversion, Moment
from hub.kernel.amounts import decimal_text, fraction_text
from hub.kernel.clock import rfc3339
from hub.members.names import ADVICE, NameMatch
from hub.members.types import Link, Member
from hub.notifications.types import Received

Shown = Mapping[str, object]


# Made once: `json.dumps` with arguments makes one a call.
_ENCODER = json.JSONEncoder(separators=(",", ":"))


def compact(value: object) -> str:
    """`value` as JSON without spaces."""
    return _ENCODER.encode(value)


def conversion_view(conversion: Conversion) -> dict[str, object]:
    """A conversion without what is nobody else's business: clearing values and membership numbers."""
    return {
        "id": conversion.id,
        "state": conversion.state,
        "member": conversion.member,
        "source_partner": conversion.source_partner,
        "source_unit": conversion.source_unit,
        "source_amount": conversion.source_amount,
        "target_partner": conversion.target_partner,
        "target_unit": conversion.target_unit,
        "target_amount": conversion.target_amount,
        "base": conversion.base,
        "bonus": conversion.bonus,
        "fee": conversion.fee,
        "fee_unit": conversion.fee_unit or None,
        "rate": fraction_text(conversion.rate),
        "quote": conversion.quote,
        "rule": conversion.rule,
        "reason": conversion.reason or None,
        "reverses": conversion.reverses or None,
        "reversed_amount": conversion.reversed_amount,
        "waits_for": conversion.ball or None,
        "live": conversion.live,
        "created_at": rfc3339(conversion.created_at),
        "updated_at": rfc3339(conversion.updated_at),
        "version": conversion.version,
    }


def conversion_location(conversion: Conversion) -> str:
    """Where a conversion is found."""
    return f"/v1/conversions/{conversion.id}"


def timeline_view(moments: Sequence[Moment]) -> list[Shown]:
    """The steps of a conversion, oldest first."""
    return [
        {"at": rfc3339(one.at), "what": one.what, "partner": one.partner or None, "detail": one.detail or None}
        for one in moments
    ]


def unit_view(unit: Unit) -> Shown:
    """A unit and how many decimal digits its smallest unit has."""
    return {
        "code": unit.code,
        "partner": unit.partner,
        "name": unit.name,
        "scale": unit.scale,
        "kind": unit.kind,
        "currency": unit.currency or None,
        "hosted": unit.hosted,
    }


def partner_view(partner: Partner) -> Shown:
    """A partner as others may see it: not how it is reached."""
    return {
        "code": partner.code,
        "name": partner.name,
        "kind": partner.kind,
        "time_zone": partner.time_zone,
        "live": partner.live,
        "state": partner.state,
        "stopped": partner.stopped,
    }


def agreement_view(agreement: Agreement, *, to_partner: bool) -> Shown:
    """A version of an agreement. to_partner: for its partner, who is not told the names of the hub's operators."""
    return {
        "id": agreement.version,
        "partner": agreement.partner,
        "state": agreement.state,
        "currency": agreement.currency,
        "ledger_scale": agreement.ledger_scale,
        "billing_percent": fraction_text(agreement.billing_percent),
        "net_debit_cap": decimal_text(agreement.net_debit_cap, agreement.ledger_scale),
        "reversals": agreement.reversals,
        "effective_from": rfc3339(agreement.effective_from),
        "effective_until": _time(agreement.effective_until),
        "settlement_model": agreement.settlement_model,
        "calendar": agreement.calendar,
        "late_days": agreement.late_days,
        "notes": agreement.notes,
        "prices": [
            {"unit": price.unit, "kind": price.kind, "per_thousand": fraction_text(price.per_thousand)}
            for price in agreement.prices
        ],
        "approved_by": list(agreement.approved_by),
        "proposed_at": rfc3339(agreement.proposed_at),
        "proposed_by": None if to_partner else agreement.proposed_by,
        "activated_at": _time(agreement.activated_at),
        "activated_by": None if to_partner else agreement.activated_by,
    }


def client_view(client: Client) -> Shown:
    """A client without what it proves itself with."""
    return {
        "id": client.id,
        "partner": client.partner or None,
        "auth": client.auth,
        "scopes": list(client.scopes),
        "live": client.live,
        "state": client.state,
        "created_at": rfc3339(client.created_at),
    }


def audit_view(entry: AuditEntry) -> Shown:
    """One deed; `seal` covers it and every deed before it."""
    return {
        "number": entry.number,
        "at": rfc3339(entry.recorded_at),
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "facts": dict(entry.facts),
        "seal": entry.seal.hex(),
    }


def member_view(member: Member) -> Shown:
    """A member, for the partner whose it is."""
    return {"id": member.id, "reference": member.reference, "created_at": rfc3339(member.created_at)}


def link_view(link: Link) -> Shown:
    """A link, for those who recorded it or whose membership it is."""
    return {
        "id": link.id,
        "member": link.member,
        "partner": link.partner,
        "membership": link.membership,
        "state": link.state,
        "reason": link.reason or None,
        "name_match": names_view(link.names),
        "tier": link.tier or None,
        "debit_by": list(link.debit_by),
        "created_at": rfc3339(link.created_at),
        "proven_at": _time(link.proven_at),
    }


def names_view(match: NameMatch | None) -> Shown | None:
    """How like two names are and what to do about each difference; never a piece of a name."""
    if match is None:
        return None
    differences = [{"code": one, "advice": ADVICE[one]} for one in match.differences]
    return {"score": match.score, "differences": differences}


def notification_view(received: Received) -> Shown:
    """What a partner sent and what became of it, without its body."""
    return {
        "id": received.id,
        "partner": received.partner,
        "sender_id": received.sender_id,
        "type": received.kind or None,
        "subject": received.subject or None,
        "state": received.state,
        "reason": received.reason or None,
        "signed_at": rfc3339(received.signed_at),
        "received_at": rfc3339(received.received_at),
        "ended_at": _time(received.ended_at),
    }


def _time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment is not None else None
