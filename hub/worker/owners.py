"""Whose legs they are: conversions and payouts of accruals are told how these stand, in the same transaction."""

from collections.abc import Callable, Sequence
from datetime import datetime

from hub.conversion.service import Conversions
from hub.earning import payouts
from hub.legs.types import LegResult
from hub.storage import Work

Settle = Callable[[Work, Sequence[LegResult], datetime], None]
"""Tells the owners of legs how these stand."""


def settling(conversions: Conversions) -> Settle:
    """Tells everybody who has legs. The caller entered the ledger's period, if any of them has ended."""

    def settle(work: Work, results: Sequence[LegResult], now: datetime) -> None:
        conversions.settle_legs(work, results, now=now)
        payouts.settle(work, results, now=now)

    return settle
