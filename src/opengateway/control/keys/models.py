"""The table of API keys."""

from __future__ import annotations

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class ApiKey(Base):
    """An API key. The secret is not here; its digest under a numbered pepper is."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    team_id: Mapped[str] = mapped_column(String(64), ForeignKey("teams.id"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(16))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    pepper_version: Mapped[int]
    hint: Mapped[str] = mapped_column(String(16))
    models: Mapped[list[str]] = mapped_column(JSON, default=list)
    disabled: Mapped[bool] = mapped_column(default=False)
    created_at_ns: Mapped[int]
    expires_at_ns: Mapped[int | None]
    revoked_at_ns: Mapped[int | None]
    last_used_at_ns: Mapped[int | None]
