"""Limits on what is spent in a period, and the periods: UTC, weeks from Monday (issue 4, 5).

A budget's definition is data of control; what was spent and leased of it in one period is a row of
the ledger. `BudgetRow` is what the two agree on.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

_SECOND_NS: Final = 1_000_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class BudgetScope(StrEnum):
    """Whose spending is counted. `KEY` is one key, `MEMBER` all keys that a member made."""

    KEY = "key"
    MEMBER = "member"
    TEAM = "team"


class BudgetPeriod(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    LIFETIME = "lifetime"


class BudgetMode(StrEnum):
    BLOCK = "block"  # what would go past the limit is refused (402)
    ALERT = "alert"  # counted and told, never refused


class PeriodSpan(msgspec.Struct, frozen=True):
    """From `starts_at_ns` on, before `ends_at_ns`; None: it does not end."""

    starts_at_ns: int
    ends_at_ns: int | None


def span_of(period: BudgetPeriod, at_ns: int) -> PeriodSpan:
    """The period in which the Unix time `at_ns` lies, by the calendar of UTC.

    Raises `OverflowError` past the year 9999.
    """
    if period is BudgetPeriod.LIFETIME:
        return PeriodSpan(0, None)
    # Whole seconds through the calendar: nanoseconds do not fit in a datetime.
    day = (_EPOCH + timedelta(seconds=at_ns // _SECOND_NS)).replace(hour=0, minute=0, second=0)
    match period:
        case BudgetPeriod.DAY:
            start, end = day, day + timedelta(days=1)
        case BudgetPeriod.WEEK:
            start = day - timedelta(days=day.weekday())
            end = start + timedelta(days=7)
        case BudgetPeriod.MONTH:
            start = day.replace(day=1)
            end = (start + timedelta(days=31)).replace(day=1)
    return PeriodSpan(_ns(start), _ns(end))


def _ns(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(seconds=1) * _SECOND_NS


_RESETS: Final[dict[str | None, BudgetPeriod]] = {
    None: BudgetPeriod.LIFETIME,
    "daily": BudgetPeriod.DAY,
    "weekly": BudgetPeriod.WEEK,
    "monthly": BudgetPeriod.MONTH,
    **{period.value: period for period in BudgetPeriod},
}


def period_of_reset(reset: str | None) -> BudgetPeriod:
    """The period of a key's `limit_reset`: `day` or `daily`, ...; None never resets.

    Raises `ValueError`.
    """
    try:
        return _RESETS[reset]
    except KeyError:
        raise ValueError(f"{reset!r} is not a reset period: day, week or month") from None


class BudgetSubject(msgspec.Struct, frozen=True):
    """Whose budgets are asked for: a key, its team, its maker, and the key's own limit."""

    key_id: str
    team_id: str
    user_id: str | None = None
    limit_nanos: int | None = None
    limit_reset: str | None = None


class BudgetRow(msgspec.Struct, frozen=True):
    """One budget in one of its periods: what a lease draws on, beside the balance.

    `budget_id` is `bud_...`, or the key's id for the key's own limit.
    """

    budget_id: str
    team_id: str
    scope: BudgetScope
    subject_id: str
    period: BudgetPeriod
    starts_at_ns: int
    ends_at_ns: int | None
    limit_nanos: int
    mode: BudgetMode
    own_limit: bool = False
    """Whether it is the key's own limit and not a budget that somebody set on the key."""

    @property
    def id(self) -> str:
        """Names the budget and the period: another period is another row. At most 96 characters."""
        return f"{self.budget_id}/{self.period.value}/{self.starts_at_ns // _SECOND_NS}"

    @property
    def label(self) -> str:
        """How a refusal names it: `key limit`, `daily key budget`, `monthly team budget`."""
        if self.own_limit:
            return "key limit"
        return f"{_ADJECTIVES[self.period]} {self.scope.value} budget"

    @property
    def breadth(self) -> tuple[int, int]:
        """Sorts narrow before broad: of several that are short, the broadest is named."""
        return _SCOPES[self.scope], _PERIODS[self.period]


_ADJECTIVES: Final = {
    BudgetPeriod.DAY: "daily",
    BudgetPeriod.WEEK: "weekly",
    BudgetPeriod.MONTH: "monthly",
    BudgetPeriod.LIFETIME: "lifetime",
}
_SCOPES: Final = {scope: rank for rank, scope in enumerate(BudgetScope)}
_PERIODS: Final = {period: rank for rank, period in enumerate(BudgetPeriod)}
