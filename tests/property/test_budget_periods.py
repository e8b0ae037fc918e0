"""Periods of budgets, against a calendar that counts days by itself."""

from __future__ import annotations

import calendar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengateway.domain.budgets import BudgetPeriod, period_of_reset, span_of

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
MOMENTS = st.integers(0, 253_000_000_000 * SECOND)
ENDING = (BudgetPeriod.DAY, BudgetPeriod.WEEK, BudgetPeriod.MONTH)


def civil(day: int) -> tuple[int, int, int]:
    """Days since 1970 to year, month and day, by counting: no datetime is asked."""
    year = 1970
    while day >= (length := 366 if calendar.isleap(year) else 365):
        day -= length
        year += 1
    for month in range(1, 13):
        length = calendar.monthrange(year, month)[1]
        if day < length:
            return year, month, day + 1
        day -= length
    raise AssertionError


@given(MOMENTS, st.sampled_from(ENDING))
def test_every_moment_lies_in_exactly_one_period(at_ns: int, period: BudgetPeriod) -> None:
    span = span_of(period, at_ns)
    assert span.ends_at_ns is not None
    assert span.starts_at_ns <= at_ns < span.ends_at_ns
    assert span_of(period, span.ends_at_ns).starts_at_ns == span.ends_at_ns
    assert span_of(period, span.ends_at_ns - 1) == span
    if span.starts_at_ns > 0:
        assert span_of(period, span.starts_at_ns) == span
        assert span_of(period, span.starts_at_ns - 1).ends_at_ns == span.starts_at_ns


@given(st.integers(0, 200 * 366))
def test_a_month_is_the_calendars_leap_years_too(day: int) -> None:
    year, month, date = civil(day)
    span = span_of(BudgetPeriod.MONTH, day * DAY + DAY - 1)
    assert span.starts_at_ns == (day - date + 1) * DAY
    assert span.ends_at_ns == span.starts_at_ns + calendar.monthrange(year, month)[1] * DAY


@given(MOMENTS)
def test_a_week_has_seven_days_and_begins_on_a_monday(at_ns: int) -> None:
    span = span_of(BudgetPeriod.WEEK, at_ns)
    assert span.ends_at_ns is not None
    assert span.ends_at_ns - span.starts_at_ns == 7 * DAY
    assert (span.starts_at_ns // DAY + 3) % 7 == 0, "the first of January 1970 was a Thursday"


@pytest.mark.parametrize(
    ("day", "days"),
    [
        (19_782, 29),  # 2024-02-29
        (11_016, 29),  # 2000-02-29: divisible by 400
        (47_540, 28),  # 2100-02-28: divisible by 100
    ],
)
def test_february_of_a_leap_year_has_a_day_more(day: int, days: int) -> None:
    span = span_of(BudgetPeriod.MONTH, day * DAY)
    assert span.ends_at_ns is not None
    assert (span.ends_at_ns - span.starts_at_ns) // DAY == days


@given(MOMENTS)
def test_a_lifetime_neither_begins_anew_nor_ends(at_ns: int) -> None:
    span = span_of(BudgetPeriod.LIFETIME, at_ns)
    assert (span.starts_at_ns, span.ends_at_ns) == (0, None)


def test_a_keys_reset_is_a_period_by_either_of_its_names() -> None:
    assert period_of_reset(None) is BudgetPeriod.LIFETIME
    assert period_of_reset("day") is period_of_reset("daily") is BudgetPeriod.DAY
    assert period_of_reset("monthly") is BudgetPeriod.MONTH
    with pytest.raises(ValueError, match="hourly"):
        period_of_reset("hourly")
