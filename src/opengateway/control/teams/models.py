"""The table of teams."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class Team(Base):
    """Who pays and who owns keys. Pinned to the zone it was made in."""

    __tablename__ = "teams"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    handle: Mapped[str] = mapped_column("name", String(80), unique=True)
    """By which the CLI finds the team: its first name where the operator made it, else its id."""
    name: Mapped[str] = mapped_column("title", String(80))
    """What people see. Not unique: a refusal would tell that a customer of that name exists."""
    zone: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16))
    body_logging: Mapped[bool]
    bodies_days: Mapped[int | None]
    """How long its bodies are kept; None: as long as the zone says."""
    keep_responses: Mapped[bool] = mapped_column(default=False)
    outage_allowance_nanos: Mapped[int | None]
    rpm: Mapped[int | None]
    tpm: Mapped[int | None]
    concurrency: Mapped[int | None]
    routing_policy: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """Its own ceiling on where its requests may go: a `RoutingPolicy`. Null: none."""
    created_at_ns: Mapped[int]
    deleted_at_ns: Mapped[int | None]
    moved_to: Mapped[str | None] = mapped_column(String(64))
    """The zone that took it over. Its records stay here; it stays frozen for ever."""
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it off the class
