"""Windows as they stand, and what the ledger says about their slices. Changes nothing."""

from collections.abc import Iterable, Mapping

from hub import chart, ledger
from hub.agreements.currencies import exponent
from hub.settlement import objections, store
from hub.settlement.refusals import WindowStateWrong
from hub.settlement.types import MOVES, Line, LineKey, Money, Netted, Window, WindowState
from hub.storage import Work

AFTER_NETTING = frozenset({WindowState.NETTED, WindowState.STATED, WindowState.INSTRUCTED, WindowState.SETTLED})
"""States of a window whose lines and obligations stand."""


def read(work: Work, id: str) -> Netted:
    """A window with its lines and obligations. Raises: WindowMissing."""
    window = store.window(work, id)
    held = objections.held_out(work, window) if window.state in AFTER_NETTING else []
    return Netted(
        window=window,
        lines=tuple(store.lines(work, id)),
        obligations=tuple(store.obligations(work, id)),
        money=money_of(store.agreed(work)),
        held=tuple(summed(one.line for one in held)),
        released=tuple(summed(one.line for one in objections.released(work, id))),
    )


def find_lines(work: Work, window: Window, agreed: Mapping[str, store.Agreed]) -> list[Line]:
    """What the positions of this calendar's agreements moved in the window's slices, from the ledger's turnover.

    Without what is held out of them, and with what earlier windows held out and this one bills.
    """
    assert window.last_period is not None, "an open window has no lines yet"
    out = {(one.period, one.line.key) for one in objections.held_out(work, window)}
    billed = [one.line for one in objections.released(work, window.id)]
    for period in range(window.first_period, window.last_period + 1):
        billed += [
            line
            for line in moved(work, period)
            if agreed[line.agreement].calendar == window.calendar and (period, line.key) not in out
        ]
    return summed(billed)


def moved(work: Work, period: int) -> list[Line]:
    """What a slice moved on positions, payments left out."""
    found = []
    for one in ledger.turnover(work, period, prefix=chart.POSITIONS):
        assert one.label is not None, "every transfer on a position has a label"
        kind, version, counterparty = chart.label_parts(one.label)
        if kind != chart.PAYMENT:
            partner, currency = one.account.removeprefix(chart.POSITIONS).split(":")
            found.append(Line(partner, currency, kind, version, counterparty, one.debits, one.credits, one.count))
    return found


def summed(lines: Iterable[Line]) -> list[Line]:
    """One line for each key, sorted."""
    sums: dict[LineKey, list[int]] = {}
    for line in lines:
        found = sums.setdefault(line.key, [0, 0, 0])
        found[0] += line.debits
        found[1] += line.credits
        found[2] += line.count
    return [Line(*key, *numbers) for key, numbers in sorted(sums.items())]


def money_of(agreed: Mapping[str, store.Agreed]) -> dict[str, Money]:
    """How every currency that is agreed is written, by currency."""
    return {one.currency: Money(one.currency, one.scale, exponent(one.currency)) for one in agreed.values()}


def require(window: Window, to: WindowState) -> None:
    """Raises: WindowStateWrong when the window cannot move there."""
    if to not in MOVES[window.state]:
        raise WindowStateWrong(
            f"Window {window.number} of {window.calendar} is {window.state}; it cannot become {to}.",
            state=window.state.value,
        )
