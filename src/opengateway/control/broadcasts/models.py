"""The table of broadcasts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class Broadcast(Base):
    """Where a team has its requests sent as they end. `arrival` is the last that was taken there.

    What waits is the log itself: nothing is queued. `secret` is sealed, JSON of `Secrets`.
    """

    __tablename__ = "broadcasts"
    __table_args__ = (Index(None, "team_id"), Index(None, "next_attempt_ns"))

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    team_id: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))
    url: Mapped[str] = mapped_column(Text)
    settings: Mapped[dict[str, Any]] = mapped_column(JSON)
    secret: Mapped[str] = mapped_column(Text)
    disabled: Mapped[bool]
    arrival: Mapped[int]
    sent: Mapped[int]
    failures: Mapped[int]
    """In a row."""
    failing_since_ns: Mapped[int | None]
    last_error: Mapped[str] = mapped_column(String(300))
    next_attempt_ns: Mapped[int]
    created_at_ns: Mapped[int]
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it off the class
