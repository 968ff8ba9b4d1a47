"""Cut-offs and business days, through changes of the clock and closing days."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.settlement.calendars import business_day, is_business_day, next_cut_off
from hub.settlement.types import Calendar, Rhythm

START = datetime(2025, 1, 1, tzinfo=UTC)


def utc(text: str) -> datetime:
    """An instant of UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("rhythm", "after", "expected"),
    [
        (Rhythm.DAY, "2026-04-06T15:59", "2026-04-06T16:00"),
        (Rhythm.DAY, "2026-04-06T16:00", "2026-04-07T16:00"),
        (Rhythm.WEEK, "2026-04-06T09:00", "2026-04-10T16:00"),
        (Rhythm.WEEK, "2026-04-10T16:00", "2026-04-17T16:00"),
        (Rhythm.WEEK, "2026-10-23T16:00", "2026-10-30T17:00"),  # summer time ended on the 25th
        (Rhythm.MONTH, "2026-04-06T09:00", "2026-05-01T16:00"),
        (Rhythm.MONTH, "2026-12-31T23:00", "2027-01-01T17:00"),
    ],
)
def test_the_next_cut_off_keeps_local_time(rhythm: Rhythm, after: str, expected: str) -> None:
    calendar = Calendar("some", "Europe/Berlin", rhythm, time(18), 4, "", 2, 5)

    assert next_cut_off(calendar, utc(after)) == utc(expected)


def test_midnight_on_the_first_ends_the_month_where_the_calendar_is_at_home() -> None:
    jakarta = Calendar("monthly_idr", "Asia/Jakarta", Rhythm.MONTH, time(0), 0, "", 3, 10)

    assert next_cut_off(jakarta, utc("2026-04-06T09:00")) == utc("2026-04-30T17:00")


@given(st.integers(0, 157_680_000).map(lambda more: START + timedelta(seconds=more)), st.sampled_from(Rhythm))
def test_cut_offs_follow_each_other_and_none_is_skipped(after: datetime, rhythm: Rhythm) -> None:
    calendar = Calendar("some", "America/New_York", rhythm, time(2, 30), 6, "", 2, 5)
    first = next_cut_off(calendar, after)
    second = next_cut_off(calendar, first)

    assert after < first < second
    days = {Rhythm.DAY: (1, 1), Rhythm.WEEK: (7, 7), Rhythm.MONTH: (28, 31)}[rhythm]
    assert days[0] <= round((second - first).total_seconds() / 86_400) <= days[1]


def test_business_days_step_over_weekends_and_closing_days() -> None:
    easter = {date(2026, 4, 3), date(2026, 4, 6)}

    assert business_day(date(2026, 4, 2), 1, easter) == date(2026, 4, 7)
    assert business_day(date(2026, 4, 4), 0, easter) == date(2026, 4, 7)
    assert business_day(date(2026, 4, 7), 0, easter) == date(2026, 4, 7)
    assert not is_business_day(date(2026, 4, 6), easter)


@given(st.dates(date(2025, 1, 1), date(2030, 1, 1)), st.integers(0, 20))
def test_as_many_business_days_pass_as_were_asked_for(start: date, days: int) -> None:
    found = business_day(start, days, set())
    passed = [day for day in range(start.toordinal() + 1, found.toordinal() + 1) if date.fromordinal(day).weekday() < 5]

    assert found.weekday() < 5
    assert len(passed) == days if start.weekday() < 5 else len(passed) == days + 1
