"""The tables of webhooks and of what was sent to them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class Webhook(Base):
    """An address of a team's that is told of events. Secrets are sealed (`ports/secret_box.py`)."""

    __tablename__ = "webhooks"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    team_id: Mapped[str] = mapped_column(String(64), ForeignKey("teams.id"), index=True)
    url: Mapped[str] = mapped_column(String(2048))
    events: Mapped[list[str]] = mapped_column(JSON)
    """Kinds; empty for all."""
    secret: Mapped[str] = mapped_column(Text)
    old_secret: Mapped[str | None] = mapped_column(Text)
    old_until_ns: Mapped[int | None]
    disabled: Mapped[bool]
    failing_since_ns: Mapped[int | None]
    version: Mapped[int] = mapped_column()
    created_at_ns: Mapped[int]
    updated_at_ns: Mapped[int]

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it off the class


class WebhookDelivery(Base):
    """One event for one webhook, with every try. `payload` is the body as it is signed.

    `state` is pending, delivered or failed; `attempts` are `{at_ns, status, error, body, took_ms}`.
    What failed and nobody wants to try again is discarded: the operator sees it no more, the team does.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (Index("ix_webhook_deliveries_webhook_id_id", "webhook_id", "id"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    webhook_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("webhooks.id", ondelete="CASCADE")
    )
    team_id: Mapped[str] = mapped_column(String(64))
    event_id: Mapped[str] = mapped_column(String(64))
    event_type: Mapped[str] = mapped_column(String(64))
    payload: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    next_attempt_ns: Mapped[int | None] = mapped_column(index=True)
    created_at_ns: Mapped[int] = mapped_column(index=True)
    finished_at_ns: Mapped[int | None]
    discarded_at_ns: Mapped[int | None]
