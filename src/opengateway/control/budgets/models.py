"""The table of budgets: their definitions. What was spent of them is the ledger's."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class Budget(Base):
    """A limit on what a team, a member or a key spends in a period."""

    __tablename__ = "budgets"
    __table_args__ = (
        CheckConstraint("limit_nanos >= 0", name="limit_not_negative"),
        # An alerting and a refusing limit on the same period may stand beside each other.
        UniqueConstraint("team_id", "subject_id", "period", "mode"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    team_id: Mapped[str] = mapped_column(String(64), ForeignKey("teams.id"))
    scope: Mapped[str] = mapped_column(String(16))
    subject_id: Mapped[str] = mapped_column(String(64))
    """A key's, a user's or the team's id, as `scope` says."""
    period: Mapped[str] = mapped_column(String(16))
    limit_nanos: Mapped[int]
    mode: Mapped[str] = mapped_column(String(16))
    version: Mapped[int] = mapped_column()
    created_at_ns: Mapped[int]
    updated_at_ns: Mapped[int]

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it off the class
