"""Calendars, windows, lines, obligations and statements as rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from operator import attrgetter
from typing import Any, LiteralString

from hub.settlement.refusals import CalendarMissing, ObligationMissing, StatementMissing, WindowMissing
from hub.settlement.types import (
    Calendar,
    Line,
    Model,
    Obligation,
    Rhythm,
    Side,
    Statement,
    Window,
    WindowState,
)
from hub.storage import Work

_CALENDAR: LiteralString = (
    "SELECT code, zone, rhythm, at, weekday, system, advice_days, call_days FROM settlement_calendar"
)
_WINDOW: LiteralString = (
    "SELECT id, calendar, number, state, first_period, last_period, opened_at, cut_off, closed_at, advice_on, due_on "
    "FROM settlement_window"
)
_OBLIGATION: LiteralString = (
    "SELECT id, partner, currency, counterparty, direction, opening, debits, credits, count, amount, closing, paid "
    "FROM settlement_obligation"
)
_LINE = ("window_id", "partner", "currency", "kind", "agreement", "counterparty", "debits", "credits", "count")
_NEW_OBLIGATION = (
    "id", "window_id", "partner", "currency", "counterparty", "direction", "opening", "debits", "credits", "count",
    "amount", "closing",
)  # fmt: skip
_STATEMENT: LiteralString = (
    "SELECT id, window_id, calendar, number, partner, live, document, digest, due_on, stated_at, revision, replaced, "
    "acknowledged_at FROM settlement_statement"
)
_STATEMENT_FIELDS = (
    "id", "window", "calendar", "number", "partner", "live", "document", "digest", "due_on", "stated_at",
    "revision",
)  # fmt: skip
_STATEMENT_COLUMNS = tuple("window_id" if name == "window" else name for name in _STATEMENT_FIELDS)


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a version of an agreement says about settlement."""

    calendar: str
    model: Model
    currency: str
    scale: int


def add_calendar(work: Work, calendar: Calendar) -> bool:
    """Write a calendar; whether it is new."""
    return bool(
        work.run(
            "INSERT INTO settlement_calendar (code, zone, rhythm, at, weekday, system, advice_days, call_days) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (code) DO NOTHING",
            (
                calendar.code,
                calendar.zone,
                calendar.rhythm.value,
                calendar.at,
                calendar.weekday,
                calendar.system,
                calendar.advice_days,
                calendar.call_days,
            ),
        )
    )


def calendars(work: Work) -> list[Calendar]:
    """Every calendar, sorted by code."""
    return list(map(_calendar, work.fetch(f"{_CALENDAR} ORDER BY code")))


def calendar(work: Work, code: str) -> Calendar:
    """One calendar. Raises: CalendarMissing."""
    rows = work.fetch(f"{_CALENDAR} WHERE code = %s", (code,))
    if not rows:
        raise CalendarMissing(f"There is no settlement calendar {code}.", calendar=code[:40])
    return _calendar(rows[0])


def add_closing_days(work: Work, system: str, days: Mapping[date, str]) -> int:
    """Write closing days; how many are new."""
    ordered = sorted(days.items())
    return work.run(
        "INSERT INTO settlement_closing_day (system, day, name) "
        "SELECT %s, * FROM unnest(%s::date[], %s::text[]) ON CONFLICT (system, day) DO NOTHING",
        (system, [day for day, _ in ordered], [name for _, name in ordered]),
    )


def closing_days(work: Work, system: str) -> set[date]:
    """The closing days of a payment system."""
    return {day for (day,) in work.fetch("SELECT day FROM settlement_closing_day WHERE system = %s", (system,))}


def add_window(work: Work, window: Window) -> bool:
    """Write a window that opens, unless its calendar has an open one; whether it was written."""
    return bool(
        work.run(
            "INSERT INTO settlement_window (id, calendar, number, state, first_period, opened_at, cut_off) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (
                window.id,
                window.calendar,
                window.number,
                window.state.value,
                window.first_period,
                window.opened_at,
                window.cut_off,
            ),
        )
    )


def open_window(work: Work, calendar: str, *, locked: bool = False) -> Window | None:
    """The open window of a calendar."""
    lock: LiteralString = " FOR UPDATE" if locked else ""
    rows = work.fetch(f"{_WINDOW} WHERE calendar = %s AND state = 'open'{lock}", (calendar,))
    return _window(rows[0]) if rows else None


def window(work: Work, id: str, *, locked: bool = False) -> Window:
    """One window. Raises: WindowMissing."""
    lock: LiteralString = " FOR UPDATE" if locked else ""
    rows = work.fetch(f"{_WINDOW} WHERE id = %s{lock}", (id,))
    if not rows:
        raise WindowMissing("There is no such settlement window.")
    return _window(rows[0])


def windows(work: Work, *, calendar: str = "", states: Collection[WindowState] = ()) -> list[Window]:
    """Windows, oldest first. calendar: only of this one. states: only in one of these."""
    wanted = [state.value for state in states] or [state.value for state in WindowState]
    rows = work.fetch(
        f"{_WINDOW} WHERE (%s = '' OR calendar = %s) AND state = ANY(%s::text[]) ORDER BY opened_at, calendar, number",
        (calendar, calendar, wanted),
    )
    return list(map(_window, rows))


def before(work: Work, window: Window) -> Window | None:
    """The window before this one, aborted ones left out."""
    rows = work.fetch(
        f"{_WINDOW} WHERE calendar = %s AND number < %s AND state <> 'aborted' ORDER BY number DESC LIMIT 1",
        (window.calendar, window.number),
    )
    return _window(rows[0]) if rows else None


def window_of_slice(work: Work, calendar: str, period: int) -> Window | None:
    """The window of a calendar that has a slice; None when the calendar was never opened."""
    rows = work.fetch(
        f"{_WINDOW} WHERE calendar = %s AND state <> 'aborted' AND first_period <= %s "
        "AND (last_period IS NULL OR last_period >= %s)",
        (calendar, period, period),
    )
    return _window(rows[0]) if rows else None


def later_netted(work: Work, window: Window) -> bool:
    """Whether a later window of the calendar has its opening from this one already."""
    rows = work.fetch(
        "SELECT EXISTS (SELECT 1 FROM settlement_window WHERE calendar = %s AND number > %s "
        "AND state IN ('netted', 'stated', 'instructed', 'settled'))",
        (window.calendar, window.number),
    )
    return bool(rows[0][0])


def close_window(work: Work, window: Window) -> None:
    """Write what closing decided."""
    work.run_later(
        "UPDATE settlement_window SET state = 'closed', last_period = %s, closed_at = %s, advice_on = %s, due_on = %s "
        "WHERE id = %s AND state = 'open'",
        (window.last_period, window.closed_at, window.advice_on, window.due_on, window.id),
        rows=1,
    )


def move(work: Work, id: str, to: WindowState) -> None:
    """Write a window's state; the caller holds its lock."""
    work.run_later("UPDATE settlement_window SET state = %s WHERE id = %s", (to.value, id), rows=1)


def stretch(work: Work, id: str, *, first_period: int) -> None:
    """Let a window begin with an earlier slice."""
    work.run_later("UPDATE settlement_window SET first_period = %s WHERE id = %s", (first_period, id), rows=1)


def agreed(work: Work) -> dict[str, Agreed]:
    """What every version of an agreement says about settlement, by version."""
    rows = work.fetch("SELECT version, calendar, settlement_model, currency, ledger_scale FROM agreement")
    return {
        version: Agreed(calendar, Model(model), currency, scale) for version, calendar, model, currency, scale in rows
    }


def add_lines(work: Work, window: str, lines: Sequence[Line]) -> None:
    """Write the lines of a window."""
    rows = [
        (
            window,
            one.partner,
            one.currency,
            one.kind,
            one.agreement,
            one.counterparty,
            one.debits,
            one.credits,
            one.count,
        )
        for one in lines
    ]
    work.copy_in("settlement_line", _LINE, rows)


def lines(work: Work, window: str) -> list[Line]:
    """The lines of a window, sorted."""
    rows = work.fetch(
        "SELECT partner, currency, kind, agreement, counterparty, debits, credits, count FROM settlement_line "
        "WHERE window_id = %s ORDER BY partner, currency, kind, agreement, counterparty",
        (window,),
    )
    return [_line(row) for row in rows]


def add_obligations(work: Work, window: str, obligations: Sequence[Obligation]) -> None:
    """Write the obligations of a window."""
    rows = [
        (
            one.id, window, one.side.partner, one.side.currency, one.side.counterparty, one.side.direction,
            one.opening, one.debits, one.credits, one.count, one.amount, one.closing,
        )
        for one in obligations
    ]  # fmt: skip
    work.copy_in("settlement_obligation", _NEW_OBLIGATION, rows)


def obligations(work: Work, window: str, *, locked: bool = False) -> list[Obligation]:
    """The obligations of a window, sorted by side."""
    lock: LiteralString = " FOR UPDATE" if locked else ""
    rows = work.fetch(
        f"{_OBLIGATION} WHERE window_id = %s ORDER BY partner, currency, counterparty, direction{lock}", (window,)
    )
    return list(map(_obligation, rows))


def drop_statements(work: Work, window: str) -> None:
    """Forget the statements of a window that is taken back."""
    work.run_later("DELETE FROM settlement_statement WHERE window_id = %s", (window,))


def drop_netting(work: Work, window: str) -> None:
    """Forget lines and obligations of a window that is netted again or taken back."""
    work.run_later("DELETE FROM settlement_obligation WHERE window_id = %s", (window,))
    work.run_later("DELETE FROM settlement_line WHERE window_id = %s", (window,))


def window_of(work: Work, obligation: str) -> str:
    """The window of an obligation. Raises: ObligationMissing."""
    rows = work.fetch("SELECT window_id FROM settlement_obligation WHERE id = %s", (obligation,))
    if not rows:
        raise ObligationMissing("There is no such obligation.")
    return str(rows[0][0])


def payment(work: Work, obligation: str, reference: str) -> int | None:
    """The amount that was paid under a reference; None when nothing was."""
    rows = work.fetch(
        "SELECT amount FROM settlement_payment WHERE obligation = %s AND reference = %s", (obligation, reference)
    )
    return rows[0][0] if rows else None


def add_payment(work: Work, obligation: str, reference: str, amount: int, *, now: datetime) -> None:
    """Write a payment and count it."""
    work.copy_in(
        "settlement_payment",
        ("obligation", "reference", "amount", "recorded_at"),
        [(obligation, reference, amount, now)],
    )
    work.run_later("UPDATE settlement_obligation SET paid = paid + %s WHERE id = %s", (amount, obligation), rows=1)


def payments(work: Work, window: str) -> dict[str, int]:
    """What was paid for each obligation of a window, by id, as its payments say."""
    rows = work.fetch(
        "SELECT p.obligation, sum(p.amount) FROM settlement_payment p JOIN settlement_obligation o "
        "ON o.id = p.obligation WHERE o.window_id = %s GROUP BY p.obligation",
        (window,),
    )
    return {obligation: int(amount) for obligation, amount in rows}


def add_statements(work: Work, statements: Sequence[Statement]) -> None:
    """Write statements."""
    work.copy_in("settlement_statement", _STATEMENT_COLUMNS, list(map(attrgetter(*_STATEMENT_FIELDS), statements)))


def statement(work: Work, window: str, partner: str) -> Statement:
    """A partner's newest statement of a window. Raises: StatementMissing."""
    rows = work.fetch(f"{_STATEMENT} WHERE window_id = %s AND partner = %s AND NOT replaced", (window, partner))
    if not rows:
        raise StatementMissing(f"There is no statement for {partner} in this window.", partner=partner[:40])
    return _statement(rows[0])


def statement_by_id(work: Work, id: str, *, live: bool) -> Statement:
    """A statement that the reader may see. Raises: StatementMissing."""
    rows = work.fetch(f"{_STATEMENT} WHERE id = %s AND live = %s", (id, live))
    if not rows:
        raise StatementMissing("There is no such statement.")
    return _statement(rows[0])


def named_statement(work: Work, id: str) -> Statement:
    """A statement of anybody, for the hub itself. Raises: StatementMissing."""
    rows = work.fetch(f"{_STATEMENT} WHERE id = %s", (id,))
    if not rows:
        raise StatementMissing("There is no such statement.")
    return _statement(rows[0])


def statements(work: Work, window: str) -> list[Statement]:
    """The newest statement of every partner for a window, sorted by partner."""
    rows = work.fetch(f"{_STATEMENT} WHERE window_id = %s AND NOT replaced ORDER BY partner", (window,))
    return list(map(_statement, rows))


def replace_statements(work: Work, window: str, partners: Collection[str]) -> None:
    """Note that these partners' statements of a window have a newer revision."""
    work.run_later(
        "UPDATE settlement_statement SET replaced = true WHERE window_id = %s AND partner = ANY(%s::text[])",
        (window, sorted(partners)),
    )


def acknowledge(work: Work, id: str, *, now: datetime) -> None:
    """Write that a statement was accepted, once."""
    work.run_later(
        "UPDATE settlement_statement SET acknowledged_at = %s WHERE id = %s AND acknowledged_at IS NULL", (now, id)
    )


def statements_of(
    work: Work, partner: str, *, live: bool, after: tuple[datetime, str] | None, limit: int
) -> list[Statement]:
    """Statements of a partner, of all with an empty one, newest first. after: (stated_at, id) of the last one seen."""
    at, id = after or (None, None)
    rows = work.fetch(
        f"{_STATEMENT} WHERE (%s = '' OR partner = %s) AND live = %s "
        "AND (%s::timestamptz IS NULL OR (stated_at, id) < (%s::timestamptz, %s::text)) "
        "ORDER BY stated_at DESC, id DESC LIMIT %s",
        (partner, partner, live, at, at, id, limit),
    )
    return list(map(_statement, rows))


def _statement(row: tuple[Any, ...]) -> Statement:
    id_, window, calendar, number, partner, live, document, digest, *rest = row
    return Statement(id_, window, calendar, number, partner, live, bytes(document), bytes(digest), *rest)


def _calendar(row: tuple[Any, ...]) -> Calendar:
    code, zone, rhythm, *rest = row
    return Calendar(code, zone, Rhythm(rhythm), *rest)


def _window(row: tuple[Any, ...]) -> Window:
    id_, calendar_, number, state, *rest = row
    return Window(id_, calendar_, number, WindowState(state), *rest)


def _line(row: tuple[Any, ...]) -> Line:
    partner, currency, kind, agreement, counterparty, debits, credits, count = row
    return Line(partner, currency, kind, agreement, counterparty, int(debits), int(credits), count)


def _obligation(row: tuple[Any, ...]) -> Obligation:
    id_, partner, currency, counterparty, direction, opening, debits, credits, count, amount, closing, paid = row
    side = Side(partner, currency, counterparty, direction)
    return Obligation(id_, side, int(opening), int(debits), int(credits), count, amount, int(closing), paid)
