"""What a member is shown of its own, as JSON: links, balances, conversions with who has the ball, apps it allowed.

Knows which fields a member sees: its membership numbers, and nothing about clearing.
"""

from collections.abc import Mapping, Sequence

from hub.access.grants import Allowed
from hub.access.scopes import WORDS, Scope
from hub.conversion.ageing import Outlook
from hub.conversion.types import Conversion, Moment
from hub.gateway.balances import Balance
from hub.gateway.rendering import Shown, conversion_view, names_view, timeline_view
from hub.kernel.clock import rfc3339
from hub.members.types import Link, Member


def me_view(member: Member, name: str) -> Shown:
    """The member itself. name: as the hub knows it; empty for not at all."""
    return {"id": member.id, "name": name or None, "created_at": rfc3339(member.created_at)}


def own_link_view(link: Link) -> Shown:
    """One of its links."""
    return {
        "id": link.id,
        "partner": link.partner,
        "membership": link.membership,
        "state": link.state,
        "reason": link.reason or None,
        "name_match": names_view(link.names),
        "tier": link.tier or None,
        "debit_by": list(link.debit_by),
        "created_at": rfc3339(link.created_at),
        "proven_at": rfc3339(link.proven_at) if link.proven_at is not None else None,
    }


def balance_view(link: Link, balance: Balance, unit: str) -> Shown:
    """What one of its memberships holds. unit: empty where the partner has several, or none that is known."""
    return {
        "link": link.id,
        "partner": link.partner,
        "unit": unit or None,
        "amount": balance.amount,
        "freshness": balance.freshness,
        "as_of": rfc3339(balance.at) if balance.at is not None else None,
        "reason": balance.reason or None,
    }


def own_conversion_view(conversion: Conversion) -> dict[str, object]:
    """One of its conversions; `waits_for` says who has the ball."""
    return {name: value for name, value in conversion_view(conversion).items() if name != "member"}


def followed_view(conversion: Conversion, moments: Sequence[Moment], outlook: Outlook) -> Shown:
    """The same with its timeline, and how long conversions of its route take by the newest ones that ended."""
    pace = outlook.pace
    return {
        **own_conversion_view(conversion),
        "timeline": timeline_view(moments),
        "pace": {
            "p50_seconds": int(pace.p50.total_seconds()),
            "p95_seconds": int(pace.p95.total_seconds()),
            "samples": pace.samples,
        },
        "expected_by": rfc3339(outlook.expected_by) if outlook.expected_by is not None else None,
    }


def consent_view(allowed: Allowed) -> Shown:
    """An app that it allowed to act for it, in the words that it said yes to."""
    return {
        "id": allowed.grant.id,
        "app": allowed.app,
        "scopes": [{"scope": one, "words": WORDS[Scope(one)]} for one in allowed.grant.scopes],
        "created_at": rfc3339(allowed.grant.created_at),
        "expires_at": rfc3339(allowed.grant.expires_at),
    }


def export_view(
    me: Shown, links: Sequence[Link], conversions: Sequence[Conversion], consents: Sequence[Allowed], *, complete: bool
) -> Mapping[str, object]:
    """Everything that the hub knows of a member. complete: whether every conversion is among them."""
    return {
        "member": me,
        "links": [own_link_view(one) for one in links],
        "conversions": [own_conversion_view(one) for one in conversions],
        "consents": [consent_view(one) for one in consents],
        "complete": complete,
    }
