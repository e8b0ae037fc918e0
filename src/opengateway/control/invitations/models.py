"""The table of invitations."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base

_WAITING = text("accepted_at_ns IS NULL AND revoked_at_ns IS NULL")


class Invitation(Base):
    """An offer to join a team, taken once, within its time. The token's digest alone is here."""

    __tablename__ = "invitations"
    __table_args__ = (
        CheckConstraint("role IN ('owner', 'admin', 'billing', 'member', 'viewer')", name="role"),
        Index("ix_invitations_team_id_id", "team_id", "id"),
        Index(
            "uq_invitations_team_id_email_waiting",
            "team_id",
            "email",
            unique=True,
            sqlite_where=_WAITING,
            postgresql_where=_WAITING,
        ),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    team_id: Mapped[str] = mapped_column(String(64), ForeignKey("teams.id"))
    email: Mapped[str] = mapped_column(String(254))
    role: Mapped[str] = mapped_column(String(16))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    created_by: Mapped[str | None] = mapped_column(String(64))
    created_at_ns: Mapped[int]
    expires_at_ns: Mapped[int]
    accepted_at_ns: Mapped[int | None]
    accepted_by: Mapped[str | None] = mapped_column(String(64))
    revoked_at_ns: Mapped[int | None]
    sent: Mapped[int]
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it off the class
