"""Exact pricing of one transaction: which rules fit, how they stack, and how many points follow. Pure.

Every result is a sum that does not depend on the order in which its parts came: a transaction contributes to each rule
of its chain, a month adds contributions up, caps them, and only then compares and rounds. That is why the same
transactions give the same points in any order, split and repeated as they may be.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from hub.earning.types import Chain, Part, Rounding, Rule, RuleKind, Ruleset, Traits
from hub.kernel.amounts import floor_of

Exact = int | Fraction


def in_force(rulesets: Iterable[Ruleset], day: date) -> Ruleset | None:
    """Of the rulesets whose days hold `day`, the one that started last; of equals the last one given."""
    best: Ruleset | None = None
    for one in rulesets:
        holds = one.since <= day and (one.until is None or day < one.until)
        if holds and (best is None or one.since >= best.since):
            best = one
    return best


def fits_day(rule: Rule, day: date) -> bool:
    """Whether the rule's own dates and weekdays hold `day`."""
    dated = (rule.since is None or rule.since <= day) and (rule.until is None or day < rule.until)
    return dated and (not rule.weekdays or day.weekday() in rule.weekdays)


def fits_category(rule: Rule, category: str) -> bool:
    """Whether the category is one of the rule's."""
    if not rule.categories and not rule.spans:
        return True
    return category in rule.categories or any(span.holds(category) for span in rule.spans)


def fits_merchant(rule: Rule, merchant: str) -> bool:
    """Whether the merchant, casefolded, is one of the rule's."""
    return not rule.merchants or any(_like(pattern, merchant) for pattern in rule.merchants)


def fits_word(words: frozenset[str], word: str) -> bool:
    """Whether the word is one of these, or there are none."""
    return not words or word in words


def _like(pattern: str, text: str) -> bool:
    head, tail = pattern.startswith("*"), pattern.endswith("*")
    core = pattern.strip("*")
    if head and tail:
        return core in text
    if head:
        return text.endswith(core)
    return text.startswith(core) if tail else text == core


def fitting(ruleset: Ruleset, traits: Traits) -> list[int]:
    """Places of the rules whose selectors all fit, in their order."""
    return [
        place
        for place, rule in enumerate(ruleset.rules)
        if fits_day(rule, traits.day)
        and fits_category(rule, traits.category)
        and fits_word(rule.products, traits.product)
        and fits_word(rule.tiers, traits.tier)
        and fits_merchant(rule, traits.merchant)
        and fits_word(rule.targets, traits.unit)
        and traits.amount >= rule.minimum_amount
    ]


def chain_of(ruleset: Ruleset, places: Sequence[int], *, unit: str, unit_scale: int) -> Chain:
    """How these rules stack: the first base alone, then what adds and what multiplies, in the stated order."""
    rules = [ruleset.rules[place] for place in places]
    empty = Chain(ruleset.id, unit, (), Rounding.TRANSACTION, 1, pooled=False)
    if any(rule.kind is RuleKind.EXCLUDE for rule in rules):
        return empty
    base = next((rule for rule in rules if rule.kind is RuleKind.BASE), None)
    if base is None:
        return empty
    ordered = [base, *(rule for kind in ruleset.stacking[1:] for rule in rules if rule.kind is kind)]
    scale = Fraction(10**unit_scale, 10**ruleset.exponent)
    parts: list[Part] = []
    rate = Fraction(0)
    for rule in ordered:
        rate = rate * rule.rate if rule.kind is RuleKind.MULTIPLY else rate + rule.rate * scale
        parts.append(Part(rule.code, rate, None if rule.cap is None else floor_of(rule.cap * 10**unit_scale)))
    capped = any(part.cap is not None for part in parts)
    pooled = capped or ruleset.pools_everything or base.rounding is Rounding.STATEMENT
    return Chain(ruleset.id, unit, tuple(parts), base.rounding, base.step, pooled)


def contributions(chain: Chain, amount: int) -> list[Exact]:
    """What `amount` smallest currency units add to each part of the chain; below zero for an amount below zero.

    Rounded by transaction, a part adds the whole points that it makes of the rounded whole before it; by statement, the
    exact amount.
    """
    if amount < 0:
        return [-one for one in contributions(chain, -amount)]
    counted = amount - amount % chain.step
    totals = [part.rate * counted for part in chain.parts]
    if chain.rounding is Rounding.TRANSACTION:
        whole = [floor_of(total) for total in totals]
        return [now - before for before, now in zip([0, *whole], whole, strict=False)]
    return [now - before for before, now in zip([Fraction(0), *totals], totals, strict=False)]


def points_alone(chain: Chain, amount: int) -> int:
    """Points of an amount on a chain that nothing pools."""
    assert not chain.pooled, "this chain depends on the rest of the month"
    if amount < 0:
        return -points_alone(chain, -amount)
    return floor_of(chain.rate * (amount - amount % chain.step))


@dataclass(slots=True)
class Pool:
    """A member's month towards one unit under one ruleset, as a few sums. minimum: smallest currency units.

    caps: by rule, smallest target units. spend: net, of what earns at all. sums: by rule, before its cap. Not
    frozen: it is added to transaction by transaction.
    """

    minimum: int
    caps: Mapping[str, int]
    spend: int = 0
    sums: dict[str, Exact] = field(default_factory=dict)

    def add(self, chain: Chain, amount: int, sign: int = 1) -> None:
        """Count an amount in (sign 1), or out again (sign -1)."""
        if not chain.parts:
            return
        self.spend += sign * amount
        for part, exact in zip(chain.parts, contributions(chain, amount), strict=True):
            self.sums[part.rule] = self.sums.get(part.rule, 0) + sign * exact

    def points(self) -> int:
        """What the month is worth: every rule up to its cap, added up, rounded down once."""
        if self.spend < self.minimum:
            return 0
        caps = self.caps
        total: Exact = 0
        for rule, exact in self.sums.items():
            cap = caps.get(rule)
            total += exact if cap is None or exact <= cap else cap
        return total if isinstance(total, int) else floor_of(total)
