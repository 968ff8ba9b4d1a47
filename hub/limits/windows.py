"""From when on uses count, and when they cease to. Pure.

A day or year begins at midnight of the rule's zone, daylight saving included; seven and thirty days are that many times
24 hours back from now, and a use that is exactly that old no longer counts.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hub.limits.types import LimitRule, Period

_SPANS = {Period.WEEK: timedelta(days=7), Period.MONTH: timedelta(days=30)}
_INSTANT = timedelta(microseconds=1)


def since(rule: LimitRule, now: datetime) -> datetime:
    """The earliest instant at which a use still counts at `now`."""
    span = _SPANS.get(rule.period)
    if span is not None:
        return now - span + _INSTANT
    today = now.astimezone(ZoneInfo(rule.zone)).date()
    return _midnight(rule, today if rule.period is Period.DAY else date(today.year, 1, 1))


def frees_at(rule: LimitRule, now: datetime, earliest: datetime) -> datetime:
    """When something of what was used ceases to count. earliest: the oldest use that counts at `now`."""
    span = _SPANS.get(rule.period)
    if span is not None:
        return earliest + span
    today = now.astimezone(ZoneInfo(rule.zone)).date()
    return _midnight(rule, today + timedelta(days=1) if rule.period is Period.DAY else date(today.year + 1, 1, 1))


def _midnight(rule: LimitRule, day: date) -> datetime:
    return datetime.combine(day, time.min, ZoneInfo(rule.zone)).astimezone(UTC)
