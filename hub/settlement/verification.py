"""Checks that windows, lines, obligations, payments and statements follow from the ledger, from the stored rows alone.

Run it in a transaction with one snapshot.
"""

import hashlib
from collections.abc import Iterator, Mapping
from fractions import Fraction

from hub import chart, ledger
from hub.kernel.amounts import half_even
from hub.ledger import Difference
from hub.settlement import objections, reading, service, store
from hub.settlement.netting import sides_of
from hub.settlement.types import Line, Netted, Obligation, Side, Window, WindowState
from hub.storage import Work

_NETTED = (WindowState.NETTED, WindowState.STATED, WindowState.INSTRUCTED, WindowState.SETTLED)


def verify(work: Work) -> list[Difference]:
    """Everything about settlement that does not follow from the ledger; nothing when all is well."""
    found: list[Difference] = []
    agreed = store.agreed(work)
    paid = _paid_in_ledger(work)
    for calendar in store.calendars(work):
        windows = [one for one in store.windows(work, calendar=calendar.code) if one.state is not WindowState.ABORTED]
        found += _gaps(work, windows)
        carried: dict[Side, int] = {}
        for window in windows:
            if window.state not in _NETTED:
                continue
            stored = service.read(work, window.id)
            found += _lines(window, list(stored.lines), service.find_lines(work, window, agreed))
            found += _obligations(stored, carried, agreed)
            found += _statements(work, window)
            found += _payments(work, stored, paid)
            carried = {one.side: one.closing for one in stored.obligations if one.closing}
    found += _disputed(work)
    return found


def _gaps(work: Work, windows: list[Window]) -> Iterator[Difference]:
    """Every slice of the ledger is in exactly one window of each calendar."""
    expected = ledger.periods(work)[0].number
    for window in windows:
        if window.first_period != expected:
            yield _difference("windows follow each other", window.id, window.first_period, expected)
        expected = (window.last_period or window.first_period) + 1


def _lines(window: Window, stored: list[Line], expected: list[Line]) -> Iterator[Difference]:
    for line in sorted(set(stored) ^ set(expected), key=str):
        subject = f"{window.id} {line.partner} {line.kind} {line.agreement} {line.counterparty}"
        text = f"{line.debits} {line.credits} {line.count}"
        ours = line in stored
        yield _difference(
            "lines follow from the ledger", subject, text if ours else "nothing", "nothing" if ours else text
        )


def _disputed(work: Work) -> Iterator[Difference]:
    """What is in dispute is what the ledger moved."""
    periods = ledger.periods(work)
    rows = objections.in_slices(work, periods[0].number, periods[-1].number)
    moved = {period: set(reading.moved(work, period)) for period in {one.period for one in rows}}
    for one in rows:
        if one.line not in moved[one.period]:
            subject = f"slice {one.period} {' '.join(one.line.key)}"
            yield _difference("what is in dispute is in the ledger", subject, one.line.count, "nothing")


def _obligations(
    found: Netted, carried: Mapping[Side, int], agreed: Mapping[str, store.Agreed]
) -> Iterator[Difference]:
    sums: dict[Side, tuple[int, int, int]] = {}
    for line in found.lines:
        for side, debits, credits in sides_of(line, agreed[line.agreement].model):
            before = sums.get(side, (0, 0, 0))
            sums[side] = (before[0] + debits, before[1] + credits, before[2] + line.count)
    stored = {one.side: one for one in found.obligations}
    for side in sorted(sums.keys() | stored.keys() | carried.keys(), key=str):
        debits, credits, count = sums.get(side, (0, 0, 0))
        opening = carried.get(side, 0)
        one = stored.get(side)
        if one is None:
            yield _difference("every side has its obligation", f"{found.window.id} {side.partner}", "nothing", "one")
            continue
        expected = (opening, debits, credits, count)
        if (one.opening, one.debits, one.credits, one.count) != expected:
            shown = f"{one.opening} {one.debits} {one.credits} {one.count}"
            yield _difference("obligations follow from lines", one.id, shown, " ".join(map(str, expected)))
        yield from _rounding(found, one)


def _rounding(found: Netted, one: Obligation) -> Iterator[Difference]:
    factor = found.money[one.side.currency].factor
    position = one.opening + one.credits - one.debits
    if one.amount * factor + one.closing != position:
        yield _difference("amount and closing are the position", one.id, one.amount * factor + one.closing, position)
    rounded = half_even(Fraction(position, factor))
    if one.amount not in (0, rounded):
        yield _difference("an amount is the rounded position", one.id, one.amount, rounded)


def _statements(work: Work, window: Window) -> Iterator[Difference]:
    for one in store.statements(work, window.id):
        digest = hashlib.sha256(one.document).hexdigest()
        if digest != one.digest.hex():
            subject = f"{window.id} {one.partner}"
            yield _difference("a statement is what was issued", subject, digest, one.digest.hex())


def _payments(work: Work, found: Netted, paid: Mapping[str, int]) -> Iterator[Difference]:
    recorded = store.payments(work, found.window.id)
    for one in found.obligations:
        if one.paid != recorded.get(one.id, 0):
            yield _difference("what is paid is its payments", one.id, one.paid, recorded.get(one.id, 0))
        signed = one.paid if one.amount > 0 else -one.paid
        factor = found.money[one.side.currency].factor
        if paid.get(one.id, 0) != signed * factor:
            yield _difference("payments are in the ledger", one.id, signed * factor, paid.get(one.id, 0))


def _paid_in_ledger(work: Work) -> dict[str, int]:
    """What payments moved out of positions (above zero) or into them, by obligation."""
    sums: dict[str, int] = {}
    for period in ledger.periods(work):
        for one in ledger.turnover(work, period.number, prefix=chart.POSITIONS):
            kind, obligation, _ = chart.label_parts(one.label or "||")
            if kind == chart.PAYMENT:
                sums[obligation] = sums.get(obligation, 0) + one.debits - one.credits
    return sums


def _difference(check: str, subject: str, stored: object, expected: object) -> Difference:
    return Difference(f"settlement: {check}", subject, str(stored), str(expected))
