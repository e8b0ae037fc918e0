"""What other slices ask of `team_moves`."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import update

from opengateway.control.team_moves.models import TeamMove
from opengateway.kit.db import AsyncSession


async def forget_files(session: AsyncSession, team_ids: Collection[str]) -> None:
    """Drop the copies of these teams' files: they name somebody who is to be forgotten."""
    await session.execute(update(TeamMove).where(TeamMove.team_id.in_(team_ids)).values(file=None))
