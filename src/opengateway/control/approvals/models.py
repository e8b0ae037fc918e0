"""The table of what needs a second person, and of what one person alone did with credit."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class ApprovalState(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    SINGLE = "single"
    """Below the limit, and done by one person at once: it counts towards the limit of a day."""


class Approval(Base):
    """Credit that somebody wants to give or take. `payload` is what they asked for, whole."""

    __tablename__ = "approvals"
    __table_args__ = (
        Index("ix_approvals_state_id", "state", "id"),
        Index("ix_approvals_asked_by_asked_at_ns", "asked_by", "asked_at_ns"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    """`grant` or `adjustment`."""
    team_id: Mapped[str] = mapped_column(String(64), ForeignKey("teams.id"))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    amount_nanos: Mapped[int]
    reason: Mapped[str] = mapped_column(String(500))
    state: Mapped[str] = mapped_column(String(16))
    asked_by: Mapped[str] = mapped_column(String(64))
    asked_at_ns: Mapped[int]
    expires_at_ns: Mapped[int]
    decided_by: Mapped[str | None] = mapped_column(String(64))
    decided_at_ns: Mapped[int | None]
    entry_id: Mapped[str | None] = mapped_column(String(64))
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it off the class
