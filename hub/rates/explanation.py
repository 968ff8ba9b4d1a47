"""The sentences that say how each number of a price came about.

Knows a finished price and what it was made of. Does not compute any of its numbers.
"""

from collections.abc import Sequence

from hub.agreements.types import Unit
from hub.kernel.amounts import decimal_text, fraction_text
from hub.rates.types import Campaign, Fee, Line, Price, RateRule


def explain(
    priced: Price, *, asked: int, rule: RateRule, campaigns: Sequence[Campaign], source: Unit, target: Unit
) -> tuple[Line, ...]:
    """One line a number, in the order in which they follow from each other. asked: source units."""
    lines = [
        Line("source_amount", decimal_text(priced.source_amount, source.scale), _source_reason(priced, rule, asked)),
        Line("base", decimal_text(priced.base, target.scale), f"{_ratio_text(rule)}, rounded down"),
    ]
    paid = dict(priced.bonuses)
    lines += [
        Line("bonus", decimal_text(paid.get(each.id, 0), target.scale), _bonus_reason(each, target))
        for each in campaigns
    ]
    if rule.fee is not None:
        lines.append(Line("fee", str(priced.fee), _fee_reason(rule.fee, source)))
    lines.append(Line("target_amount", decimal_text(priced.target_amount, target.scale), "base and bonus"))
    if priced.remainder:
        reason = "target units lost by rounding down, kept on record"
        lines.append(Line("remainder", fraction_text(priced.remainder), reason))
    return tuple(lines)


def _source_reason(priced: Price, rule: RateRule, asked: int) -> str:
    grid = f"minimum {rule.minimum}, step {rule.step}"
    if priced.source_amount == asked:
        return f"as asked; {grid}"
    return f"{asked} were asked; the smallest amount that yields as much ({grid})"


def _ratio_text(rule: RateRule) -> str:
    first, *more = rule.blocks
    text = f"{first.give}:{first.get}"
    return text + "".join(f", above {block.above} +{block.give}:+{block.get}" for block in more)


def _bonus_reason(campaign: Campaign, target: Unit) -> str:
    parts = []
    if campaign.percent:
        parts.append(f"{fraction_text(campaign.percent)} % of the exact base")
    if campaign.flat:
        parts.append(f"{decimal_text(campaign.flat, target.scale)} flat")
    cap = f", at most {campaign.member_cap} a member" if campaign.member_cap is not None else ""
    return f"{campaign.name}: {' and '.join(parts)}{cap}"


def _fee_reason(fee: Fee, source: Unit) -> str:
    unit = f"smallest units of {source.code}" if fee.kind == "points" else f"ledger units of {fee.currency}"
    parts = []
    if fee.flat:
        parts.append(f"{fee.flat} flat")
    if fee.per_point:
        parts.append(f"{fraction_text(fee.per_point)} a point")
    cap = f", at most {fee.cap}" if fee.cap is not None else ""
    return f"{' and '.join(parts)} in {unit}, rounded up{cap}"
