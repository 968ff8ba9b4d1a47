"""Reads what statements and journals show, and hands it to the renderers.

Knows the ledger's slices, accounts and the digits of every unit. Does not know how a document looks.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from hub import chart, ledger
from hub.agreements.roster import roster
from hub.ledger import Root
from hub.reports.journals import Movement, without_members
from hub.reports.statements import Booked, statement_json
from hub.settlement import store
from hub.settlement.types import Line, Netted, Window
from hub.storage import Work


def render_statement(work: Work, found: Netted, partner: str) -> bytes:
    """One partner's statement of a netted window as JSON, with the roots that were built for it."""
    window = found.window
    assert window.last_period is not None, "a netted window is closed"
    currencies = {one.side.currency for one in found.obligations} | {line.currency for line in found.held}
    accounts = sorted({chart.position(partner, one) for one in currencies})
    roots: list[Root] = []
    for period in range(window.first_period, window.last_period + 1):
        roots += ledger.roots(work, period, accounts)
    known = roster(work).partners[partner]
    calendar = store.calendar(work, window.calendar)
    booked = [_booked(work, found, account) for account in accounts]
    return statement_json(found, partner, name=known.name, calendar=calendar, booked=booked, roots=roots)


def _booked(work: Work, found: Netted, account: str) -> Booked:
    """What an account did, and how much of that is not in the lines of this window."""
    window = found.window
    assert window.last_period is not None, "a netted window is closed"
    partner, currency = account.removeprefix(chart.POSITIONS).split(":")
    sums: dict[tuple[str, str, str], list[int]] = {}
    entries = change = 0
    for period in range(window.first_period, window.last_period + 1):
        for one in ledger.turnover(work, period, prefix=account):
            assert one.label is not None, "every transfer on a position has a label"
            if one.account == account:
                _add(sums, chart.label_parts(one.label), (one.debits, one.credits, one.count))
                entries, change = entries + one.count, change + one.credits - one.debits
    for line in found.lines:
        if (line.partner, line.currency) == (partner, currency):
            _add(sums, (line.kind, line.agreement, line.counterparty), (-line.debits, -line.credits, -line.count))
    before, opening = ledger.balance_before(work, account, window.first_period)
    elsewhere = tuple(Line(partner, currency, *key, *rest) for key, rest in sorted(sums.items()) if any(rest))
    return Booked(account, currency, before, opening, entries, opening + change, elsewhere)


def _add(sums: dict[tuple[str, str, str], list[int]], key: tuple[str, str, str], numbers: tuple[int, int, int]) -> None:
    known = sums.setdefault(key, [0, 0, 0])
    for place, number in enumerate(numbers):
        known[place] += number


def movements(work: Work, window: Window) -> list[Movement]:
    """What every account moved in the slices of a closed window, memberships summed up."""
    assert window.last_period is not None, "an open window has no journal yet"
    ends = {one.number: one.closed_at for one in ledger.periods(work)}
    units = {one.account: one.unit for one in ledger.accounts(work, "")}
    found: list[Movement] = []
    for period in range(window.first_period, window.last_period + 1):
        end = ends[period]
        assert end is not None, "the slices of a closed window are closed"
        day = end.astimezone(UTC).date()
        found += [
            Movement(period, day, units[one.account], one.account, one.debits, one.credits, one.count)
            for one in ledger.turnover(work, period)
        ]
    return without_members(found)


def trial_balance(work: Work, through: Window | None) -> dict[tuple[str, str], int]:
    """What every account stands at, by (unit, account), credits positive; memberships summed up.

    through: after the last slice of this window; None for now.
    """
    units = {one.account: one.unit for one in ledger.accounts(work, "")}
    last = ledger.periods(work)[-1].number if through is None else through.last_period
    assert last is not None, "an open window has no end yet"
    sums: dict[tuple[str, str], int] = {}
    for period in range(ledger.periods(work)[0].number, last + 1):
        for one in ledger.turnover(work, period):
            unit = units[one.account]
            key = (unit, f"member:{unit}" if one.account.startswith("member:") else one.account)
            sums[key] = sums.get(key, 0) + one.credits - one.debits
    return {key: balance for key, balance in sums.items() if balance}


def scales(work: Work, at: datetime) -> Mapping[str, int]:
    """Digits of the smallest unit of every unit and currency."""
    known = roster(work, at=at)
    found = {unit.code: unit.scale for unit in known.units.values()}
    return found | {one.currency: one.scale for one in store.agreed(work).values()}
