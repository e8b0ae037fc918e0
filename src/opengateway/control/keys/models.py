"""The table of API keys."""

from __future__ import annotations

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class ApiKey(Base):
    """An API key. The secret is not here; its digest under a numbered pepper is.

    `labels` is the caller's own metadata (the name is taken in the ORM).
    """

    __tablename__ = "api_keys"
    __table_args__ = (Index("uq_api_keys_old_digest", "old_digest", unique=True),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    team_id: Mapped[str] = mapped_column(String(64), ForeignKey("teams.id"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(16))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    pepper_version: Mapped[int]
    hint: Mapped[str] = mapped_column(String(16))
    models: Mapped[list[str]] = mapped_column(JSON, default=list)
    providers: Mapped[list[str]] = mapped_column(JSON, default=list)
    ips: Mapped[list[str]] = mapped_column(JSON, default=list)
    labels: Mapped[dict[str, str]] = mapped_column("metadata", JSON, default=dict)
    rpm: Mapped[int | None]
    tpm: Mapped[int | None]
    concurrency: Mapped[int | None]
    body_logging: Mapped[bool | None]
    strict_parameters: Mapped[bool] = mapped_column(default=False)
    limit_nanos: Mapped[int | None]
    limit_reset: Mapped[str | None] = mapped_column(String(16))
    include_byok_in_limit: Mapped[bool] = mapped_column(default=False)
    disabled: Mapped[bool] = mapped_column(default=False)
    created_by: Mapped[str | None] = mapped_column(String(64))
    created_at_ns: Mapped[int]
    expires_at_ns: Mapped[int | None]
    revoked_at_ns: Mapped[int | None]
    last_used_at_ns: Mapped[int | None]
    old_digest: Mapped[str | None] = mapped_column(String(64))
    old_until_ns: Mapped[int | None]
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it off the class
