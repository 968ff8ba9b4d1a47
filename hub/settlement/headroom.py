"""What instructing a window would leave to each partner under its net debit cap. Reads; holds nothing."""

from collections.abc import Iterable
from dataclasses import dataclass

from hub import chart, ledger
from hub.settlement import store
from hub.settlement.reading import read, require
from hub.settlement.types import Netted, WindowState
from hub.storage import Work

# Their payouts are still to be held; what was instructed is held in the ledger already.
_TO_COME = (WindowState.NETTED, WindowState.STATED)


@dataclass(frozen=True, slots=True)
class Headroom:
    """One partner and currency, in ledger units.

    available: what it may owe more by now, open conversions and instructed payouts taken off; None without a cap.
    payout: what this window would hold for it. later: what the other netted windows would. to_pay: what it has still to
    pay for this window, which is counted to nothing until it is paid.
    """

    partner: str
    currency: str
    available: int | None
    payout: int
    later: int
    to_pay: int

    @property
    def after(self) -> int | None:
        """What is left when this window and all the others are instructed and the partner has paid nothing."""
        return None if self.available is None else self.available - self.payout - self.later

    @property
    def suffices(self) -> bool:
        """Whether this window can be instructed as far as this partner goes."""
        return self.available is None or self.available >= self.payout


def simulate(work: Work, id: str) -> list[Headroom]:
    """Every partner and currency of a stated window, sorted. Raises: WindowMissing, WindowStateWrong."""
    window = store.window(work, id)
    require(window, WindowState.INSTRUCTED)
    found = read(work, id)
    others = [read(work, one.id) for one in store.windows(work, states=_TO_COME) if one.id != id]
    payouts, later = _payouts([found]), _payouts(others)
    to_pay: dict[tuple[str, str], int] = {}
    for one in found.obligations:
        key, due = (one.side.partner, one.side.currency), one.rest if one.amount < 0 else 0
        to_pay[key] = to_pay.get(key, 0) + due * found.money[one.side.currency].factor
    balances = ledger.balances(work, [chart.position(*key) for key in to_pay])
    rooms = []
    for key in sorted(to_pay):
        balance = balances[chart.position(*key)]
        available = None if balance.floor is None else balance.posted - balance.held - balance.floor
        rooms.append(Headroom(*key, available, payouts.get(key, 0), later.get(key, 0), to_pay[key]))
    return rooms


def _payouts(windows: Iterable[Netted]) -> dict[tuple[str, str], int]:
    sums: dict[tuple[str, str], int] = {}
    for found in windows:
        for one in found.obligations:
            key, due = (one.side.partner, one.side.currency), max(one.amount, 0)
            sums[key] = sums.get(key, 0) + due * found.money[one.side.currency].factor
    return sums
