"""One request in full: who asked, where it went and why, how long it took, what it cost."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from pydantic import BaseModel, Field

from opengateway.control.bodies import AtNs, example
from opengateway.domain.records import AttemptRecord, CloseRecord, Ending
from opengateway.domain.request_log import row_of

_HIDDEN: Final = ("credential", "error_message")
"""Of an attempt: whose account it was and what it was told there is the platform's affair."""
_REQUEST: Final = "gen_019a2b3c4d5e7f608192a3b4c5d6e7f8"


class AttemptView(BaseModel):
    """One try of one endpoint. Times in milliseconds since the request was accepted."""

    endpoint_id: str
    provider: str
    region: str
    upstream_model: str
    started_ms: float
    ended_ms: float
    first_byte_ms: float | None
    status: str
    upstream_status: int
    error_class: str | None
    error_code: str | None
    upstream_id: str | None
    why: str = Field(description="Why this one; empty where nothing was to choose.")
    credential: str | None = Field(None, description="For the platform's people alone.")
    error_message: str | None = Field(None, description="For the platform's people alone.")


class Timings(BaseModel):
    overhead_us: int = Field(description="Time in the gateway itself.")
    first_token_ms: float | None
    total_ms: float
    tokens_per_second: float | None = Field(description="Output after the first token.")


class Cost(BaseModel):
    total_nanos: int
    parts: dict[str, int] = Field(description="By kind of unit; with the fee they are the total.")
    fee_nanos: int
    saved_nanos: int
    price_id: str | None
    provider_nanos: int | None = Field(None, description="For the platform's people alone.")


class LogDetail(BaseModel):
    """`routing` says how the endpoints were ordered; null where there was one."""

    model_config = example(
        id=_REQUEST,
        team_id="team_0192f0c1a2b37c4d8e9fa0b1c2d3e4f6",
        key_id="key_0192f0c1a2b37c4d8e9fa0b1c2d3e4f5",
        member_id="usr_0192f0c1a2b37c4d8e9fa0b1c2d3e4f7",
        user="customer-17",
        session_id="ses-1",
        client_request_id=None,
        upstream_id="chatcmpl-1",
        zone="kr",
        gateway="gw_0192f0c1a2b37c4d8e9fa0b1c2d3e4f8",
        snapshot="v1",
        started_at_ns=1_764_000_000_000_000_000,
        operation="chat.completions",
        dialect="openai",
        stream=True,
        requested_model="openai/gpt-4o",
        model="openai/gpt-4o",
        endpoint_id="openai/gpt-4o@openai",
        provider="openai",
        region="global",
        ending="completed",
        status=200,
        error=None,
        finish_reason="stop",
        native_finish_reason="stop",
        dropped_params=["logprobs"],
        input_bytes=5_120,
        delivered_characters=1_180,
        usage={"input_tokens": 200, "cache_read_tokens": 1_000, "output_tokens": 300},
        usage_estimated=False,
        cost={
            "total_nanos": 4_750_000,
            "parts": {
                "input_tokens": 500_000,
                "cache_read_tokens": 1_250_000,
                "output_tokens": 3_000_000,
            },
            "fee_nanos": 0,
            "saved_nanos": 1_250_000,
            "price_id": "openai/gpt-4o@openai@2026-01-01#catalogue",
        },
        timings={
            "overhead_us": 310,
            "first_token_ms": 412.5,
            "total_ms": 2_901.0,
            "tokens_per_second": 120.6,
        },
        routing={
            "strategy": "priority",
            "order": ["openai/global", "azure/koreacentral"],
            "scores": [],
            "excluded": ["bedrock/us-east-1 region:us"],
            "sticky": "hit",
        },
        attempts=[
            {
                "endpoint_id": "openai/gpt-4o@openai",
                "provider": "openai",
                "region": "global",
                "upstream_model": "gpt-4o",
                "started_ms": 0.3,
                "ended_ms": 2_900.8,
                "first_byte_ms": 410.1,
                "status": "succeeded",
                "upstream_status": 200,
                "error_class": None,
                "error_code": None,
                "upstream_id": "chatcmpl-1",
                "why": "first",
            }
        ],
    )

    id: str
    team_id: str
    key_id: str
    member_id: str | None
    user: str | None
    session_id: str | None
    client_request_id: str | None
    upstream_id: str | None
    zone: str
    gateway: str
    snapshot: str = Field(description="The configuration that was in force.")
    started_at_ns: AtNs
    operation: str
    dialect: str
    stream: bool
    requested_model: str
    model: str | None
    endpoint_id: str | None
    provider: str | None
    region: str | None
    ending: Ending
    status: int
    error: dict[str, Any] | None
    finish_reason: str | None
    native_finish_reason: str | None
    dropped_params: list[str]
    input_bytes: int
    delivered_characters: int
    usage: dict[str, int]
    usage_estimated: bool
    cost: Cost
    timings: Timings
    routing: dict[str, Any] | None
    attempts: list[AttemptView]


_PLAIN: Final = tuple(
    name for name in LogDetail.model_fields if name in CloseRecord.__struct_fields__
)


def detail_of(record: CloseRecord, *, whole: bool) -> dict[str, Any]:
    """As `LogDetail`; `whole`: for the platform's people."""
    shown: dict[str, Any] = {name: getattr(record, name) for name in _PLAIN}
    row = row_of(record)
    shown["member_id"] = record.user_id
    shown["cost"] = {
        "total_nanos": record.cost_nanos,
        "parts": record.cost_parts,
        "fee_nanos": record.fee_nanos,
        "saved_nanos": row.saved_nanos,
        "price_id": record.price_id,
    }
    if whole:
        known = record.provider_cost_known
        shown["cost"]["provider_nanos"] = record.provider_cost_nanos if known else None
    shown["timings"] = {
        "overhead_us": record.overhead_us,
        "first_token_ms": record.first_token_ms,
        "total_ms": record.total_ms,
        "tokens_per_second": _speed(record, row.output_tokens),
    }
    for name in ("error", "routing"):
        part = getattr(record, name)
        shown[name] = None if part is None else msgspec.structs.asdict(part)
    shown["attempts"] = [_attempt(attempt, whole=whole) for attempt in record.attempts]
    return shown


def _attempt(attempt: AttemptRecord, *, whole: bool) -> dict[str, Any]:
    shown = msgspec.structs.asdict(attempt)
    return shown if whole else {n: v for n, v in shown.items() if n not in _HIDDEN}


def _speed(record: CloseRecord, output_tokens: int) -> float | None:
    if record.first_token_ms is None or not output_tokens:
        return None
    writing_ms = record.total_ms - record.first_token_ms
    return round(output_tokens * 1000 / writing_ms, 1) if writing_ms > 0 else None
