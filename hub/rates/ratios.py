"""The best ratio a rule can ever reach, exactly: what the arbitrage guard and the loss check compare.

Knows one rule and the campaigns beside it. Does not know routes, partners or prices.
"""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

from hub.kernel.limits import AMOUNT_WIRE_MAX
from hub.rates.arithmetic import base_exact, bonus_exact, first_on_step, on_step
from hub.rates.types import Campaign, Fee, RateRule


def best_ratio(rule: RateRule, campaigns: Sequence[Campaign], fee: Fee | None) -> Fraction:
    """The least number that no conversion under `rule` exceeds in target units per source unit given away.

    Before rounding down, so it may be a little above what is paid, never below. campaigns: those taken together. fee:
    counted only when it is in points, since a fee in money has no exact worth in points. Between two kinks (a block, a
    cap) both what is given and what is got are straight lines, so their ratio is highest at an end.
    """
    ratios = [_ratio(rule, campaigns, fee, amount) for amount in _kinks(rule, campaigns, fee)]
    if rule.maximum is None:
        ratios.append(_ratio_far_out(rule, campaigns, fee))
    return max(ratios)


def _ratio(rule: RateRule, campaigns: Sequence[Campaign], fee: Fee | None, amount: int) -> Fraction:
    base = base_exact(rule.blocks, amount)
    got = base + sum(bonus_exact(campaign, base, 0) for campaign in campaigns)
    return got / (amount + _fee_exact(fee, amount))


def _ratio_far_out(rule: RateRule, campaigns: Sequence[Campaign], fee: Fee | None) -> Fraction:
    """What the ratio tends to for ever larger amounts: the last block, uncapped percentages, an uncapped fee."""
    last = rule.blocks[-1]
    percents = sum((each.percent for each in campaigns if each.member_cap is None), Fraction(0))
    per_point = fee.per_point if fee is not None and fee.kind == "points" and fee.cap is None else Fraction(0)
    return Fraction(last.get, last.give) * (1 + percents / 100) / (1 + per_point)


def _fee_exact(fee: Fee | None, amount: int) -> Fraction:
    if fee is None or fee.kind != "points":
        return Fraction(0)
    exact = fee.flat + fee.per_point * amount
    return exact if fee.cap is None else min(exact, Fraction(fee.cap))


def _kinks(rule: RateRule, campaigns: Sequence[Campaign], fee: Fee | None) -> Iterator[int]:
    """Amounts on the step on both sides of every kink, and the two ends."""
    first = first_on_step(rule)
    last = on_step(rule, AMOUNT_WIRE_MAX if rule.maximum is None else rule.maximum)
    yield first
    if rule.maximum is not None:
        yield last
    conditions: list[Callable[[int], bool]] = [_above(block.above) for block in rule.blocks[1:]]
    conditions += [_bonus_capped(rule, each) for each in campaigns if each.member_cap is not None]
    if fee is not None and fee.kind == "points" and fee.cap is not None:
        conditions.append(_fee_capped(fee, fee.cap))
    for condition in conditions:
        low, high = first // rule.step, last // rule.step
        while low < high:
            middle = (low + high) // 2
            if condition(middle * rule.step):
                high = middle
            else:
                low = middle + 1
        yield low * rule.step
        yield max(first, (low - 1) * rule.step)


def _above(bound: int) -> Callable[[int], bool]:
    return lambda amount: amount >= bound


def _bonus_capped(rule: RateRule, campaign: Campaign) -> Callable[[int], bool]:
    return lambda amount: bonus_exact(campaign, base_exact(rule.blocks, amount), 0) == campaign.member_cap


def _fee_capped(fee: Fee, cap: int) -> Callable[[int], bool]:
    return lambda amount: _fee_exact(fee, amount) == cap
