"""One step of a plan, both ways: the least that yields so much, and the most that so much can pay for.

Knows the rule that prices a route for one member and the campaigns beside it. Does not know balances or other routes.
Both what a conversion gives and what it takes grow with its amount, which is why halving finds every answer.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from hub.kernel.amounts import floor_of
from hub.kernel.limits import AMOUNT_WIRE_MAX
from hub.rates import arithmetic
from hub.rates.types import Campaign, RateRule


@dataclass(frozen=True, slots=True)
class Hop:
    """A route as it is now for one member. used: bonus points this member had already, by campaign."""

    rule: RateRule
    campaigns: Sequence[Campaign]
    used: Mapping[str, int]

    @property
    def route(self) -> tuple[str, str]:
        """From which unit to which."""
        return (self.rule.source_unit, self.rule.target_unit)

    def gives(self, amount: int) -> int:
        """Whole target units for `amount`, which is on minimum and step."""
        blocks = self.rule.blocks
        if not self.campaigns:
            return floor_of(arithmetic.base_exact(blocks, amount))
        best = arithmetic.best_campaigns(blocks, self.campaigns, amount, self.used)
        return floor_of(arithmetic.running_totals(blocks, best, amount, self.used)[-1])

    def takes(self, amount: int) -> int:
        """All that leaves the source: `amount`, and a fee in points."""
        fee = self.rule.fee
        return amount + arithmetic.fee_of(fee, amount) if fee is not None and fee.kind == "points" else amount

    def money(self, amount: int) -> tuple[str, int]:
        """(currency, ledger units of it) of a fee in money; ("", 0) without one."""
        fee = self.rule.fee
        return ("", 0) if fee is None or fee.kind != "money" else (fee.currency, arithmetic.fee_of(fee, amount))

    def least(self, wanted: int) -> int | None:
        """The smallest amount on minimum and step that gives `wanted` or more; None where no amount does."""
        step = self.rule.step
        # Campaigns only add, so by the poorest block alone this many are enough.
        poorest = min(Fraction(block.get, block.give) for block in self.rule.blocks)
        enough = floor_of(wanted / poorest / step) + 2
        steps = range(self._first, max(self._first, min(self._last, enough)) + 1)
        if self._first > self._last:
            return None
        index = bisect_left(steps, wanted, key=lambda number: self.gives(number * step))
        return steps[index] * step if index < len(steps) else None

    def most(self, held: int) -> int | None:
        """The largest amount on minimum and step that `held` pays for, fee included; None where none is."""
        step = self.rule.step
        steps = range(self._first, min(self._last, held // step) + 1)
        index = bisect_right(steps, held, key=lambda number: self.takes(number * step))
        steps = steps[:index]
        # No quote may give more than fits on the wire.
        index = bisect_right(steps, AMOUNT_WIRE_MAX, key=lambda number: self.gives(number * step))
        return steps[index - 1] * step if index else None

    @property
    def _first(self) -> int:
        return arithmetic.first_on_step(self.rule) // self.rule.step

    @property
    def _last(self) -> int:
        most = AMOUNT_WIRE_MAX if self.rule.maximum is None else self.rule.maximum
        return most // self.rule.step
