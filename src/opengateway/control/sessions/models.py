"""The table of sessions."""

from __future__ import annotations

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class Session(Base):
    """Somebody signed in on some device. The cookie is not here; SHA-256 of it is.

    A plain hash is right for 256 random bits: there is nothing to guess.
    """

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    token_digest: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[str] = mapped_column(String(64), ForeignKey("users.id"), index=True)
    stage: Mapped[str] = mapped_column(String(16))
    """`full`, or `second_factor`: the password was right, and no more is known yet."""
    methods: Mapped[list[str]] = mapped_column(JSON, default=list)
    created_at_ns: Mapped[int]
    seen_at_ns: Mapped[int]
    expires_at_ns: Mapped[int] = mapped_column(index=True)
    step_up_at_ns: Mapped[int | None]
    ip: Mapped[str] = mapped_column(String(64))
    device: Mapped[str] = mapped_column(String(120))
