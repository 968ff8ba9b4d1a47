"""Objections and the slices of lines they name, as rows."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, LiteralString

from hub.settlement.refusals import ObjectionMissing
from hub.settlement.types import Disputed, Line, Objection, ObjectionState, Window
from hub.storage import Work

CASE = "objection"
"""Kind of the case that stands open as long as an objection does."""

_OBJECTION: LiteralString = (
    "SELECT o.id, o.window_id, o.statement, o.partner, o.state, o.reason, o.raised_at, o.decide_by, o.decided_at, "
    "o.remark FROM settlement_objection o"
)
_NEW = ("id", "window_id", "statement", "partner", "state", "reason", "raised_at", "decide_by")
_DISPUTED = (
    "period", "partner", "currency", "kind", "agreement", "counterparty", "objection", "debits", "credits", "count",
    "held",
)  # fmt: skip
_ORDER: LiteralString = "d.period, d.partner, d.currency, d.kind, d.agreement, d.counterparty"
_ROW: LiteralString = (
    "SELECT d.period, d.partner, d.currency, d.kind, d.agreement, d.counterparty, d.debits, d.credits, d.count, "
    "d.held, d.billed_in FROM settlement_disputed d"
)


def add(work: Work, objection: Objection, disputed: Sequence[Disputed]) -> None:
    """Write an objection and everything that it puts in dispute."""
    one = objection
    row = (one.id, one.window, one.statement, one.partner, one.state.value, one.reason, one.raised_at, one.decide_by)
    work.copy_in("settlement_objection", _NEW, [row])
    rows = [(each.period, *each.line.key, one.id, *_amounts(each.line), each.held) for each in disputed]
    work.copy_in("settlement_disputed", _DISPUTED, rows)


def get(work: Work, id: str, *, locked: bool = False) -> Objection:
    """One objection. Raises: ObjectionMissing."""
    lock: LiteralString = " FOR UPDATE" if locked else ""
    rows = work.fetch(f"{_OBJECTION} WHERE o.id = %s{lock}", (id,))
    if not rows:
        raise ObjectionMissing("There is no such objection.")
    return _objection(rows[0])


def listed(work: Work, *, statement: str = "", states: Collection[ObjectionState] = ()) -> list[Objection]:
    """Objections, oldest first. statement: only to this one. states: only in one of these."""
    wanted = [state.value for state in states] or [state.value for state in ObjectionState]
    rows = work.fetch(
        f"{_OBJECTION} WHERE (%s = '' OR o.statement = %s) AND o.state = ANY(%s::text[]) ORDER BY o.raised_at, o.id",
        (statement, statement, wanted),
    )
    return list(map(_objection, rows))


def decide(work: Work, id: str, state: ObjectionState, *, period: int, remark: str, now: datetime) -> None:
    """Write a decision. period: the slice whose window, or a later one, bills what was held out."""
    work.run_later(
        "UPDATE settlement_objection SET state = %s, decided_period = %s, remark = %s, decided_at = %s "
        "WHERE id = %s AND state = 'open'",
        (state.value, period, remark, now, id),
        rows=1,
    )


def disputed(work: Work, id: str) -> list[Disputed]:
    """Everything that an objection put in dispute, the other partners' sides too."""
    return list(map(_disputed, work.fetch(f"{_ROW} WHERE d.objection = %s ORDER BY {_ORDER}", (id,))))


def in_slices(work: Work, first: int, last: int) -> list[Disputed]:
    """Everything in dispute, or once so, in these slices."""
    return list(map(_disputed, work.fetch(f"{_ROW} WHERE d.period BETWEEN %s AND %s ORDER BY {_ORDER}", (first, last))))


def held_out(work: Work, window: Window) -> list[Disputed]:
    """What left the netting of a closed window."""
    rows = work.fetch(
        f"{_ROW} JOIN agreement a ON a.version = d.agreement WHERE d.held AND a.calendar = %s "
        f"AND d.period BETWEEN %s AND %s ORDER BY {_ORDER}",
        (window.calendar, window.first_period, window.last_period),
    )
    return list(map(_disputed, rows))


def released(work: Work, window: str) -> list[Disputed]:
    """What a window bills of what earlier ones held out."""
    return list(map(_disputed, work.fetch(f"{_ROW} WHERE d.billed_in = %s ORDER BY {_ORDER}", (window,))))


def release(work: Work, window: Window) -> None:
    """Let a window bill what is decided and was not billed since."""
    work.run_later(
        "UPDATE settlement_disputed d SET billed_in = %s FROM settlement_objection o, agreement a "
        "WHERE o.id = d.objection AND a.version = d.agreement AND a.calendar = %s AND d.held AND d.billed_in IS NULL "
        "AND o.decided_period <= %s AND d.period <= %s",
        (window.id, window.calendar, window.last_period, window.last_period),
    )


def take_back(work: Work, window: Window, *, now: datetime) -> list[str]:
    """Undo what a window billed and what its own partners put in dispute, since all of it comes again.

    The other partners' sides that windows of other calendars held out are billed by the next of those. Ids of the
    objections that are dropped.
    """
    work.run_later("UPDATE settlement_disputed SET billed_in = NULL WHERE billed_in = %s", (window.id,))
    work.run_later(
        "DELETE FROM settlement_disputed d USING settlement_objection o, agreement a WHERE o.id = d.objection "
        "AND a.version = d.agreement AND o.window_id = %s AND o.state = 'open' AND a.calendar = %s",
        (window.id, window.calendar),
    )
    rows = work.fetch(
        "UPDATE settlement_objection SET state = 'dropped', decided_period = 0, decided_at = %s "
        "WHERE window_id = %s AND state = 'open' RETURNING id",
        (now, window.id),
    )
    return sorted(id for (id,) in rows)


def _amounts(line: Line) -> tuple[int, int, int]:
    return (line.debits, line.credits, line.count)


def _disputed(row: tuple[Any, ...]) -> Disputed:
    period, partner, currency, kind, agreement, counterparty, debits, credits, count, held, billed_in = row
    line = Line(partner, currency, kind, agreement, counterparty, int(debits), int(credits), count)
    return Disputed(period, line, held, billed_in)


def _objection(row: tuple[Any, ...]) -> Objection:
    id_, window, statement, partner, state, *rest = row
    return Objection(id_, window, statement, partner, ObjectionState(state), *rest)
