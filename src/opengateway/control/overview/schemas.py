"""What the routes of figures give. Amounts are decimal strings of US dollars."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from opengateway.control.bodies import input_example
from opengateway.control.overview.usage import UsageSum, UsageSums
from opengateway.control.prices.schemas import NewPrice
from opengateway.domain.money import nanos_to_usd


class MarginLine(BaseModel):
    """`charged` is what teams paid, the fee included; `margin` is that without the provider's cost.
    `percent` is of what was charged. `unknown_costs` requests had a cost that nobody told."""

    name: str
    requests: int
    charged_usd: str
    fee_usd: str
    provider_cost_usd: str
    margin_usd: str
    margin_percent: str | None
    unknown_costs: int

    @classmethod
    def of(cls, name: str, sums: Iterable[UsageSum]) -> MarginLine:
        rows = list(sums)
        charged = sum(row.charged_nanos for row in rows)
        cost = sum(row.provider_cost_nanos for row in rows)
        return cls(
            name=name,
            requests=sum(row.requests for row in rows),
            charged_usd=usd(charged),
            fee_usd=usd(sum(row.fee_nanos for row in rows)),
            provider_cost_usd=usd(cost),
            margin_usd=usd(charged - cost),
            margin_percent=percent(charged - cost, charged),
            unknown_costs=sum(row.unknown_costs for row in rows),
        )


class Margins(BaseModel):
    """Newest records first: `truncated` says that there were more than are read for one answer."""

    since_ns: int
    until_ns: int
    truncated: bool
    total: MarginLine
    lines: list[MarginLine]


By = Literal["model", "provider", "team", "endpoint"]
_NAMES: dict[str, Callable[[UsageSum], str]] = {
    "model": lambda s: s.model,
    "provider": lambda s: s.provider,
    "team": lambda s: s.team_id,
    "endpoint": lambda s: s.endpoint_id,
}


def lines_by(by: By, found: UsageSums, limit: int) -> list[MarginLine]:
    """What most was charged for first."""
    name_of = _NAMES[by]
    groups: dict[str, list[UsageSum]] = {}
    for one in found.sums:
        groups.setdefault(name_of(one), []).append(one)
    ordered = sorted(groups.items(), key=lambda g: -sum(s.charged_nanos for s in g[1]))
    return [MarginLine.of(name, sums) for name, sums in ordered[:limit]]


class Overview(BaseModel):
    """The figures of a time, and what waits for somebody."""

    since_ns: int
    until_ns: int
    requests: int
    failed: int
    truncated: bool
    total: MarginLine
    providers: list[MarginLine]
    top_teams: list[MarginLine]
    top_models: list[MarginLine]
    teams: int
    frozen_teams: int
    users: int
    open_requests: int
    approvals_pending: int
    deliveries_failed: int
    dead_letters: dict[str, int]
    """By queue, what was given up and waits for somebody."""
    snapshot: str


class PreviewChange(NewPrice):
    """A price, or with `team_id` what one team pays otherwise."""

    model_config = input_example(
        side="sell",
        pattern="*",
        effective_from="2099-01-01",
        source="desk",
        percent="10",
    )

    team_id: Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9_-]+$")] | None = None


class NewPreview(BaseModel):
    """Changes, all of them together, over the usage of the last `days` days."""

    model_config = input_example(
        days=30,
        changes=[
            {
                "side": "sell",
                "pattern": "*",
                "effective_from": "2099-01-01",
                "source": "desk",
                "percent": "10",
            }
        ],
    )

    days: int = Field(30, ge=1, le=90)
    changes: list[PreviewChange] = Field(min_length=1, max_length=50)


class PreviewLine(BaseModel):
    """`before` and `after` are what the same usage comes to; margins are without the fee."""

    name: str
    requests: int
    charged_before_usd: str
    charged_after_usd: str
    difference_usd: str
    difference_percent: str | None
    margin_before_usd: str
    margin_after_usd: str


class Preview(BaseModel):
    """The usage of a time at the prices that will hold then, without the changes and with them.
    `not_served` requests were of endpoints that are served no more, and are left out."""

    since_ns: int
    until_ns: int
    truncated: bool
    not_served: int
    total: PreviewLine
    models: list[PreviewLine]
    teams: list[PreviewLine]


def usd(nanos: int) -> str:
    return nanos_to_usd(nanos) if nanos >= 0 else f"-{nanos_to_usd(-nanos)}"


def percent(part: int, whole: int) -> str | None:
    """With one decimal; None of nothing."""
    if not whole:
        return None
    tenths = (abs(part) * 1000 + abs(whole) // 2) // abs(whole)
    sign = "-" if (part < 0) != (whole < 0) and tenths else ""
    return f"{sign}{tenths // 10}.{tenths % 10}"
