"""The tables of what a team is told, and of what it was told already."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class Notification(Base):
    """One thing that happened, for everybody of a team who may read it. `data` fills its words."""

    __tablename__ = "notifications"
    __table_args__ = (Index("ix_notifications_team_id_id", "team_id", "id"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    team_id: Mapped[str] = mapped_column(String(64), ForeignKey("teams.id"))
    kind: Mapped[str] = mapped_column(String(64))
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at_ns: Mapped[int]


class NotificationMark(Base):
    """How far a person has read. Ids sort by time, so one mark is enough."""

    __tablename__ = "notification_marks"

    team_id: Mapped[str] = mapped_column(String(64), ForeignKey("teams.id"), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    read_up_to: Mapped[str] = mapped_column(String(64))


class AlertSettings(Base):
    """What a team wants to be told of. No row: the defaults."""

    __tablename__ = "alert_settings"

    team_id: Mapped[str] = mapped_column(String(64), ForeignKey("teams.id"), primary_key=True)
    low_balance_nanos: Mapped[int | None]
    """None: never told of a low balance."""
    emails: Mapped[list[str]] = mapped_column(JSON)
    """Beside the owners and those who do the billing."""
    version: Mapped[int] = mapped_column()
    updated_at_ns: Mapped[int]

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it off the class


class AlertState(Base):
    """An alert that was raised. `subject` is a budget's period, or `balance:` and a team's id.

    A budget's stays until its period is over; a balance's goes when the balance has risen again.
    """

    __tablename__ = "alert_states"

    subject: Mapped[str] = mapped_column(String(128), primary_key=True)
    level: Mapped[str] = mapped_column(String(16), primary_key=True)
    team_id: Mapped[str] = mapped_column(String(64))
    at_ns: Mapped[int] = mapped_column(index=True)
