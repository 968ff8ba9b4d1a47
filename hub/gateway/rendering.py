"""Things of the hub as JSON for the world: plain dictionaries, built by hand because this runs for every conversion.

Knows which fields are shown. Amounts are integers beside their units, rates exact fractions, times RFC 3339 in UTC.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from hub.agreements.types import Partner, Unit
from hub.conversion.types import Conversion, Moment
from hub.kernel.amounts import fraction_text
from hub.kernel.clock import rfc3339
from hub.members.types import Link

Shown = Mapping[str, object]


def compact(value: object) -> str:
    """`value` as JSON without spaces."""
    return json.dumps(value, separators=(",", ":"))


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


def link_view(link: Link) -> Shown:
    """A link, for those who recorded it or whose membership it is."""
    return {
        "id": link.id,
        "member": link.member,
        "partner": link.partner,
        "membership": link.membership,
        "state": link.state,
        "reason": link.reason or None,
        "debit_by": list(link.debit_by),
        "created_at": rfc3339(link.created_at),
        "proven_at": _time(link.proven_at),
    }


def _time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment is not None else None
