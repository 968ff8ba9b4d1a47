"""Quotes, plans, rules and campaigns as plain dictionaries for the command line and the gateway.

Knows field names of the border. Never shows clearing values: they are nobody else's business.
"""

from collections.abc import Sequence
from fractions import Fraction

from hub.kernel.amounts import fraction_text
from hub.kernel.clock import rfc3339
from hub.rates.plans import Plan, PlanRequest, Way
from hub.rates.types import Campaign, Quote, RateRule

# What a quote has and a step of a plan has not: it is no offer yet.
_OF_AN_OFFER = frozenset({"id", "quote", "created_at", "expires_at"})


def quote_view(quote: Quote, token: str | None = None) -> dict[str, object]:
    """A quote, flat. token: the sealed quote, to be handed back when it is accepted."""
    clearing = None
    if quote.source_terms and quote.target_terms:
        clearing = {"source_agreement": quote.source_terms, "target_agreement": quote.target_terms}
    return {
        "id": quote.id,
        "quote": token,
        "source_unit": quote.source_unit,
        "source_amount": quote.price.source_amount,
        "target_unit": quote.target_unit,
        "target_amount": quote.price.target_amount,
        "base": quote.price.base,
        "bonus": quote.price.bonus,
        "fee": quote.price.fee,
        "fee_unit": quote.price.fee_unit or None,
        "rate": fraction_text(quote.price.rate),
        "rule": quote.price.rule,
        "campaigns": [{"campaign": campaign, "bonus": amount} for campaign, amount in quote.price.bonuses],
        "clearing": clearing,
        "created_at": rfc3339(quote.created_at),
        "expires_at": rfc3339(quote.expires_at),
        "explain": [{"what": line.what, "amount": line.amount, "why": line.why} for line in quote.price.explain],
    }


def plan_view(request: PlanRequest, plan: Plan, quotes: Sequence[Sequence[Quote]]) -> dict[str, object]:
    """A plan. quotes: for each way what a quote would say of each of its steps, in order."""
    return {
        "target_unit": request.target_unit,
        "amount": request.amount,
        "reachable": plan.reachable,
        "complete": plan.complete,
        "ways": [_way_view(request, way, made) for way, made in zip(plan.ways, quotes, strict=True)],
        "unused": [{"unit": unit, "why": why} for unit, why in plan.unused.items()],
    }


def _way_view(request: PlanRequest, way: Way, quotes: Sequence[Quote]) -> dict[str, object]:
    steps = [
        {name: value for name, value in quote_view(quote).items() if name not in _OF_AN_OFFER}
        | {"from_balance": one.drawn}
        for one, quote in zip(way.steps, quotes, strict=True)
    ]
    return {
        "cost": fraction_text(way.cost),
        "target_amount": way.arrives,
        "acceptable": all(step["clearing"] is not None for step in steps),
        "spends": [{"unit": unit, "amount": amount} for unit, amount in way.spends.items()],
        "steps": steps,
        "explain": _why(request, way),
    }


def _why(request: PlanRequest, way: Way) -> list[dict[str, str]]:
    """One line a number that the cost is the sum of, and the cost."""
    lines = []
    for one in request.holdings:
        spent = way.spends.get(one.unit, 0)
        if spent and one.worth is None:
            share = fraction_text(Fraction(spent, one.balance))
            lines.append({"what": one.unit, "amount": share, "why": f"{spent} of the {one.balance} held, as a share"})
        elif spent and one.worth is not None:
            worth = fraction_text(spent * one.worth)
            lines.append({"what": one.unit, "amount": worth, "why": f"{spent} at {fraction_text(one.worth)} each"})
    for currency, fee in way.fees.items():
        counted = "counted" if currency == request.currency else "not counted: it is in no currency of the worths"
        lines.append({"what": "fee", "amount": str(fee), "why": f"ledger units of {currency}, {counted}"})
    lines.append({"what": "cost", "amount": fraction_text(way.cost), "why": "the sum that ways are put in order by"})
    return lines


def rule_view(rule: RateRule) -> dict[str, object]:
    """A rate rule with every field."""
    fee = None
    if rule.fee is not None:
        fee = {
            "kind": rule.fee.kind,
            "currency": rule.fee.currency or None,
            "flat": rule.fee.flat,
            "per_point": fraction_text(rule.fee.per_point),
            "cap": rule.fee.cap,
        }
    return {
        "id": rule.id,
        "source_unit": rule.source_unit,
        "target_unit": rule.target_unit,
        "blocks": [{"above": block.above, "give": block.give, "get": block.get} for block in rule.blocks],
        "minimum": rule.minimum,
        "step": rule.step,
        "maximum": rule.maximum,
        "fee": fee,
        "selectors": dict(rule.selectors),
        "priority": rule.priority,
        "effective_from": rfc3339(rule.effective_from),
        "effective_until": rfc3339(rule.effective_until) if rule.effective_until else None,
        "state": rule.state.value,
        "typical_time": rule.typical_time,
    }


def campaign_view(campaign: Campaign) -> dict[str, object]:
    """A campaign with every field; `effective_until` is the first instant after its last day."""
    return {
        "id": campaign.id,
        "name": campaign.name,
        "source_unit": campaign.source_unit,
        "target_unit": campaign.target_unit,
        "percent": fraction_text(campaign.percent),
        "flat": campaign.flat,
        "effective_from": rfc3339(campaign.effective_from),
        "effective_until": rfc3339(campaign.effective_until),
        "funder": campaign.funder,
        "exclusive": campaign.exclusive,
        "member_cap": campaign.member_cap,
        "selectors": dict(campaign.selectors),
        "state": campaign.state.value,
    }
