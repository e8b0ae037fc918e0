"""The table of kept bodies."""

from __future__ import annotations

from sqlalchemy import Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class RequestBody(Base):
    """What a caller sent and was answered, sealed (`domain/kept_body.py`)."""

    __tablename__ = "request_bodies"
    __table_args__ = (
        Index(None, "team_id", "started_at_ns", "request_id"),
        Index(None, "member_id"),
    )

    request_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    team_id: Mapped[str] = mapped_column(String(64))
    member_id: Mapped[str | None] = mapped_column(String(64))
    started_at_ns: Mapped[int]
    kept_at_ns: Mapped[int]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
