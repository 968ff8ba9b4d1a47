"""When points lapse: dates from rules, in the programme's own time zone. Pure.

An instant of expiry is the first one at which the points are gone: the midnight after the last good day.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from partners.hosted.programme import EndOf, ExpiryKind, ExpiryRule


def lapses_at(rule: ExpiryRule, since: datetime, zone: ZoneInfo) -> datetime | None:
    """When points of `since` lapse: when earned, or the last qualifying activity; None for never. UTC."""
    if rule.kind is ExpiryKind.NONE:
        return None
    last = last_day_of(rule.end_of, months_later(since.astimezone(zone).date(), rule.months))
    return datetime.combine(last + timedelta(days=1), time.min, zone).astimezone(UTC)


def last_day(lapses: datetime, zone: ZoneInfo) -> date:
    """The last day on which points that lapse at this instant are good."""
    return (lapses.astimezone(zone) - timedelta(microseconds=1)).date()


def warns_from(lapses: datetime, days: int, zone: ZoneInfo) -> datetime:
    """From when a member is warned so many days before the last good day is over."""
    first = lapses.astimezone(zone).date() - timedelta(days=days)
    return datetime.combine(first, time.min, zone).astimezone(UTC)


def months_later(day: date, months: int) -> date:
    """The same day so many months later; the last one of a month that is too short."""
    at = day.year * 12 + day.month - 1 + months
    year, month = divmod(at, 12)
    return date(year, month + 1, min(day.day, _days_in(year, month + 1)))


def last_day_of(end_of: EndOf, day: date) -> date:
    """The last day of the day, month, quarter or year that `day` is in."""
    match end_of:
        case EndOf.DAY:
            return day
        case EndOf.MONTH:
            month = day.month
        case EndOf.QUARTER:
            month = (day.month + 2) // 3 * 3
        case EndOf.YEAR:
            month = 12
    return date(day.year, month, _days_in(day.year, month))


def _days_in(year: int, month: int) -> int:
    following = date(year + month // 12, month % 12 + 1, 1)
    return (following - timedelta(days=1)).day
