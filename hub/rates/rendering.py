"""Quotes, rules and campaigns as plain dictionaries for the command line and the gateway.

Knows field names of the border. Never shows clearing values: they are nobody else's business.
"""

from hub.kernel.amounts import fraction_text
from hub.kernel.clock import rfc3339
from hub.rates.types import Campaign, Quote, RateRule


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
