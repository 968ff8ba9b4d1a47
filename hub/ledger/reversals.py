"""How much a reversal undoes: exact shares whose parts add up to the whole.

Pure arithmetic over whole amounts and fractions.
"""

from collections.abc import Sequence
from fractions import Fraction

from hub.kernel.amounts import floor_of
from hub.ledger.types import Transfer


def part_amounts(
    totals: Sequence[int], share: Fraction, earlier: Sequence[tuple[Fraction, Sequence[int]]]
) -> list[int]:
    """What the next part undoes of each total: floor(total x cumulative share) less the earlier parts, never below 0.

    totals: whole amounts. share: of this part. earlier: share and amounts of each part that counts; the shares
    together with this one are at most 1. When they reach 1 the parts add up to the totals exactly.
    """
    cumulative = share + sum((part_share for part_share, _ in earlier), Fraction(0))
    assert cumulative <= 1, "more than the whole was to be undone"
    undone = [sum(amounts[line] for _, amounts in earlier) for line in range(len(totals))]
    return [max(0, floor_of(total * cumulative) - undone[line]) for line, total in enumerate(totals)]


def opposite(transfers: Sequence[Transfer], amounts: Sequence[int]) -> tuple[Transfer, ...]:
    """The transfers that undo these amounts of `transfers`; those of nothing are left out."""
    return tuple(
        Transfer(debit=one.credit, credit=one.debit, amount=amount, label=one.label)
        for one, amount in zip(transfers, amounts, strict=True)
        if amount
    )
