"""What a closed window comes to, and the statements that say so.

Netting costs one row per account and label of the ledger's turnover, and looks at no posting. Order of locks: the
window, its obligations.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime

from hub import chart, ledger
from hub.agreements.roster import liveness
from hub.kernel.ids import new_id
from hub.outbox.events import Event, announce_events
from hub.settlement import store
from hub.settlement.netting import netted
from hub.settlement.reading import AFTER_NETTING, find_lines, money_of, read, require
from hub.settlement.refusals import WindowStateWrong
from hub.settlement.types import Netted, Statement, Window, WindowState
from hub.storage import Work

Renderer = Callable[[Work, Netted, str], bytes]
"""Writes one partner's statement of a netted window; the same bytes for the same rows."""


def net(work: Work, id: str, *, now: datetime, smallest: int = 1) -> Netted:
    """Find the lines and obligations of a closed window.

    smallest: amounts of less than so many whole units of their currency roll over to the next window. Raises:
    WindowMissing, WindowStateWrong (open or aborted, or the window before it is not netted yet).
    """
    window = store.window(work, id, locked=True)
    if window.state in AFTER_NETTING:
        return read(work, id)
    require(window, WindowState.NETTED)
    before = store.before(work, window)
    if before is not None and before.state not in AFTER_NETTING:
        raise WindowStateWrong(
            f"Window {before.number} of {window.calendar} has to be netted first.", number=before.number
        )
    agreed = store.agreed(work)
    lines = find_lines(work, window, agreed)
    openings = {one.side: one.closing for one in store.obligations(work, before.id)} if before else {}
    money = money_of(agreed)
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
    if window.state in AFTER_NETTING - {WindowState.NETTED}:
        return store.statements(work, id)
    require(window, WindowState.STATED)
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
