"""Obligations of instructed windows and the money that discharges them, in the ledger.

Order of locks: the ledger's period, the window, the ledger's balances.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from hub import chart, ledger
from hub.audit.service import record
from hub.ledger import Account, FloorBreached, LedgerRefusal, Posting, Transfer
from hub.settlement import store
from hub.settlement.reading import read, require
from hub.settlement.refusals import HeadroomMissing, ObligationOverpaid, PaymentReferenceReused, WindowStateWrong
from hub.settlement.types import Netted, Obligation, WindowState
from hub.storage import Work

_REFERENCE_CHARS_MAX = 140


def instruct(work: Work, id: str, *, actor: str, now: datetime) -> Netted:
    """Ask for payment: what the hub owes is held for its creditors, and from now on the window cannot be aborted.

    Raises: WindowMissing, WindowStateWrong, HeadroomMissing.
    """
    ledger.enter(work)
    window = store.window(work, id, locked=True)
    if window.state in (WindowState.INSTRUCTED, WindowState.SETTLED):
        return read(work, id)
    require(window, WindowState.INSTRUCTED)
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
