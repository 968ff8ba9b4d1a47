"""Dates of expiry, which lots points come from, and which they go back to."""

from datetime import UTC, date, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.hosted.allocation import Free, allocated, given_back
from hub.hosted.expiry import lapses_at, last_day, months_later, warns_from
from partners.hosted.programme import EndOf, ExpiryKind, ExpiryRule

JAKARTA = ZoneInfo("Asia/Jakarta")


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        ("2026-03-15", 12, "2027-03-15"),
        ("2026-01-31", 1, "2026-02-28"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2026-10-31", 18, "2028-04-30"),
        ("2026-12-01", 1, "2027-01-01"),
        ("2026-12-31", 24, "2028-12-31"),
    ],
)
def test_months_are_counted_on_the_calendar(day: str, months: int, expected: str) -> None:
    assert months_later(date.fromisoformat(day), months) == date.fromisoformat(expected)


@pytest.mark.parametrize(
    ("months", "end_of", "earned", "expected"),
    [
        (12, "day", "2026-03-15T09:00:00+07:00", "2027-03-15"),
        (12, "month", "2026-03-15T09:00:00+07:00", "2027-03-31"),
        (12, "quarter", "2026-04-01T09:00:00+07:00", "2027-06-30"),
        (12, "quarter", "2026-10-01T09:00:00+07:00", "2027-12-31"),
        (24, "year", "2026-03-15T09:00:00+07:00", "2028-12-31"),
        # Half past eleven at night in London is the next day in Jakarta.
        (1, "day", "2026-04-05T23:30:00+00:00", "2026-05-06"),
    ],
)
def test_points_are_good_to_the_end_of_their_last_day(months: int, end_of: str, earned: str, expected: str) -> None:
    rule = ExpiryRule(ExpiryKind.FIXED, months, EndOf(end_of), frozenset(), ())

    ends = lapses_at(rule, datetime.fromisoformat(earned), JAKARTA)

    assert ends is not None
    assert ends.astimezone(JAKARTA).time() == datetime.min.time()
    assert last_day(ends, JAKARTA) == date.fromisoformat(expected)


def test_without_a_rule_points_never_lapse() -> None:
    rule = ExpiryRule(ExpiryKind.NONE, 0, EndOf.DAY, frozenset(), ())

    assert lapses_at(rule, datetime(2026, 1, 1, tzinfo=UTC), JAKARTA) is None


def test_a_warning_comes_so_many_days_before_the_last_one_ends() -> None:
    ends = datetime(2027, 3, 31, 17, tzinfo=UTC)  # midnight after 31 March in Jakarta

    assert warns_from(ends, 30, JAKARTA) == datetime(2027, 3, 1, 17, tzinfo=UTC)


def _free(lot: str, amount: int, expires: str | None, earned: str = "2026-01-01") -> Free:
    ends = datetime.fromisoformat(expires).replace(tzinfo=UTC) if expires else None
    return Free(lot, amount, datetime.fromisoformat(earned).replace(tzinfo=UTC), ends)


@pytest.mark.parametrize(
    ("free", "amount", "preferred", "expected"),
    [
        ([_free("a", 60, "2027-02-01"), _free("b", 40, "2027-01-01")], 50, "", [("b", 40), ("a", 10)]),
        ([_free("a", 60, None), _free("b", 40, "2027-01-01")], 50, "", [("b", 40), ("a", 10)]),
        ([_free("a", 60, None, "2026-02-01"), _free("b", 40, None)], 50, "", [("b", 40), ("a", 10)]),
        ([_free("a", 60, "2027-02-01"), _free("b", 40, "2027-01-01")], 50, "a", [("a", 50)]),
        ([_free("a", 60, "2027-02-01"), _free("b", 40, "2027-01-01")], 100, "a", [("a", 60), ("b", 40)]),
    ],
)
def test_points_are_taken_earliest_expiry_first(
    free: list[Free], amount: int, preferred: str, expected: list[tuple[str, int]]
) -> None:
    assert allocated(free, amount, preferred=frozenset(preferred)) == expected


@given(st.data())
def test_parts_of_a_reversal_add_up_to_the_whole_in_every_lot(data: st.DataObject) -> None:
    takes = data.draw(st.lists(st.integers(1, 1_000), min_size=1, max_size=8))
    had = [0] * len(takes)

    while sum(had) < sum(takes):
        amount = data.draw(st.integers(1, sum(takes) - sum(had)))
        parts = given_back(takes, had, amount)
        had = [before + part for before, part in zip(had, parts, strict=True)]

        share = Fraction(sum(had), sum(takes))
        assert sum(parts) == amount
        assert all(part >= 0 for part in parts)
        assert all(back <= take for back, take in zip(had, takes, strict=True))
        assert all(abs(back - take * share) < len(takes) + 1 for back, take in zip(had, takes, strict=True))

    assert had == takes


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 9)), min_size=1, max_size=10), st.data())
def test_what_is_allocated_is_exact_and_leaves_nothing_that_ends_earlier(
    lots: list[tuple[int, int]], data: st.DataObject
) -> None:
    free = [_free(f"lot{place}", amount, f"2027-01-{day + 1:02d}") for place, (amount, day) in enumerate(lots)]
    amount = data.draw(st.integers(1, sum(one.amount for one in free)))

    taken = dict(allocated(free, amount))

    assert sum(taken.values()) == amount
    left = [one.expires_at for one in free if one.amount > taken.get(one.lot, 0)]
    used = [one.expires_at for one in free if one.lot in taken]
    assert all(last <= first for last in used for first in left if last and first)
