"""Windows from cut-off to payment: closed, netted, stated, instructed, settled; each step once, in its own transaction.

Every step may be asked for again: a window that is further already answers as it stands. Order of locks: the ledger's
period, the window, its obligations, the ledger's balances. Closing costs a few rows, netting one row per account and
label of the ledger's turnover; neither looks at a posting.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hub import chart, ledger
from hub.agreements.currencies import exponent
from hub.agreements.roster import liveness
from hub.audit.service import record
from hub.kernel.ids import new_id
from hub.ledger import Account, FloorBreached, LedgerRefusal, Posting, Transfer
from hub.outbox.events import Event, announce_events
from hub.settlement import store
from hub.settlement.calendars import business_day, local_day, next_cut_off
from hub.settlement.netting import netted
from hub.settlement.refusals import (
    CalendarConflict,
    CalendarInvalid,
    HeadroomMissing,
    ObligationOverpaid,
    PaymentReferenceReused,
    WindowStateWrong,
)
from hub.settlement.types import MOVES, Calendar, Line, Money, Netted, Obligation, Side, Statement, Window, WindowState
from hub.storage import Work

Renderer = Callable[[Work, Netted, str], bytes]
"""Writes one partner's statement of a netted window; the same bytes for the same rows."""

_DAYS_MAX = 60
_CODE_CHARS_MAX = 40
_REFERENCE_CHARS_MAX = 140
_AFTER_NETTING = frozenset({WindowState.NETTED, WindowState.STATED, WindowState.INSTRUCTED, WindowState.SETTLED})


def add_calendar(work: Work, calendar: Calendar, *, actor: str, now: datetime) -> None:
    """Add a calendar; the same again does nothing. Raises: CalendarInvalid, CalendarConflict."""
    _check_calendar(calendar)
    if store.add_calendar(work, calendar):
        facts = {"zone": calendar.zone, "rhythm": calendar.rhythm.value}
        record(work, actor=actor, action="calendar_added", subject=calendar.code, facts=facts, now=now)
    elif store.calendar(work, calendar.code) != calendar:
        raise CalendarConflict(
            f"There is a calendar {calendar.code} with other particulars; choose another code.", calendar=calendar.code
        )


def add_closing_days(work: Work, system: str, days: Mapping[date, str], *, actor: str, now: datetime) -> int:
    """Add days on which a payment system is closed; how many are new. Raises: CalendarInvalid."""
    if not _is_code(system):
        raise CalendarInvalid("A payment system's code has 1 to 40 small letters, digits and underscores.")
    added = store.add_closing_days(work, system, days)
    if added:
        record(work, actor=actor, action="closing_days_added", subject=system, facts={"days": str(added)}, now=now)
    return added


def opened(work: Work, code: str, *, now: datetime) -> Window:
    """The open window of a calendar; the first one reaches back to the ledger's first slice.

    Raises: CalendarMissing.
    """
    calendar = store.calendar(work, code)
    found = store.open_window(work, code)
    if found is None:
        first = ledger.periods(work)[0].number
        store.add_window(work, _new_window(calendar, 1, first, now))
        found = store.open_window(work, code)
    assert found is not None, "a calendar has an open window"
    return found


def close(work: Work, code: str, *, early: bool, now: datetime) -> Window | None:
    """Cut a calendar's open window off and open the next one; the closed one. None when its cut-off is still to come.

    early: an operator wants the cut-off now. Raises: CalendarMissing.
    """
    due = opened(work, code, now=now)
    if not early and due.cut_off > now:
        return None
    following = ledger.close_period(work, now=now)
    found = store.open_window(work, code, locked=True)
    assert found is not None, "a calendar has an open window"
    if found.id != due.id:
        return None  # somebody else closed it while we waited for the period
    calendar = store.calendar(work, code)
    closing_days = store.closing_days(work, calendar.system)
    closed_at = following.opened_at
    day = local_day(calendar, closed_at)
    closed = replace(
        found,
        state=WindowState.CLOSED,
        last_period=following.number - 1,
        closed_at=closed_at,
        advice_on=business_day(day, calendar.advice_days, closing_days),
        due_on=business_day(day, calendar.call_days, closing_days),
    )
    store.close_window(work, closed)
    work.flush()
    store.add_window(work, _new_window(calendar, found.number + 1, following.number, closed_at))
    return closed


def net(work: Work, id: str, *, now: datetime, smallest: int = 1) -> Netted:
    """Find the lines and obligations of a closed window.

    smallest: amounts of less than so many whole units of their currency roll over to the next window. Raises:
    WindowMissing, WindowStateWrong (open or aborted, or the window before it is not netted yet).
    """
    window = store.window(work, id, locked=True)
    if window.state in _AFTER_NETTING:
        return read(work, id)
    _require(window, WindowState.NETTED)
    before = store.before(work, window)
    if before is not None and before.state not in _AFTER_NETTING:
        raise WindowStateWrong(
            f"Window {before.number} of {window.calendar} has to be netted first.", number=before.number
        )
    agreed = store.agreed(work)
    lines = find_lines(work, window, agreed)
    openings = {one.side: one.closing for one in store.obligations(work, before.id)} if before else {}
    money = _money(agreed)
    obligations = netted(
        lines,
        openings,
        model_of=lambda version: agreed[version].model,
        money=money,
        smallest={one.currency: smallest * 10**one.exponent for one in money.values()},
        new_id=lambda _: new_id("obl", now),
    )
    store.add_lines(work, id, lines)
    store.add_obligations(work, id, obligations)
    store.move(work, id, WindowState.NETTED)
    return read(work, id)


def state(work: Work, id: str, render: Renderer, *, now: datetime) -> list[Statement]:
    """Write every partner's statement of a netted window, once and for ever.

    Raises: WindowMissing, WindowStateWrong.
    """
    window = store.window(work, id, locked=True)
    if window.state in _AFTER_NETTING - {WindowState.NETTED}:
        return store.statements(work, id)
    _require(window, WindowState.STATED)
    found = read(work, id)
    _seal(work, found)
    live = liveness(work)
    made = []
    for partner in sorted({one.side.partner for one in found.obligations}):
        document = render(work, found, partner)
        made.append(_statement(window, partner, document, live=live[partner], now=now))
    store.add_statements(work, made)
    store.move(work, id, WindowState.STATED)
    announce_events(work, [_issued(one) for one in made], now=now)
    return made


def instruct(work: Work, id: str, *, actor: str, now: datetime) -> Netted:
    """Ask for payment: what the hub owes is held for its creditors, and from now on the window cannot be aborted.

    Raises: WindowMissing, WindowStateWrong, HeadroomMissing.
    """
    ledger.enter(work)
    window = store.window(work, id, locked=True)
    if window.state in (WindowState.INSTRUCTED, WindowState.SETTLED):
        return read(work, id)
    _require(window, WindowState.INSTRUCTED)
    found = read(work, id)
    due = [one for one in found.obligations if one.amount > 0]
    if due:
        _hold_payouts(work, found, due, now=now)
    store.move(work, id, WindowState.INSTRUCTED)
    if not any(one.rest for one in found.obligations):
        store.move(work, id, WindowState.SETTLED)
    record(work, actor=actor, action="window_instructed", subject=id, facts={}, now=now)
    return read(work, id)


def pay(work: Work, obligation: str, *, amount: int, reference: str, actor: str, now: datetime) -> Netted:
    """Discharge an obligation, or part of a partner's, by money that moved; the window settles with the last one.

    amount: smallest units of the currency, > 0; what the hub pays is paid in one piece. reference: of the payment at
    the bank; the same again does nothing. Raises: ObligationMissing, WindowStateWrong, ObligationOverpaid,
    PaymentReferenceReused.
    """
    if not 0 < len(reference) <= _REFERENCE_CHARS_MAX or not reference.isprintable():
        raise PaymentReferenceReused("A payment has a reference of 1 to 140 printable characters.")
    ledger.enter(work)
    window = store.window(work, store.window_of(work, obligation), locked=True)
    known = store.payment(work, obligation, reference)
    if known is not None:
        if known != amount:
            raise PaymentReferenceReused("This reference was used for another amount.", amount=known)
        return read(work, window.id)
    if window.state is not WindowState.INSTRUCTED:
        raise WindowStateWrong(f"Window {window.number} is {window.state}; it takes payments once it is instructed.")
    found = read(work, window.id)
    one = next(each for each in found.obligations if each.id == obligation)
    if not 0 < amount <= one.rest or (one.amount > 0 and amount != one.rest):
        raise ObligationOverpaid(f"{one.rest} are still to be paid here.", rest=one.rest, currency=one.side.currency)
    _post_payment(work, found, one, amount, reference, now=now)
    store.add_payment(work, obligation, reference, amount, now=now)
    if sum(each.rest for each in found.obligations) == amount:
        store.move(work, window.id, WindowState.SETTLED)
    record(work, actor=actor, action="obligation_paid", subject=obligation, facts={"amount": str(amount)}, now=now)
    return read(work, window.id)


def abort(work: Work, id: str, *, actor: str, now: datetime) -> Window:
    """Take a closed window back before payment is asked for; the next window has its slices and lines then.

    Raises: WindowMissing, WindowStateWrong (open, instructed or later, or the next window is closed already).
    """
    window = store.window(work, id, locked=True)
    if window.state is WindowState.ABORTED:
        return window
    _require(window, WindowState.ABORTED)
    following = store.open_window(work, window.calendar, locked=True)
    assert following is not None, "a calendar has an open window"
    if store.before(work, following) != window:
        raise WindowStateWrong("A later window of this calendar was closed already; abort that one first.")
    store.drop_netting(work, id)
    store.move(work, id, WindowState.ABORTED)
    store.stretch(work, following.id, first_period=window.first_period)
    record(work, actor=actor, action="window_aborted", subject=id, facts={}, now=now)
    return store.window(work, id)


def read(work: Work, id: str) -> Netted:
    """A window with its lines and obligations. Raises: WindowMissing."""
    return Netted(
        window=store.window(work, id),
        lines=tuple(store.lines(work, id)),
        obligations=tuple(store.obligations(work, id)),
        money=_money(store.agreed(work)),
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


def _money(agreed: Mapping[str, store.Agreed]) -> dict[str, Money]:
    return {one.currency: Money(one.currency, one.scale, exponent(one.currency)) for one in agreed.values()}


def _require(window: Window, to: WindowState) -> None:
    if to not in MOVES[window.state]:
        raise WindowStateWrong(
            f"Window {window.number} of {window.calendar} is {window.state}; it cannot become {to}.",
            state=window.state.value,
        )


def _seal(work: Work, found: Netted) -> None:
    """Build the Merkle roots that statements name, one per position account and slice with entries."""
    window = found.window
    assert window.last_period is not None, "a netted window is closed"
    wanted = {chart.position(one.partner, one.currency) for one in found.lines}
    for period in range(window.first_period, window.last_period + 1):
        moved = {one.account for one in ledger.turnover(work, period, prefix=chart.POSITIONS)}
        if moved & wanted:
            ledger.seal_period(work, period, sorted(moved & wanted))


def _statement(window: Window, partner: str, document: bytes, *, live: bool, now: datetime) -> Statement:
    assert window.due_on is not None, "a netted window is closed"
    return Statement(
        id=new_id("stm", now),
        window=window.id,
        calendar=window.calendar,
        number=window.number,
        partner=partner,
        live=live,
        document=document,
        digest=hashlib.sha256(document).digest(),
        due_on=window.due_on,
        stated_at=now,
    )


def _issued(one: Statement) -> Event:
    data = {"statement": one.id, "window": one.window, "due_on": one.due_on.isoformat(), "sha256": one.digest.hex()}
    return Event("statement.issued", one.id, (one.partner,), data, one.live)


def _hold_payouts(work: Work, found: Netted, due: Sequence[Obligation], *, now: datetime) -> None:
    currencies = sorted({one.side.currency for one in due})
    ledger.open_accounts(work, [Account(chart.bank(one), one, None) for one in currencies], now=now)
    postings = [_payout(found, one, now) for one in due]
    codes = {code for one in postings for each in one.transfers for code in (each.debit, each.credit)}
    book = ledger.lock(work, codes=codes, keys={one.key for one in postings}, now=now)
    for one, posting in zip(due, postings, strict=True):
        answer = book.hold(posting)
        if isinstance(answer, FloorBreached):
            raise HeadroomMissing(
                f"Paying {one.side.partner} would take it beyond its net debit cap; it owes more by now.",
                partner=one.side.partner,
                currency=one.side.currency,
            )
        assert not isinstance(answer, LedgerRefusal), f"the ledger refused a payout: {answer}"
    book.write()


def _payout(found: Netted, one: Obligation, now: datetime) -> Posting:
    """What the hub pays to a partner: its position falls, and so does what lies at the bank."""
    position = chart.position(one.side.partner, one.side.currency)
    units = one.amount * found.money[one.side.currency].factor
    transfer = Transfer(position, chart.bank(one.side.currency), units, chart.payment_label(one.id))
    return Posting(f"stl:{one.id}", "settlement", (transfer,), now, found.window.id)


def _post_payment(work: Work, found: Netted, one: Obligation, amount: int, reference: str, *, now: datetime) -> None:
    position, bank = chart.position(one.side.partner, one.side.currency), chart.bank(one.side.currency)
    if one.amount > 0:
        book = ledger.lock(work, codes={position, bank}, keys={f"stl:{one.id}"}, now=now)
        answer = book.post_hold(f"stl:{one.id}", effective_at=now)
    else:
        ledger.open_accounts(work, [Account(bank, one.side.currency, None)], now=now)
        key = f"stl:{one.id}:{hashlib.sha256(reference.encode()).hexdigest()[:32]}"
        units = amount * found.money[one.side.currency].factor
        transfer = Transfer(bank, position, units, chart.payment_label(one.id))
        book = ledger.lock(work, codes={position, bank}, keys={key}, now=now)
        answer = book.post(Posting(key, "settlement", (transfer,), now, found.window.id))
    assert not isinstance(answer, LedgerRefusal), f"the ledger refused a payment: {answer}"
    book.write()


def _new_window(calendar: Calendar, number: int, first_period: int, opened_at: datetime) -> Window:
    return Window(
        id=new_id("win", opened_at),
        calendar=calendar.code,
        number=number,
        state=WindowState.OPEN,
        first_period=first_period,
        last_period=None,
        opened_at=opened_at,
        cut_off=next_cut_off(calendar, opened_at),
        closed_at=None,
        advice_on=None,
        due_on=None,
    )


def _check_calendar(calendar: Calendar) -> None:
    if not _is_code(calendar.code) or (calendar.system and not _is_code(calendar.system)):
        raise CalendarInvalid("The codes of a calendar and its payment system have 1 to 40 of a-z, 0-9 and _.")
    try:
        ZoneInfo(calendar.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as fault:
        raise CalendarInvalid(f"{calendar.zone[:40]!r} is no IANA time zone such as Europe/Berlin.") from fault
    if not 0 <= calendar.weekday <= 6 or calendar.at.tzinfo is not None or calendar.at.microsecond:
        raise CalendarInvalid("A calendar cuts off at a local time, on a weekday from 0 (Monday) to 6.")
    if not 0 <= calendar.advice_days <= calendar.call_days <= _DAYS_MAX:
        raise CalendarInvalid(f"Advice comes before payment, both within {_DAYS_MAX} business days of the cut-off.")


def _is_code(text: str) -> bool:
    return 0 < len(text) <= _CODE_CHARS_MAX and text.isascii() and text.replace("_", "a").isalnum() and text.islower()


__all__ = [
    "Netted",
    "Renderer",
    "Side",
    "abort",
    "add_calendar",
    "add_closing_days",
    "close",
    "find_lines",
    "instruct",
    "net",
    "opened",
    "pay",
    "read",
    "state",
]
