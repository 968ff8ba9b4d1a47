"""Calendars, and the windows they cut off: opened, closed, and taken back before payment is asked for.

Closing costs a few rows, whatever was posted. Order of locks: the ledger's period, the window.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hub import ledger
from hub.audit.service import record
from hub.kernel.ids import new_id
from hub.legs.cases import close_cases
from hub.settlement import objections, store
from hub.settlement.calendars import business_day, local_day, next_cut_off
from hub.settlement.reading import require
from hub.settlement.refusals import CalendarConflict, CalendarInvalid, WindowStateWrong
from hub.settlement.types import Calendar, Window, WindowState
from hub.storage import Work

_DAYS_MAX = 60
_CODE_CHARS_MAX = 40


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


def abort(work: Work, id: str, *, actor: str, now: datetime) -> Window:
    """Take a closed window back before payment is asked for; the next window has its slices and lines then.

    Raises: WindowMissing, WindowStateWrong (open, instructed or later, or the next window is closed already).
    """
    window = store.window(work, id, locked=True)
    if window.state is WindowState.ABORTED:
        return window
    require(window, WindowState.ABORTED)
    following = store.open_window(work, window.calendar, locked=True)
    assert following is not None, "a calendar has an open window"
    if store.before(work, following) != window:
        raise WindowStateWrong("A later window of this calendar was closed already; abort that one first.")
    store.drop_statements(work, id)
    store.drop_netting(work, id)
    close_cases(work, objections.take_back(work, window, now=now), objections.CASE, by=actor, now=now)
    store.move(work, id, WindowState.ABORTED)
    store.stretch(work, following.id, first_period=window.first_period)
    record(work, actor=actor, action="window_aborted", subject=id, facts={}, now=now)
    return store.window(work, id)


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
