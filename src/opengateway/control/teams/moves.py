"""The table of teams' moves."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, String, Text, update
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import AsyncSession, Base


class Direction(StrEnum):
    OUT = "out"
    IN = "in"


class TeamMove(Base):
    """A team that went to another zone, or came from one. `id` is the file's, in both zones: so a
    file is imported once. What went out is kept, so that a lost file can be written again."""

    __tablename__ = "team_moves"
    __table_args__ = (CheckConstraint("direction IN ('out', 'in')", name="direction"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    direction: Mapped[str] = mapped_column(String(8))
    team_id: Mapped[str] = mapped_column(String(64), ForeignKey("teams.id"), index=True)
    zone: Mapped[str] = mapped_column(String(64))
    amount_nanos: Mapped[int]
    file: Mapped[str | None] = mapped_column(Text())
    at_ns: Mapped[int]


async def forget_files(session: AsyncSession, team_ids: Collection[str]) -> None:
    """Drop the copies of these teams' files: they name somebody who is to be forgotten."""
    await session.execute(update(TeamMove).where(TeamMove.team_id.in_(team_ids)).values(file=None))
