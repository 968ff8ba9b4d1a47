"""Limits and what is left of them, as plain dictionaries for the doors."""

from hub.kernel.clock import rfc3339
from hub.limits.types import Allowance, LimitRule


def limit_view(rule: LimitRule) -> dict[str, object]:
    """A limit with every field."""
    return {
        "id": rule.id,
        "per": rule.per.value,
        "counts": rule.counts.value,
        "period": rule.period.value,
        "maximum": rule.maximum,
        "direction": rule.direction.value,
        "sources": list(rule.sources),
        "targets": list(rule.targets),
        "zone": rule.zone,
    }


def allowance_view(allowance: Allowance) -> dict[str, object]:
    """What is left of a limit. frees_at: null when nothing of it is used."""
    return {
        "limit": allowance.rule.id,
        "maximum": allowance.rule.maximum,
        "used": allowance.used,
        "left": allowance.left,
        "frees_at": rfc3339(allowance.frees_at) if allowance.frees_at else None,
    }
