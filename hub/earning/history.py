"""What members spent in the end, refunds taken off, and what any rules make of it: a few thousand members at a time.

Knows stored transactions and exact pricing. Since points do not depend on the order in which transactions came, pricing
what is left of each purchase gives what stands after all of them: verification compares with it, simulation changes the
rules.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from hub.earning.effects import PoolKey, fresh_pool, pool_key
from hub.earning.pricing import Pool
from hub.earning.pricing_frame import Priced, price
from hub.earning.store import Pricing
from hub.earning.types import Ruleset
from hub.storage import Work

# Members whose history is in memory at once: some ten thousand transactions of an ordinary month.
MEMBERS_AT_ONCE = 2_000

_NET: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.String,
    "member": pl.String,
    "token": pl.Int64,
    "day": pl.Date,
    "amount": pl.Int64,
    "category": pl.String,
    "merchant": pl.String,
    "product": pl.String,
    "tier": pl.String,
    "pricing": pl.Int32,
}
_PURCHASES = (
    "SELECT t.id, k.member, t.token, t.day, greatest(t.amount - t.refunded, 0), t.category, t.merchant, t.product, "
    "t.tier, t.pricing FROM card_transaction t JOIN card_token k ON k.number = t.token "
    "WHERE t.token = ANY(%s::bigint[]) AND t.kind = 'purchase' AND t.day >= %s AND t.day < %s"
)
_ALONE = (
    "SELECT t.id, k.member, t.token, t.day, -r.amount, t.category, t.merchant, t.product, t.tier, r.pricing "
    "FROM earn_refund r JOIN card_transaction t ON (t.chunk, t.line) = (r.chunk, r.line) "
    "JOIN card_token k ON k.number = t.token "
    "WHERE r.token = ANY(%s::bigint[]) AND r.state = 'alone' AND t.day >= %s AND t.day < %s"
)


@dataclass(frozen=True, slots=True)
class Worth:
    """What spend is worth. frame: the net rows with `points`. pools: the months that decide, by key."""

    frame: pl.DataFrame
    pools: Mapping[PoolKey, Pool] = field(default_factory=dict)


def member_tokens(work: Work, bank: str) -> Iterator[list[int]]:
    """Tokens of a bank, those of one member together, some thousand members at a time."""
    last = ""
    while rows := work.fetch(
        "SELECT member, array_agg(number) FROM card_token WHERE bank = %s AND member > %s "
        "GROUP BY member ORDER BY member LIMIT %s",
        (bank, last, MEMBERS_AT_ONCE),
    ):
        last = rows[-1][0]
        yield [number for _, numbers in rows for number in numbers]


def net_spend(
    work: Work, tokens: Sequence[int], known: Mapping[int, Pricing], *, since: date, until: date
) -> pl.DataFrame:
    """What is left of purchases, and refunds without a purchase below zero; days from `since` until `until` (out).

    Columns: those of pricing, and `unit` and `ruleset` as they were priced. Nothing that is undone altogether.
    """
    rows = [row for query in (_PURCHASES, _ALONE) for row in work.fetch(query, (list(tokens), since, until))]
    frame = pl.DataFrame([row for row in rows if row[4]], schema=_NET, orient="row")
    numbers = list(known)
    chains = [chain for _, chain, _ in known.values()]
    return frame.with_columns(
        _of(numbers, [chain.unit for chain in chains]).alias("unit"),
        _of(numbers, [chain.ruleset for chain in chains]).alias("ruleset"),
    ).sort("day", "id")


def worth(frame: pl.DataFrame, rulesets: Sequence[Ruleset], scales: dict[str, int]) -> Worth:
    """What the spend is worth under its rulesets. frame: as `net_spend`; `ruleset` names one of these."""
    places = {one.id: place for place, one in enumerate(rulesets)}
    placed = frame.with_columns(
        pl.col("ruleset").replace_strict(list(places), list(places.values()), return_dtype=pl.Int32).alias("rules")
    )
    priced = price(placed, rulesets, scales)
    return _pooled(priced, {one.id: one for one in rulesets}, scales)


def _pooled(priced: Priced, rulesets: Mapping[str, Ruleset], scales: Mapping[str, int]) -> Worth:
    """Count what a month decides into its month, one after the other, so that each row has what it added."""
    frame, chains = priced.frame.with_row_index("place"), priced.chains
    pools: dict[PoolKey, Pool] = {}
    places, moved = [], []
    pooled = frame.filter(pl.col("pooled")).select("place", "chain", "member", "day", "amount")
    for place, number, member, day, amount in pooled.iter_rows():
        chain = chains[number]
        key = pool_key(chain, member, day)
        pool = pools.get(key)
        if pool is None:
            pool = pools[key] = fresh_pool(rulesets[chain.ruleset], scales[chain.unit])
        before = pool.points()
        pool.add(chain, amount)
        places.append(place)
        moved.append(pool.points() - before)
    found = pl.DataFrame(
        {"place": places, "month_points": moved}, schema={"place": pl.UInt32, "month_points": pl.Int64}
    )
    joined = frame.join(found, on="place", how="left", maintain_order="left")
    points = pl.coalesce("month_points", "points").fill_null(0)
    return Worth(joined.with_columns(points.alias("points")).drop("place", "month_points"), pools)


def _of(numbers: Sequence[int], texts: Sequence[str]) -> pl.Expr:
    return pl.col("pricing").replace_strict(list(numbers), list(texts), return_dtype=pl.String)
