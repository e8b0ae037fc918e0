"""What the log's routes take and give. Amounts are whole nano-dollars, times Unix nanoseconds."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from opengateway.control.bodies import AtNs, example
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.records import Ending
from opengateway.domain.request_log import HOUR_NS, Group, LogFilter

MAX_GROUPS: Final = 3
_TEAM: Final = "team_0192f0c1a2b37c4d8e9fa0b1c2d3e4f6"
_KEY: Final = "key_0192f0c1a2b37c4d8e9fa0b1c2d3e4f5"
_USER: Final = "usr_0192f0c1a2b37c4d8e9fa0b1c2d3e4f7"
_REQUEST: Final = "gen_019a2b3c4d5e7f608192a3b4c5d6e7f8"
_NOW: Final = 1_764_000_000_000_000_000

Text = Annotated[str | None, Field(min_length=1, max_length=256, pattern=r"^[^\x00]+$")]
Time = Annotated[
    int | None,
    Field(ge=0, le=2**63 - 1, description="Unix time in nanoseconds.", examples=[None]),
]
Amount = Annotated[int | None, Field(ge=0, le=2**53 - 1, examples=[None])]
Milliseconds = Annotated[float | None, Field(ge=0, le=1e9, examples=[None])]


class LogTerms(BaseModel):
    """Which requests. Everything that is left out is anything."""

    model_config = ConfigDict(extra="forbid")

    team_id: Annotated[
        str | None,
        Field(max_length=64, description="One team; else all of the caller's.", examples=[None]),
    ] = None
    id: Text = None
    ending: Ending | None = None
    status: Annotated[
        str | None,
        Field(
            pattern=r"^([1-5][0-9]{2}|[1-5]xx)$",
            description="As answered: `429`, or `5xx`.",
            examples=[None],
        ),
    ] = None
    code: Annotated[Text, Field(description="The code of its error.", examples=[None])] = None
    provider: Text = None
    owner: Annotated[
        Text, Field(description="Whose model: what stands before its `/`.", examples=[None])
    ] = None
    model: Text = None
    key_id: Text = None
    member_id: Annotated[Text, Field(description="Who made the key.", examples=[None])] = None
    user: Annotated[Text, Field(description="The caller's own tag.", examples=[None])] = None
    session_id: Text = None
    zone: Text = None
    operation: Text = None
    from_ns: Time = None
    until_ns: Time = None
    min_cost_nanos: Amount = None
    max_cost_nanos: Amount = None
    min_ms: Milliseconds = None
    max_ms: Milliseconds = None

    def filter(self, team_ids: tuple[str, ...] | None) -> LogFilter:
        """`team_ids`: those that the caller may see; None is every team, or the one that is named."""
        if self.from_ns is not None and self.until_ns is not None and self.until_ns < self.from_ns:
            raise InvalidRequest("'until_ns' lies before 'from_ns'", param="until_ns")
        if team_ids is None and self.team_id is not None:
            team_ids = (self.team_id,)
        status = self.status or ""
        hundreds = int(status[0]) if status.endswith("xx") else None
        return LogFilter(
            team_ids=team_ids,
            id=self.id,
            ending=None if self.ending is None else self.ending.value,
            status=int(status) if status.isdecimal() else None,
            status_class=hundreds,
            code=self.code,
            provider=self.provider,
            owner=self.owner,
            model=self.model,
            key_id=self.key_id,
            member_id=self.member_id,
            user=self.user,
            session_id=self.session_id,
            zone=self.zone,
            operation=self.operation,
            from_ns=self.from_ns,
            until_ns=self.until_ns,
            min_cost_nanos=self.min_cost_nanos,
            max_cost_nanos=self.max_cost_nanos,
            min_ms=self.min_ms,
            max_ms=self.max_ms,
        )


class PageTerms(LogTerms):
    limit: Annotated[int, Field(ge=1, le=1000, description="At most so many.", examples=[50])] = 50
    after: Annotated[
        str,
        Field(
            max_length=200,
            description="The `next` of the page before; empty for the first page.",
            examples=[""],
        ),
    ] = ""


class TailTerms(LogTerms):
    for_s: Annotated[
        int, Field(ge=1, le=600, description="Ends after so many seconds.", examples=[1])
    ] = 300


class ExportFormat(StrEnum):
    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    PARQUET = "parquet"


class ExportTerms(LogTerms):
    format: ExportFormat = ExportFormat.CSV


class UsageTerms(LogTerms):
    by: Annotated[
        list[Group],
        Field(
            max_length=MAX_GROUPS,
            description="What to tell apart, at most three; repeat the parameter.",
            examples=[["model"]],
        ),
    ] = []
    utc_offset_h: Annotated[
        int, Field(ge=-12, le=14, description="Hours before UTC at which days begin.", examples=[9])
    ] = 0
    limit: Annotated[int, Field(ge=1, le=10_000, examples=[1000])] = 1000

    def groups(self) -> tuple[Group, ...]:
        """Raises `InvalidRequest` where one is named twice."""
        if len(set(self.by)) < len(self.by):
            raise InvalidRequest("'by' names one group twice", param="by")
        return tuple(self.by)

    @property
    def offset_ns(self) -> int:
        return self.utc_offset_h * HOUR_NS

    def whole_hours(self) -> None:
        """Raises `InvalidRequest`: sums are kept by the hour."""
        for name in ("from_ns", "until_ns"):
            if (getattr(self, name) or 0) % HOUR_NS:
                raise InvalidRequest(f"{name!r} must be a whole hour of UTC", param=name)


class ComparedTerms(UsageTerms):
    compare: Annotated[
        bool, Field(description="Also the sum of the period of the same length before.")
    ] = False


_ROW: Final[dict[str, Any]] = {
    "id": _REQUEST,
    "team_id": _TEAM,
    "key_id": _KEY,
    "member_id": _USER,
    "user": "customer-17",
    "session_id": "ses-1",
    "zone": "kr",
    "started_at_ns": _NOW,
    "operation": "chat.completions",
    "dialect": "openai",
    "stream": True,
    "requested_model": "openai/gpt-4o",
    "model": "openai/gpt-4o",
    "owner": "openai",
    "provider": "openai",
    "region": "global",
    "endpoint_id": "openai/gpt-4o@openai",
    "price_id": "openai/gpt-4o@openai@2026-01-01#catalogue",
    "upstream_id": "chatcmpl-1",
    "ending": "completed",
    "status": 200,
    "error_code": None,
    "finish_reason": "stop",
    "sticky": None,
    "attempts": 1,
    "input_tokens": 1_200,
    "cached_tokens": 1_000,
    "written_tokens": 0,
    "output_tokens": 300,
    "reasoning_tokens": 0,
    "usage_estimated": False,
    "cost_nanos": 4_750_000,
    "fee_nanos": 0,
    "saved_nanos": 1_250_000,
    "overhead_us": 310,
    "first_token_ms": 412.5,
    "total_ms": 2_901.0,
}


class LogView(BaseModel):
    """One request in a list."""

    model_config = example(**_ROW)

    id: str
    team_id: str
    key_id: str
    member_id: str | None = Field(description="Who made the key.")
    user: str | None = Field(description="The caller's own tag.")
    session_id: str | None
    zone: str
    started_at_ns: AtNs
    operation: str
    dialect: str
    stream: bool
    requested_model: str
    model: str | None
    owner: str | None
    provider: str | None
    region: str | None
    endpoint_id: str | None
    price_id: str | None
    upstream_id: str | None = Field(description="The provider's own id.")
    ending: Ending
    status: int = Field(description="As answered; 0 when the gateway died.")
    error_code: str | None
    finish_reason: str | None
    sticky: str | None = Field(description="hit, miss or moved; null for none.")
    attempts: int = Field(description="How many endpoints were tried.")
    input_tokens: int
    cached_tokens: int = Field(description="Those of the input that a cache gave.")
    written_tokens: int = Field(description="Those of the input that went into a cache.")
    output_tokens: int
    reasoning_tokens: int = Field(description="Those of the output that were reasoning.")
    usage_estimated: bool
    cost_nanos: int
    fee_nanos: int
    saved_nanos: int = Field(description="What the cached tokens would have cost more.")
    overhead_us: int
    first_token_ms: float | None
    total_ms: float


class AdminLogView(LogView):
    """The same for the platform's people, with what the provider charges."""

    model_config = example(**_ROW, provider_cost_nanos=4_000_000)

    provider_cost_nanos: int


class LogPage(BaseModel):
    model_config = example(data=[_ROW], next=None)

    data: list[LogView]
    next: str | None = Field(description="Give it as `after` for what follows; null at the end.")


class AdminLogPage(BaseModel):
    model_config = example(data=[{**_ROW, "provider_cost_nanos": 4_000_000}], next=None)

    data: list[AdminLogView]
    next: str | None = Field(description="Give it as `after` for what follows; null at the end.")


_SUMS: Final[dict[str, Any]] = {
    "requests": 1_204,
    "failed": 3,
    "retried": 9,
    "rescued": 8,
    "input_tokens": 1_800_000,
    "cached_tokens": 900_000,
    "written_tokens": 0,
    "output_tokens": 240_000,
    "reasoning_tokens": 12_000,
    "cost_nanos": 6_900_000_000,
    "fee_nanos": 0,
    "saved_nanos": 1_125_000_000,
    "overhead_us": 380_000,
    "total_us": 2_800_000_000,
}


class SumsView(BaseModel):
    """Sums over requests."""

    model_config = example(**_SUMS)

    requests: int
    failed: int = Field(description="Without an answer.")
    retried: int = Field(description="More than one endpoint was tried.")
    rescued: int = Field(description="Retried, and answered whole: what failover saved.")
    input_tokens: int
    cached_tokens: int
    written_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost_nanos: int
    fee_nanos: int
    saved_nanos: int = Field(description="What caching saved.")
    overhead_us: int
    total_us: int


class UsageView(BaseModel):
    """`data` has one line for each combination of the groups, with a member for each group
    (`hour_ns` and `day_ns` for times). By time where that is a group, then the costliest first."""

    model_config = example(
        data=[{"model": "openai/gpt-4o", **_SUMS}], total=_SUMS, previous=None, cut=False
    )

    data: list[dict[str, Any]]
    total: SumsView
    previous: SumsView | None = Field(description="Of the period before, with `compare`.")
    cut: bool = Field(description="There are more lines than `limit`.")


_PERCENTILES: Final = {"p50": 812.4, "p90": 2_930.1, "p95": 4_102.7, "p99": 9_511.0}


class LatencyView(BaseModel):
    """Of the requests that were answered whole. Percentiles are exact to 2 %; null: not measured."""

    model_config = example(
        data=[
            {
                "model": "openai/gpt-4o",
                "requests": 1_201,
                "total_ms": _PERCENTILES,
                "first_token_ms": {**_PERCENTILES, "p50": 301.5},
            }
        ]
    )

    data: list[dict[str, Any]]
