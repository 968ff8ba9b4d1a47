"""Prices columns of transactions: the same result as `pricing`, a hundred thousand rows at a time.

For each ruleset every trait's distinct values are asked once which rules they fit; the answers are bit masks that meet
in one number a row, so that a chain of rules is built once for each distinct mask and not for each row. Rows whose
product would leave 64 bits are left to the plain arithmetic.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import Any

import polars as pl

from hub.earning.pricing import chain_of, fits_category, fits_day, fits_merchant, fits_word, points_alone
from hub.earning.types import Chain, Rule, Ruleset

_INT64_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Priced:
    """frame: with columns `chain` (place in `chains`), `pooled`, and `points` (null where a pool decides)."""

    frame: pl.DataFrame
    chains: list[Chain]


def price(frame: pl.DataFrame, rulesets: Sequence[Ruleset], scales: dict[str, int]) -> Priced:
    """Price rows that nothing is wrong with. frame: columns of `CHECKED`, `tier` and `unit`; keeps the order of rows.

    scales: decimal digits of each unit. Amounts below zero are priced as the negative of the same amount.
    """
    chains: list[Chain] = []
    parts = []
    indexed = frame.with_row_index("row")
    for place, ruleset in enumerate(rulesets):
        part = indexed.filter(pl.col("rules") == place)
        if len(part):
            parts.append(_chained(part, ruleset, scales, chains))
    if not parts:
        empty = [pl.lit(None, dtype=pl.Int64).alias("chain"), pl.lit(value=False).alias("pooled")]
        return Priced(frame.with_columns(*empty, pl.lit(None, dtype=pl.Int64).alias("points")), chains)
    joined = (parts[0] if len(parts) == 1 else pl.concat(parts).sort("row")).drop("row")
    return Priced(_with_points(joined, chains), chains)


def _chained(part: pl.DataFrame, ruleset: Ruleset, scales: dict[str, int], chains: list[Chain]) -> pl.DataFrame:
    rules = ruleset.rules
    masks = [
        _mask(part, "day", rules, fits_day),
        _mask(part, "category", rules, fits_category),
        _mask(part, "product", rules, lambda rule, word: fits_word(rule.products, word)),
        _mask(part, "tier", rules, lambda rule, word: fits_word(rule.tiers, word)),
        _mask(part, "unit", rules, lambda rule, word: fits_word(rule.targets, word)),
    ]
    if any(rule.merchants for rule in rules):
        masks.append(_mask(part, "merchant", rules, lambda rule, text: fits_merchant(rule, text.casefold())))
    masks += [_large_enough(1 << place, rule) for place, rule in enumerate(rules) if rule.minimum_amount]
    part = part.with_columns(reduce(lambda one, other: one & other, masks).alias("mask"))
    distinct = part.select("mask", "unit").unique(maintain_order=True)
    numbers = []
    for mask, unit in distinct.iter_rows():
        places = [place for place in range(len(rules)) if mask >> place & 1]
        numbers.append(len(chains))
        chains.append(chain_of(ruleset, places, unit=unit, unit_scale=scales[unit]))
    found = distinct.with_columns(pl.Series("chain", numbers, dtype=pl.Int64))
    return part.join(found, on=["mask", "unit"], how="left", maintain_order="left").drop("mask")


def _mask(part: pl.DataFrame, column: str, rules: Sequence[Rule], fits: Callable[[Rule, Any], bool]) -> pl.Expr:
    """One bit for each rule that the value of `column` fits."""
    values = part[column].unique()
    masks = [sum(1 << place for place, rule in enumerate(rules) if fits(rule, value)) for value in values.to_list()]
    if len(set(masks)) == 1:
        return pl.lit(masks[0], dtype=pl.Int64)
    return pl.col(column).replace_strict(values, pl.Series(masks, dtype=pl.Int64), return_dtype=pl.Int64)


def _large_enough(bit: int, rule: Rule) -> pl.Expr:
    every = _INT64_MAX
    return pl.when(pl.col("amount").abs() >= rule.minimum_amount).then(every).otherwise(every - bit)


def _with_points(frame: pl.DataFrame, chains: Sequence[Chain]) -> pl.DataFrame:
    rates = [Fraction(0) if chain.pooled else chain.rate for chain in chains]
    largest = frame.select(pl.col("amount").abs().max()).item() or 0
    wide = [max(rate.numerator * largest, rate.denominator) > _INT64_MAX for rate in rates]
    table = pl.DataFrame(
        {
            "chain": list(range(len(chains))),
            "numerator": [0 if far else rate.numerator for rate, far in zip(rates, wide, strict=True)],
            "denominator": [1 if far else rate.denominator for rate, far in zip(rates, wide, strict=True)],
            "step": [chain.step for chain in chains],
            "pooled": [chain.pooled for chain in chains],
            "wide": wide,
        },
        schema={
            "chain": pl.Int64,
            "numerator": pl.Int64,
            "denominator": pl.Int64,
            "step": pl.Int64,
            "pooled": pl.Boolean,
            "wide": pl.Boolean,
        },
    )
    frame = frame.join(table, on="chain", how="left", maintain_order="left")
    size = pl.col("amount").abs()
    counted = size - size % pl.col("step")
    exact = (counted * pl.col("numerator") // pl.col("denominator")) * pl.col("amount").sign()
    frame = frame.with_columns(pl.when(~pl.col("pooled")).then(exact).alias("points"))
    if any(wide):
        plain = [
            points_alone(chains[chain], amount) if far else points
            for chain, amount, points, far in frame.select("chain", "amount", "points", "wide").iter_rows()
        ]
        frame = frame.with_columns(pl.Series("points", plain, dtype=pl.Int64))
    return frame.drop("numerator", "denominator", "step", "wide")
