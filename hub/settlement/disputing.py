"""Objections of partners to lines of their statements: raised in time, held out, decided, corrected by new lines.

What is in dispute leaves netting with its other side as long as payment was not asked for; a window that bills it
already keeps it, and only the decision counts. Order of locks: the ledger's period, the windows by id, the objection,
the ledger's balances.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hub import chart, ledger
from hub.audit.service import record
from hub.kernel.ids import new_id
from hub.ledger import Account, FloorBreached, LedgerRefusal, Posting, Transfer
from hub.legs.cases import NewCase, close_cases, open_cases
from hub.outbox.events import Event, announce_events
from hub.settlement import objections, store
from hub.settlement.calendars import business_day, local_day
from hub.settlement.reading import moved, summed
from hub.settlement.refusals import (
    HeadroomMissing,
    ObjectionInvalid,
    ObjectionStateWrong,
    StatementClosed,
    StatementMissing,
)
from hub.settlement.stating import Renderer, net_again
from hub.settlement.types import (
    Disputed,
    Line,
    LineChoice,
    LineKey,
    Objection,
    ObjectionState,
    Statement,
    Window,
    WindowState,
)
from hub.storage import Work

OBJECTION_DAYS = 5
"""Business days after the advice in which a statement takes objections; silence accepts it."""

_DECISION_DAYS = 30
_TEXT_CHARS_MAX = 500

# What the same conversion, accrual or claw-back is on the other partner's statement. Fees and bonuses have no other
# partner: the hub earns the one and a campaign's budget pays the other.
_OTHER_SIDE = {
    "debit": "credit",
    "credit": "debit",
    "reversal": "reversal",
    "accrual": "accrual",
    "clawback": "clawback",
}


def acknowledge(work: Work, statement: str, *, partner: str, live: bool, actor: str, now: datetime) -> Statement:
    """Accept a statement; again does nothing. Raises: StatementMissing, StatementClosed (there is a newer one)."""
    found = _statement(work, statement, partner, live=live)
    store.window(work, found.window, locked=True)
    found = _statement(work, statement, partner, live=live)
    if found.acknowledged_at is None:
        _require_newest(found)
        store.acknowledge(work, statement, now=now)
        record(work, actor=actor, action="statement_acknowledged", subject=statement, facts={}, now=now)
    return _statement(work, statement, partner, live=live)


def object_to(
    work: Work,
    statement: str,
    choices: Sequence[LineChoice],
    render: Renderer,
    *,
    partner: str,
    live: bool,
    reason: str,
    actor: str,
    now: datetime,
) -> Objection:
    """Dispute lines of a statement; what may still be held out leaves netting, and statements are written anew.

    choices: each means at least one line of the statement. Raises: StatementMissing, StatementClosed (accepted,
    replaced or too late), ObjectionInvalid (no such lines, or all of them in dispute or decided before).
    """
    if not 0 < len(reason) <= _TEXT_CHARS_MAX:
        raise ObjectionInvalid(f"An objection has a reason of 1 to {_TEXT_CHARS_MAX} characters.")
    found = _statement(work, statement, partner, live=live)
    window = store.window(work, found.window)
    _require_open(work, found, window, now)
    keys = _keys(work, window, partner, choices)
    own, others = _both_sides(work, window, partner, keys)
    places = _locked(work, window, [*own, *others])
    # Once more: somebody may have put the same in dispute, or answered, while we waited for the windows.
    _require_open(work, _statement(work, statement, partner, live=live), window, now)
    own, others = _both_sides(work, window, partner, keys)
    if not own:
        raise ObjectionInvalid("All of these lines are in dispute, or were decided about.")
    can_leave = {id: _can_leave(work, one) for id, one in places.windows.items()}
    disputed = [replace(one, held=can_leave.get(places.of(one), True)) for one in (*own, *others)]
    made = _objection(work, window, statement, partner, reason, now)
    objections.add(work, made, disputed)
    work.flush()
    for id in sorted({places.of(one) for one in disputed if one.held} & places.netted):
        net_again(work, id, {one.line.partner for one in disputed if places.of(one) == id}, render, now=now)
    facts = {"statement": statement, "window": window.id}
    open_cases(work, [NewCase(made.id, objections.CASE, partner, facts)], now=now)
    record(work, actor=actor, action="objection_raised", subject=made.id, facts=facts, now=now)
    return objections.get(work, made.id)


def decide(
    work: Work, id: str, decision: ObjectionState, *, both_sides: bool, remark: str, actor: str, now: datetime
) -> Objection:
    """Uphold or reject an objection. What was held out is billed by the next window; new lines correct what is upheld.

    both_sides: the other partners' sides are corrected too; otherwise the hub bears what it gives back. Again does
    nothing. Raises: ObjectionMissing, ObjectionInvalid (remark), ObjectionStateWrong (decided otherwise, or dropped),
    HeadroomMissing (a correction would take a partner beyond its cap).
    """
    assert decision in (ObjectionState.UPHELD, ObjectionState.REJECTED), "a decision is one of the two"
    if not 0 < len(remark) <= _TEXT_CHARS_MAX:
        raise ObjectionInvalid(f"A decision has a remark of 1 to {_TEXT_CHARS_MAX} characters.")
    ledger.enter(work)
    found = objections.get(work, id, locked=True)
    if found.state is decision:
        return found
    if found.state is not ObjectionState.OPEN:
        raise ObjectionStateWrong(f"This objection is {found.state} already.", state=found.state.value)
    if decision is ObjectionState.UPHELD:
        wrong = [one.line for one in objections.disputed(work, id) if both_sides or one.line.partner == found.partner]
        _correct(work, id, summed(wrong), now=now)
    objections.decide(work, id, decision, period=ledger.period(work).number, remark=remark, now=now)
    close_cases(work, [id], objections.CASE, by=actor, now=now)
    facts = {"decision": decision.value, "both_sides": str(both_sides).lower()}
    record(work, actor=actor, action="objection_decided", subject=id, facts=facts, now=now)
    live = store.named_statement(work, found.statement).live
    data = {"objection": id, "statement": found.statement, "decision": decision.value}
    announce_events(work, [Event("objection.decided", id, (found.partner,), data, live)], now=now)
    return objections.get(work, id)


def _keys(work: Work, window: Window, partner: str, choices: Sequence[LineChoice]) -> set[LineKey]:
    lines = [line for line in store.lines(work, window.id) if line.partner == partner]
    if not choices:
        raise ObjectionInvalid("An objection names lines.")
    for one in choices:
        if not any(one.means(line) for line in lines):
            raise ObjectionInvalid(f"This statement has no line {one.kind} with {one.counterparty}.")
    return {line.key for line in lines if any(one.means(line) for one in choices)}


@dataclass(frozen=True, slots=True)
class _Places:
    """Which window each slice of a calendar is in. windows: by id, locked."""

    calendars: Mapping[str, str]
    slices: Mapping[tuple[str, int], str]
    windows: Mapping[str, Window]

    def of(self, one: Disputed) -> str:
        """Id of the window that bills this; empty while its calendar has none."""
        return self.slices.get((self.calendars[one.line.agreement], one.period), "")

    @property
    def netted(self) -> set[str]:
        """Windows whose lines stand and would change."""
        return {id for id, one in self.windows.items() if one.state in (WindowState.NETTED, WindowState.STATED)}


def _both_sides(
    work: Work, window: Window, partner: str, keys: Collection[LineKey]
) -> tuple[list[Disputed], list[Disputed]]:
    """The slices of the named lines, and what the other partners have of them; without what was disputed before."""
    assert window.last_period is not None, "a window with statements is closed"
    known = objections.in_slices(work, window.first_period, window.last_period)
    before = {(one.period, one.line.key) for one in known}
    own, others = [], []
    for period in range(window.first_period, window.last_period + 1):
        fresh = [line for line in moved(work, period) if (period, line.key) not in before]
        named = [line for line in fresh if line.partner == partner and line.key in keys]
        wanted = {(line.counterparty, _OTHER_SIDE.get(line.kind)) for line in named}
        own += [Disputed(period, line, held=True) for line in named]
        others += [
            Disputed(period, line, held=True)
            for line in fresh
            if line.counterparty == partner and (line.partner, line.kind) in wanted
        ]
    return own, others


def _locked(work: Work, window: Window, disputed: Sequence[Disputed]) -> _Places:
    calendars = {version: one.calendar for version, one in store.agreed(work).items()}
    slices = {}
    for calendar, period in sorted({(calendars[one.line.agreement], one.period) for one in disputed}):
        found = store.window_of_slice(work, calendar, period)
        if found is not None:
            slices[calendar, period] = found.id
    ids = sorted({window.id, *slices.values()})
    return _Places(calendars, slices, {id: store.window(work, id, locked=True) for id in ids})


def _can_leave(work: Work, window: Window) -> bool:
    """Whether lines of a window may still be held out: payment was not asked for, and nothing follows from its rest."""
    if window.state in (WindowState.NETTED, WindowState.STATED):
        return not store.later_netted(work, window)
    return window.state not in (WindowState.INSTRUCTED, WindowState.SETTLED)


def _statement(work: Work, id: str, partner: str, *, live: bool) -> Statement:
    found = store.statement_by_id(work, id, live=live)
    if found.partner != partner:
        raise StatementMissing("There is no such statement.")
    return found


def _require_open(work: Work, found: Statement, window: Window, now: datetime) -> None:
    _require_newest(found)
    if found.acknowledged_at is not None:
        raise StatementClosed("This statement was acknowledged; it takes no objection any more.")
    calendar = store.calendar(work, window.calendar)
    assert window.advice_on is not None, "a window with statements is closed"
    last = business_day(window.advice_on, OBJECTION_DAYS, store.closing_days(work, calendar.system))
    if local_day(calendar, now) > last:
        raise StatementClosed(f"Objections were possible until {last}; silence accepted it.", until=last.isoformat())


def _require_newest(found: Statement) -> None:
    if found.replaced:
        raise StatementClosed("There is a newer revision of this statement.", revision=found.revision)


def _objection(work: Work, window: Window, statement: str, partner: str, reason: str, now: datetime) -> Objection:
    today = local_day(store.calendar(work, window.calendar), now)
    return Objection(
        id=new_id("obj", now),
        window=window.id,
        statement=statement,
        partner=partner,
        state=ObjectionState.OPEN,
        reason=reason,
        raised_at=now,
        decide_by=today + timedelta(days=_DECISION_DAYS),
        decided_at=None,
        remark="",
    )


def _correct(work: Work, id: str, lines: Sequence[Line], *, now: datetime) -> None:
    """Post the opposite of these lines, between the positions and the hub's trading account."""
    transfers = [_opposite(line) for line in lines if line.debits != line.credits]
    if not transfers:
        return
    currencies = sorted({line.currency for line in lines})
    ledger.open_accounts(work, [Account(chart.trading(one), one, None) for one in currencies], now=now)
    key, codes = f"obj:{id}", {code for one in transfers for code in (one.debit, one.credit)}
    book = ledger.lock(work, codes=codes, keys={key}, now=now)
    answer = book.post(Posting(key, "settlement", tuple(transfers), now, id))
    if isinstance(answer, FloorBreached):
        raise HeadroomMissing("The correction would take a partner beyond its net debit cap.", objection=id)
    assert not isinstance(answer, LedgerRefusal), f"the ledger refused a correction: {answer}"
    book.write()


def _opposite(line: Line) -> Transfer:
    position, trading = chart.position(line.partner, line.currency), chart.trading(line.currency)
    label = chart.price_label(chart.CORRECTION, line.agreement, line.counterparty)
    owed = line.debits - line.credits
    ends = (trading, position) if owed > 0 else (position, trading)
    return Transfer(*ends, abs(owed), label)
