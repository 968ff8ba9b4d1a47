"""Windows as they stand, and what the ledger says about their slices. Changes nothing."""

from collections.abc import Mapping

from hub import chart, ledger
from hub.agreements.currencies import exponent
from hub.settlement import store
from hub.settlement.refusals import WindowStateWrong
from hub.settlement.types import MOVES, Line, Money, Netted, Window, WindowState
from hub.storage import Work

AFTER_NETTING = frozenset({WindowState.NETTED, WindowState.STATED, WindowState.INSTRUCTED, WindowState.SETTLED})
"""States of a window whose lines and obligations stand."""


def read(work: Work, id: str) -> Netted:
    """A window with its lines and obligations. Raises: WindowMissing."""
    return Netted(
        window=store.window(work, id),
        lines=tuple(store.lines(work, id)),
        obligations=tuple(store.obligations(work, id)),
        money=money_of(store.agreed(work)),
    )


def find_lines(work: Work, window: Window, agreed: Mapping[str, store.Agreed]) -> list[Line]:
    """What the positions of this calendar's agreements moved in the window's slices, from the ledger's turnover."""
    assert window.last_period is not None, "an open window has no lines yet"
    sums: dict[tuple[str, str, str, str, str], list[int]] = {}
    for period in range(window.first_period, window.last_period + 1):
        for one in ledger.turnover(work, period, prefix=chart.POSITIONS):
            assert one.label is not None, "every transfer on a position has a label"
            kind, version, counterparty = chart.label_parts(one.label)
            if kind == chart.PAYMENT or agreed[version].calendar != window.calendar:
                continue
            partner, currency = one.account.removeprefix(chart.POSITIONS).split(":")
            found = sums.setdefault((partner, currency, kind, version, counterparty), [0, 0, 0])
            found[0] += one.debits
            found[1] += one.credits
            found[2] += one.count
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
