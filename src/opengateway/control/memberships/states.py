"""What gateways must know of a team, gathered from the team and its members."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import or_, select

from opengateway.control.changes.service import ChangeLog
from opengateway.control.memberships.models import Membership
from opengateway.control.teams.models import Team
from opengateway.control.teams.service import TeamStatus
from opengateway.domain.principal import RateLimits, TeamState
from opengateway.kit.db import AsyncSession

CHANGE_KIND: Final = "team"
_LIMITED = or_(
    Membership.rpm.is_not(None),
    Membership.tpm.is_not(None),
    Membership.concurrency.is_not(None),
)


async def publish_team(session: AsyncSession, changes: ChangeLog, team: Team) -> None:
    """Write the team's state as a change, in this transaction. Call it last: a change is numbered
    in a turn that is held until the commit."""
    await session.flush()
    rows = await session.scalars(select(Membership).where(Membership.team_id == team.id, _LIMITED))
    await changes.record(CHANGE_KIND, team.id, _state(team, rows.all()))


async def team_states(session: AsyncSession) -> Sequence[TeamState]:
    """Every team of which there is something to know: a team that is absent has no limits."""
    limited = (await session.scalars(select(Membership).where(_LIMITED))).all()
    by_team: dict[str, list[Membership]] = {}
    for row in limited:
        by_team.setdefault(row.team_id, []).append(row)
    statement = select(Team).where(
        or_(
            Team.status != TeamStatus.ACTIVE.value,
            Team.outage_allowance_nanos.is_not(None),
            Team.rpm.is_not(None),
            Team.tpm.is_not(None),
            Team.concurrency.is_not(None),
            Team.keep_responses,
            Team.body_logging,
            Team.id.in_(select(Membership.team_id).where(_LIMITED)),
        ),
        # The keys of a deleted team are revoked: nothing can ask in its name.
        Team.deleted_at_ns.is_(None),
    )
    teams = (await session.scalars(statement)).all()
    return [_state(team, by_team.get(team.id, [])) for team in teams]


def _state(team: Team, members: Sequence[Membership]) -> TeamState:
    return TeamState(
        team_id=team.id,
        frozen=team.status == TeamStatus.FROZEN,
        outage_allowance_nanos=team.outage_allowance_nanos,
        rpm=team.rpm,
        tpm=team.tpm,
        concurrency=team.concurrency,
        keep_responses=team.keep_responses,
        moved_to=team.moved_to or "",
        body_logging=team.body_logging,
        members={m.user_id: RateLimits(m.rpm, m.tpm, m.concurrency) for m in members},
    )
