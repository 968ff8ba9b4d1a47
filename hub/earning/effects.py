"""What transactions move, one by one, on top of what is stored: purchases into months, refunds out of purchases.

Knows purchases, refunds, chains and pools in memory. Does not know the database: `intake` loads what is needed before
and writes what changed afterwards. Every effect is taken out again exactly as it was put in, so that a refund may find
its purchase later.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from hub.earning.pricing import Pool, chain_of, fitting, points_alone
from hub.earning.types import Chain, Ruleset, Traits
from hub.kernel.amounts import floor_of

PoolKey = tuple[str, date, str, str]
"""Member, first day of the month, unit, ruleset."""


@dataclass(slots=True)
class Purchase:
    """A purchase that refunds may undo. refunded: as it stands; not frozen, since it moves with every refund."""

    id: str
    token: int
    member: str
    day: date
    amount: int
    currency: str
    category: str
    merchant: str
    product: str
    tier: str
    pricing: int
    chain: Chain
    refunded: int
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund as it stands. amount: > 0. chain, pricing: of the refund by itself. state, matched: as in its row."""

    id: str
    chunk: int
    line: int
    token: int
    member: str
    day: date
    amount: int
    currency: str
    merchant: str
    original: str
    pricing: int
    chain: Chain
    state: str
    matched: str


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Points that moved beside a transaction's own row."""

    transaction: str
    token: int
    pricing: int
    points: int
    reason: str


@dataclass(slots=True)
class Effects:
    """State of what one intake touches. rulesets: by id, of every chain. scales: decimal digits by unit."""

    rulesets: Mapping[str, Ruleset]
    scales: Mapping[str, int]
    pools: dict[PoolKey, Pool] = field(default_factory=dict)
    purchases: dict[str, Purchase] = field(default_factory=dict)
    adjustments: list[Adjustment] = field(default_factory=list)
    touched: set[PoolKey] = field(default_factory=set)

    def arrive(self, chain: Chain, member: str, day: date, amount: int) -> int:
        """Points that a pooled purchase moves in its month."""
        return self._moved(chain, member, day, lambda pool: pool.add(chain, amount))

    def turn(self, refund: Refund, *, state: str, matched: str) -> Refund:
        """Let a refund stand another way: what it did is undone, what it does now is done."""
        if refund.state == "alone":
            self._alone(refund, -1, "no_longer_alone")
        elif refund.state == "matched":
            self._shift(refund, self.purchases[refund.matched], -refund.amount, "other_purchase_found")
        if state == "alone":
            self._alone(refund, 1, "refund_alone")
        elif state == "matched":
            self._shift(refund, self.purchases[matched], refund.amount, "refund")
        return replace(refund, state=state, matched=matched)

    def _alone(self, refund: Refund, sign: int, reason: str) -> None:
        chain = refund.chain
        if chain.pooled:
            points = self._moved(chain, refund.member, refund.day, lambda pool: pool.add(chain, -refund.amount, sign))
        else:
            points = -sign * points_alone(chain, refund.amount)
        self._adjust(refund, refund.pricing, points, reason)

    def _shift(self, refund: Refund, purchase: Purchase, by: int, reason: str) -> None:
        before = max(0, purchase.amount - purchase.refunded)
        purchase.refunded += by
        purchase.changed = True
        after = max(0, purchase.amount - purchase.refunded)
        old, new = self._chain_at(purchase, before), self._chain_at(purchase, after)
        points = self._out_and_in(purchase, old, before, new, after)
        self._adjust(refund, purchase.pricing, points, reason)

    def _out_and_in(self, purchase: Purchase, old: Chain, before: int, new: Chain, after: int) -> int:
        points = 0
        if not old.pooled:
            points -= points_alone(old, before)
        if not new.pooled:
            points += points_alone(new, after)

        def move(pool: Pool) -> None:
            if old.pooled:
                pool.add(old, before, -1)
            if new.pooled:
                pool.add(new, after)

        if old.pooled or new.pooled:
            points += self._moved(purchase.chain, purchase.member, purchase.day, move)
        return points

    def _chain_at(self, purchase: Purchase, amount: int) -> Chain:
        """The chain that prices what is left of a purchase: rules with a minimum amount may no longer fit."""
        ruleset = self.rulesets[purchase.chain.ruleset]
        if not any(rule.minimum_amount for rule in ruleset.rules):
            return purchase.chain
        traits = Traits(
            purchase.day,
            purchase.category,
            purchase.product,
            purchase.tier,
            purchase.merchant.casefold(),
            purchase.chain.unit,
            amount,
        )
        unit = purchase.chain.unit
        return chain_of(ruleset, fitting(ruleset, traits), unit=unit, unit_scale=self.scales[unit])

    def _moved(self, chain: Chain, member: str, day: date, change: Callable[[Pool], None]) -> int:
        key = pool_key(chain, member, day)
        pool = self.pools.get(key)
        if pool is None:
            pool = self.pools[key] = fresh_pool(self.rulesets[chain.ruleset], self.scales[chain.unit])
        before = pool.points()
        change(pool)
        self.touched.add(key)
        return pool.points() - before

    def _adjust(self, refund: Refund, pricing: int, points: int, reason: str) -> None:
        if points:
            self.adjustments.append(Adjustment(refund.id, refund.token, pricing, points, reason))


def pool_key(chain: Chain, member: str, day: date) -> PoolKey:
    """The month that a transaction of this chain counts in."""
    return member, day.replace(day=1), chain.unit, chain.ruleset


def fresh_pool(ruleset: Ruleset, unit_scale: int) -> Pool:
    """A month in which nothing happened yet."""
    caps = {rule.code: floor_of(rule.cap * 10**unit_scale) for rule in ruleset.rules if rule.cap is not None}
    return Pool(ruleset.minimum_spend, caps=caps)
