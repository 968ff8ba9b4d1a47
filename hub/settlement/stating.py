"""What a closed window comes to, and the statements that say so.

Netting costs one row per account and label of the ledger's turnover, and looks at no posting. Order of locks: the
window, its obligations.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime

from hub import chart, ledger
from hub.agreements.roster import liveness
from hub.kernel.ids import new_id
from hub.outbox.events import Event, announce_events
from hub.settlement import objections, store
from hub.settlement.netting import netted
from hub.settlement.reading import AFTER_NETTING, find_lines, money_of, read, require
from hub.settlement.refusals import WindowStateWrong
from hub.settlement.types import Netted, Side, Statement, Window, WindowState
from hub.storage import Work

Renderer = Callable[[Work, Netted, str], bytes]
"""Writes one partner's statement of a netted window; the same bytes for the same rows."""


def net(work: Work, id: str, *, now: datetime, smallest: int = 1) -> Netted:
    """Find the lines and obligations of a closed window.

    smallest: amounts of less than so many whole units of their currency roll over to the next window. Raises:
    WindowMissing, WindowStateWrong (open or aborted, or the window before it is not netted yet).
    """
    before = store.before(work, store.window(work, id))
    for each in sorted({id, *([before.id] if before else [])}):
        store.window(work, each, locked=True)
    window = store.window(work, id)
    if window.state in AFTER_NETTING:
        return read(work, id)
    require(window, WindowState.NETTED)
    before = store.before(work, window)
    if before is not None and before.state not in AFTER_NETTING:
        raise WindowStateWrong(
            f"Window {before.number} of {window.calendar} has to be netted first.", number=before.number
        )
    objections.release(work, window)
    _write_netting(work, window, before, {}, smallest=smallest, now=now)
    store.move(work, id, WindowState.NETTED)
    return read(work, id)


def net_again(work: Work, id: str, partners: Collection[str], render: Renderer, *, now: datetime) -> None:
    """Find lines and obligations of a netted window anew, after what is held out of them changed; ids stay.

    partners: whose statements are written again, as new revisions, if they were written. The caller holds the window's
    lock, and no later window of its calendar is netted.
    """
    window = store.window(work, id)
    ids = {one.side: one.id for one in store.obligations(work, id)}
    store.drop_netting(work, id)
    _write_netting(work, window, store.before(work, window), ids, smallest=1, now=now)
    if window.state is not WindowState.STATED:
        return
    revisions = {one.partner: one.revision for one in store.statements(work, id)}
    store.replace_statements(work, id, partners)
    _write_statements(work, read(work, id), render, {one: revisions.get(one, 0) + 1 for one in partners}, now=now)


def _write_netting(
    work: Work, window: Window, before: Window | None, ids: Mapping[Side, str], *, smallest: int, now: datetime
) -> None:
    agreed = store.agreed(work)
    lines = find_lines(work, window, agreed)
    money = money_of(agreed)
    obligations = netted(
        lines,
        {one.side: one.closing for one in store.obligations(work, before.id)} if before else {},
        model_of=lambda version: agreed[version].model,
        money=money,
        smallest={one.currency: smallest * 10**one.exponent for one in money.values()},
        new_id=lambda side: ids.get(side) or new_id("obl", now),
    )
    store.add_lines(work, window.id, lines)
    store.add_obligations(work, window.id, obligations)


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
    partners = {one.side.partner for one in found.obligations} | {line.partner for line in found.held}
    made = _write_statements(work, found, render, dict.fromkeys(partners, 1), now=now)
    store.move(work, id, WindowState.STATED)
    return made


def _write_statements(
    work: Work, found: Netted, render: Renderer, revisions: Mapping[str, int], *, now: datetime
) -> list[Statement]:
    live = liveness(work)
    made = []
    for partner, revision in sorted(revisions.items()):
        document = render(work, replace(found, revision=revision), partner)
        made.append(_statement(found.window, partner, document, revision, live=live[partner], now=now))
    store.add_statements(work, made)
    announce_events(work, [_issued(one) for one in made], now=now)
    return made


def _seal(work: Work, found: Netted) -> None:
    """Build the Merkle roots that statements name, one per position account and slice with entries."""
    window = found.window
    assert window.last_period is not None, "a netted window is closed"
    wanted = {chart.position(one.partner, one.currency) for one in (*found.lines, *found.held)}
    for period in range(window.first_period, window.last_period + 1):
        moved = {one.account for one in ledger.turnover(work, period, prefix=chart.POSITIONS)}
        if moved & wanted:
            ledger.seal_period(work, period, sorted(moved & wanted))


def _statement(window: Window, partner: str, document: bytes, revision: int, *, live: bool, now: datetime) -> Statement:
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
        revision=revision,
    )


def _issued(one: Statement) -> Event:
    data = {"statement": one.id, "window": one.window, "due_on": one.due_on.isoformat(), "sha256": one.digest.hex()}
    return Event("statement.issued", one.id, (one.partner,), data, one.live)
