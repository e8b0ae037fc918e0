"""The tables of the event log, as the migrations make them. Their statements are written by hand."""

from __future__ import annotations

from sqlalchemy import Index, PrimaryKeyConstraint, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import SERIAL, Base

_ZERO = text("0")
_KNOWN = text("upstream_id IS NOT NULL")
_TAGGED = text("user_tag IS NOT NULL")
_COVERED = ["model", "provider", "status", "ending", "cost_nanos", "total_ms", "first_token_ms"]
"""What lists are filtered by, on PostgreSQL, where all rows stay."""


class RequestRow(Base):
    """A request that ended. `arrival` counts the order in which records came in.

    Ids sort by when a request began. A long request arrives after shorter ones that began later,
    so whoever follows the log must go by `arrival`, or would miss it.
    """

    __tablename__ = "requests"
    __table_args__ = (
        Index(None, "team_id", "started_at_ns", "id", postgresql_include=_COVERED),
        Index(
            *(None, "user_tag", "started_at_ns", "id"),
            sqlite_where=_TAGGED,
            postgresql_where=_TAGGED,
        ),
        Index(None, "started_at_ns", "id"),
        Index(None, "upstream_id", sqlite_where=_KNOWN, postgresql_where=_KNOWN),
        {"sqlite_autoincrement": True},
    )

    arrival: Mapped[int] = mapped_column(SERIAL, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(64), unique=True)
    team_id: Mapped[str] = mapped_column(String(64))
    key_id: Mapped[str] = mapped_column(String(64))
    zone: Mapped[str] = mapped_column(String(64))
    started_at_ns: Mapped[int]
    operation: Mapped[str] = mapped_column(String(64))
    dialect: Mapped[str] = mapped_column(String(64))
    stream: Mapped[bool]
    model: Mapped[str | None] = mapped_column(Text)
    provider: Mapped[str | None] = mapped_column(Text)
    endpoint_id: Mapped[str | None] = mapped_column(Text)
    ending: Mapped[str] = mapped_column(String(32))
    status: Mapped[int]
    error_code: Mapped[str | None] = mapped_column(Text)
    cost_nanos: Mapped[int]
    price_id: Mapped[str | None] = mapped_column(Text)
    input_tokens: Mapped[int]
    output_tokens: Mapped[int]
    usage_estimated: Mapped[bool]
    attempts: Mapped[int]
    overhead_us: Mapped[int]
    first_token_ms: Mapped[float | None]
    total_ms: Mapped[float]
    session_id: Mapped[str | None] = mapped_column(Text)
    record: Mapped[str] = mapped_column(Text)
    member_id: Mapped[str | None] = mapped_column(Text)
    user_tag: Mapped[str | None] = mapped_column(Text)
    requested_model: Mapped[str | None] = mapped_column(Text)
    owner: Mapped[str | None] = mapped_column(Text)
    region: Mapped[str | None] = mapped_column(Text)
    upstream_id: Mapped[str | None] = mapped_column(Text)
    finish_reason: Mapped[str | None] = mapped_column(Text)
    sticky: Mapped[str | None] = mapped_column(Text)
    cached_tokens: Mapped[int] = mapped_column(server_default=_ZERO)
    written_tokens: Mapped[int] = mapped_column(server_default=_ZERO)
    reasoning_tokens: Mapped[int] = mapped_column(server_default=_ZERO)
    fee_nanos: Mapped[int] = mapped_column(server_default=_ZERO)
    provider_cost_nanos: Mapped[int] = mapped_column(server_default=_ZERO)
    saved_nanos: Mapped[int] = mapped_column(server_default=_ZERO)


class _Sums:
    """What the requests of an hour add up to (`columns.ROLLUPS`, `columns.SUMS`)."""

    hour_ns: Mapped[int]
    team_id: Mapped[str] = mapped_column(Text)
    zone: Mapped[str] = mapped_column(Text)
    model: Mapped[str] = mapped_column(Text)
    owner: Mapped[str] = mapped_column(Text)
    requests: Mapped[int]
    failed: Mapped[int]
    retried: Mapped[int]
    rescued: Mapped[int]
    input_tokens: Mapped[int]
    cached_tokens: Mapped[int]
    written_tokens: Mapped[int]
    output_tokens: Mapped[int]
    reasoning_tokens: Mapped[int]
    cost_nanos: Mapped[int]
    fee_nanos: Mapped[int]
    provider_cost_nanos: Mapped[int]
    saved_nanos: Mapped[int]
    overhead_us: Mapped[int]
    total_us: Mapped[int]


class UsageHour(_Sums, Base):
    __tablename__ = "usage_hours"
    __table_args__ = (
        PrimaryKeyConstraint("team_id", "hour_ns", "zone", "model", "owner", "provider"),
        Index(None, "hour_ns"),
        {"sqlite_with_rowid": False},
    )

    provider: Mapped[str] = mapped_column(Text)


class UsageKeyHour(_Sums, Base):
    __tablename__ = "usage_key_hours"
    __table_args__ = (
        PrimaryKeyConstraint(
            *("team_id", "hour_ns", "zone", "key_id", "member_id", "model", "owner")
        ),
        Index(None, "hour_ns"),
        {"sqlite_with_rowid": False},
    )

    key_id: Mapped[str] = mapped_column(Text)
    member_id: Mapped[str] = mapped_column(Text)


class LogSegment(Base):
    """A part of the log in the archive (`ports.event_archive.Segment`)."""

    __tablename__ = "log_segments"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    from_ns: Mapped[int]
    until_ns: Mapped[int]
    min_id: Mapped[str] = mapped_column(String(64))
    max_id: Mapped[str] = mapped_column(String(64))
    rows: Mapped[int]
    size_bytes: Mapped[int]
    made_at_ns: Mapped[int]
    gone_at_ns: Mapped[int | None]
