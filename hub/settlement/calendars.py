"""When windows are cut off, and what a business day is: pure, over a calendar and the closing days of its system.

Local times are those of the calendar's zone: a cut-off at 18:00 stays at 18:00 when the clocks change. A local time
that the change skips is the instant it would have been without it; of one that comes twice, the first counts.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hub.settlement.types import Calendar, Rhythm

_SATURDAY = 5


def next_cut_off(calendar: Calendar, after: datetime) -> datetime:
    """The first cut-off later than `after`, in UTC."""
    day = after.astimezone(ZoneInfo(calendar.zone)).date()
    while True:
        found = _cut_off_on(calendar, day)
        if found is not None and found > after:
            return found
        day += timedelta(days=1)


def business_day(start: date, days: int, closing_days: Collection[date]) -> date:
    """The day that is `days` business days after `start`; with 0, `start` or the first business day after it."""
    day = start
    while not is_business_day(day, closing_days):
        day += timedelta(days=1)
    for _ in range(days):
        day += timedelta(days=1)
        while not is_business_day(day, closing_days):
            day += timedelta(days=1)
    return day


def is_business_day(day: date, closing_days: Collection[date]) -> bool:
    """Whether payments are settled on this day."""
    return day.weekday() < _SATURDAY and day not in closing_days


def local_day(calendar: Calendar, at: datetime) -> date:
    """The day of an instant where the calendar is at home."""
    return at.astimezone(ZoneInfo(calendar.zone)).date()


def _cut_off_on(calendar: Calendar, day: date) -> datetime | None:
    match calendar.rhythm:
        case Rhythm.WEEK if day.weekday() != calendar.weekday:
            return None
        case Rhythm.MONTH if day.day != 1:
            return None
    return datetime.combine(day, calendar.at, ZoneInfo(calendar.zone)).astimezone(UTC)
