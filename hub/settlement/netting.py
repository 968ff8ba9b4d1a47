"""From lines to obligations: pure arithmetic, exact.

An obligation is what a side's position came to, rounded half to even to the currency's smallest unit; the rest, and
whatever is below the smallest amount that is worth a payment, stays as its opening of the next window. So for each
side, always: opening + credits - debits = amount in ledger units + closing.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from hub.kernel.amounts import half_even
from hub.settlement.types import Line, Model, Money, Obligation, Side


@dataclass(slots=True)
class _Sum:
    opening: int = 0
    debits: int = 0
    credits: int = 0
    count: int = 0


def netted(
    lines: Iterable[Line],
    openings: Mapping[Side, int],
    *,
    model_of: Callable[[str], Model],
    money: Mapping[str, Money],
    smallest: Mapping[str, int],
    new_id: Callable[[Side], str],
) -> list[Obligation]:
    """One obligation per side that has lines or an opening, sorted by side.

    openings: ledger units that the last window left, by side. model_of: how an agreement's version settles. smallest:
    amounts below these, in smallest units of the currency, roll over. new_id: names a new obligation.
    """
    sums: dict[Side, _Sum] = {side: _Sum(opening=left) for side, left in openings.items() if left}
    for line in lines:
        for side, debits, credits in sides_of(line, model_of(line.agreement)):
            found = sums.setdefault(side, _Sum())
            found.debits += debits
            found.credits += credits
            found.count += line.count
    return [
        _obligation(new_id(side), side, one, money[side.currency], smallest.get(side.currency, 0))
        for side, one in sorted(sums.items(), key=lambda each: _order(each[0]))
    ]


def sides_of(line: Line, model: Model) -> list[tuple[Side, int, int]]:
    """The sides a line counts to, each with the debits and credits it brings."""
    match model:
        case Model.MULTILATERAL:
            return [(Side(line.partner, line.currency), line.debits, line.credits)]
        case Model.BILATERAL:
            return [(Side(line.partner, line.currency, counterparty=line.counterparty), line.debits, line.credits)]
        case Model.GROSS:
            pays = Side(line.partner, line.currency, direction="pays")
            gets = Side(line.partner, line.currency, direction="gets")
            return [one for one in ((pays, line.debits, 0), (gets, 0, line.credits)) if one[1] or one[2]]


def _obligation(id: str, side: Side, one: _Sum, money: Money, smallest: int) -> Obligation:
    position = one.opening + one.credits - one.debits
    amount = half_even(Fraction(position, money.factor))
    if abs(amount) < smallest:
        amount = 0
    return Obligation(
        id=id,
        side=side,
        opening=one.opening,
        debits=one.debits,
        credits=one.credits,
        count=one.count,
        amount=amount,
        closing=position - amount * money.factor,
    )


def _order(side: Side) -> tuple[str, str, str, str]:
    return (side.partner, side.currency, side.counterparty, side.direction)
