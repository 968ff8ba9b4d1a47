"""Exact arithmetic of one rule and its campaigns: steps, base, fee, bonus, and the smallest amount that yields as much.

Knows integers and fractions only. Does not know which rule or campaign applies. Amounts on the step are the multiples
of the step that are not below the minimum; in every real programme seen this is the same as counting from the minimum.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from hub.kernel.amounts import floor_of
from hub.rates.types import Block, Campaign, Fee, RateRule


def first_on_step(rule: RateRule) -> int:
    """The smallest source amount the rule takes."""
    return -(-rule.minimum // rule.step) * rule.step


def on_step(rule: RateRule, amount: int) -> int:
    """The largest multiple of the step that is not above `amount`; it may be below the minimum."""
    return amount // rule.step * rule.step


def base_exact(blocks: Sequence[Block], amount: int) -> Fraction:
    """Target units for `amount` source units before rounding, each block priced by its own ratio."""
    total = Fraction(0)
    for index, block in enumerate(blocks):
        end = blocks[index + 1].above if index + 1 < len(blocks) else amount
        part = min(amount, end) - block.above
        if part <= 0:
            break
        total += Fraction(part * block.get, block.give)
    return total


def fee_of(fee: Fee | None, amount: int) -> int:
    """The fee for `amount` source units, rounded up to a whole smallest unit of what it is charged in."""
    if fee is None:
        return 0
    exact = fee.flat + fee.per_point * amount
    rounded = -floor_of(-exact)
    return rounded if fee.cap is None else min(rounded, fee.cap)


def bonus_exact(campaign: Campaign, base: Fraction, used: int) -> Fraction:
    """What one campaign adds to an exact base, before rounding. used: bonus points this member had from it already."""
    exact = base * campaign.percent / 100 + campaign.flat
    if campaign.member_cap is None:
        return exact
    return min(exact, Fraction(max(0, campaign.member_cap - used)))


def running_totals(
    blocks: Sequence[Block], campaigns: Sequence[Campaign], amount: int, used: Mapping[str, int]
) -> list[Fraction]:
    """Exact base, then exact base and the first campaign, and so on. Every one grows with `amount`.

    The whole parts of the differences are what base and each campaign pay, so that they add up to the rounded total; a
    capped campaign adds whole points, so that no rounding takes it past its cap.
    """
    base = base_exact(blocks, amount)
    totals = [base]
    for campaign in campaigns:
        totals.append(totals[-1] + bonus_exact(campaign, base, used.get(campaign.id, 0)))
    return totals


def best_campaigns(
    blocks: Sequence[Block], campaigns: Sequence[Campaign], amount: int, used: Mapping[str, int]
) -> list[Campaign]:
    """What is best for the member: all stackable campaigns together, or one exclusive campaign alone.

    With equal totals the stack wins, then the exclusive campaign that comes first.
    """
    stack = [campaign for campaign in campaigns if not campaign.exclusive]
    choices = [stack, *([campaign] for campaign in campaigns if campaign.exclusive)]
    totals = [floor_of(running_totals(blocks, choice, amount, used)[-1]) for choice in choices]
    return choices[totals.index(max(totals))]


def smallest_amount(rule: RateRule, campaigns: Sequence[Campaign], amount: int, used: Mapping[str, int]) -> int:
    """The smallest amount on minimum and step that yields as many whole target units as `amount` does.

    amount: on minimum and step. The exact total never falls with the amount, so looking below in doubling strides and
    then halving the last one finds it; most often the amount one step below yields less already.
    """

    def yields(steps: int) -> int:
        return floor_of(running_totals(rule.blocks, campaigns, steps * rule.step, used)[-1])

    first, enough = first_on_step(rule) // rule.step, amount // rule.step
    wanted = yields(enough)
    stride = 1
    while enough - stride >= first and yields(enough - stride) >= wanted:
        enough -= stride
        stride *= 2
    short = max(first - 1, enough - stride)
    while enough - short > 1:
        middle = (short + enough) // 2
        if yields(middle) >= wanted:
            enough = middle
        else:
            short = middle
    return enough * rule.step
