"""The tables of providers and credentials that were given at run time."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class ProviderRow(Base):
    """A provider beside the zone file's. `config` is a `ProviderConfig` without credentials."""

    __tablename__ = "desk_providers"

    id: Mapped[str] = mapped_column(String(63), primary_key=True)
    config: Mapped[dict[str, Any]] = mapped_column(JSON)
    disabled: Mapped[bool]
    created_at_ns: Mapped[int]
    updated_at_ns: Mapped[int]
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it off the class


class CredentialRow(Base):
    """A secret at a provider: the platform's, or a team's own. `sealed` is an envelope."""

    __tablename__ = "provider_credentials"
    __table_args__ = (UniqueConstraint("provider_id", "owner", "name"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    provider_id: Mapped[str] = mapped_column(String(63))
    owner: Mapped[str] = mapped_column(String(64))
    """`platform`, or the team's id: what a unique name needs, where null would not do."""
    team_id: Mapped[str | None] = mapped_column(String(64), ForeignKey("teams.id"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    form: Mapped[str] = mapped_column(String(32))
    hint: Mapped[str] = mapped_column(String(16))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    preferred: Mapped[bool]
    disabled: Mapped[bool]
    spend_cap_nanos: Mapped[int | None]
    spend_cap_period: Mapped[str | None] = mapped_column(String(16))
    tested_at_ns: Mapped[int | None]
    test_result: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    created_at_ns: Mapped[int]
    rotated_at_ns: Mapped[int | None]
    updated_at_ns: Mapped[int]
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it off the class
