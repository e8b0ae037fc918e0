"""A team's life: made with its owner, changed, frozen, deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from opengateway.control.actor import Actor
from opengateway.control.changes.service import ChangeLog
from opengateway.control.conditions import must_match
from opengateway.control.identity.caller import Caller
from opengateway.control.keys.service import KeyService
from opengateway.control.memberships.repository import MembershipRepository
from opengateway.control.memberships.service import MembershipService
from opengateway.control.memberships.states import publish_team
from opengateway.control.newcomers.service import Newcomers
from opengateway.control.scope import ControlScope
from opengateway.control.teams.models import Team
from opengateway.control.teams.repository import TeamRepository
from opengateway.control.teams.service import TeamService, TeamStatus, tidy_name
from opengateway.domain.errors import Conflict
from opengateway.policies.permissions import Role

_LIMITS: Final = ("rpm", "tpm", "concurrency", "outage_allowance_nanos")
_CONTENT: Final = ("body_logging", "bodies_days", "keep_responses")
"""Settings that keep what people wrote and were answered."""
_REPLICATED: Final = ("body_logging", "keep_responses", *_LIMITS)
_TOLD: Final = ("name", "status", *_CONTENT, *_LIMITS)


class TeamMoved(Conflict):
    code = "team_moved"


class TeamLife:
    """Makes, changes and deletes teams. The caller owns the transaction."""

    def __init__(self, scope: ControlScope, changes: ChangeLog, actor: Actor) -> None:
        self._teams = TeamService(scope, actor)
        self._members = MembershipService(scope, changes, actor)
        self._keys = KeyService(scope, changes, actor)
        self._scope = scope
        self._changes = changes
        self._actor = actor

    async def mine(self, user_id: str, *, after: str, limit: int) -> Sequence[tuple[Team, str]]:
        """The user's teams, each with their role in it."""
        rows = MembershipRepository(self._scope.session)
        return await rows.teams_of(user_id, after=after, limit=limit)

    async def every(self, *, after: str, limit: int, search: str = "") -> Sequence[Team]:
        """All of the zone's, deleted ones included. For platform roles and the operator."""
        teams = TeamRepository(self._scope.session)
        return await teams.page(after=after, limit=limit, search=search)

    async def get(self, team_id: str) -> Team:
        return await self._teams.live(team_id)

    async def create(
        self, name: str, owner_id: str, caller: Caller | None = None, device: str = ""
    ) -> Team:
        """A new team of this zone, whose owner is this user. `caller`: from where it is made."""
        team = await self._teams.make(name)
        await self._members.add(team.id, owner_id, Role.OWNER)
        if caller is not None:
            await Newcomers(self._scope, self._actor).greet(team, owner_id, caller, device)
            if self._scope.selling.rules.free_tier is not None:
                await publish_team(self._scope.session, self._changes, team)
        return team

    async def change(
        self, team_id: str, wanted: Mapping[str, Any], *, if_match: str | None
    ) -> Team:
        """Set columns of `Team`. Limits, and what keeps content, need permissions of their own.

        Raises `NotAllowed`, `InvalidRequest`, `PreconditionFailed`.
        """
        if any(name in wanted for name in _LIMITS):
            self._actor.must("team.limits")
        if any(name in wanted for name in _CONTENT):
            self._actor.must("body_logging.write")
        team = await self._teams.locked(team_id)
        must_match(if_match, team.version)
        before = _told(team)
        for column, value in wanted.items():
            setattr(team, column, tidy_name(value, param="name") if column == "name" else value)
        after = _told(team)
        if after != before:
            await self._scope.session.flush()
            await self._noted("team.changed", team, before, after)
            if any(before[name] != after[name] for name in _REPLICATED):
                await publish_team(self._scope.session, self._changes, team)
        return team

    async def set_frozen(self, team_id: str, frozen: bool, reason: str | None) -> Team:
        """Stop a team's spending, or let it go on. Gateways follow within seconds."""
        team = await self._teams.locked(team_id)
        if team.moved_to is not None and not frozen:
            raise TeamMoved(f"the team has moved to zone {team.moved_to!r}; it is used there")
        status = TeamStatus.FROZEN if frozen else TeamStatus.ACTIVE
        if team.status != status:
            before, team.status = team.status, status.value
            await self._scope.session.flush()
            await self._noted(
                "team.frozen" if frozen else "team.unfrozen",
                team,
                {"status": before},
                {"status": team.status},
                reason,
            )
            await publish_team(self._scope.session, self._changes, team)
        return team

    async def delete(self, team_id: str, *, if_match: str | None) -> None:
        """Revoke its keys, freeze its balance, and hide it. What it did stays on record."""
        team = await self._teams.locked(team_id)
        must_match(if_match, team.version)
        revoked = await self._keys.revoke_all(team_id)
        team.status = TeamStatus.FROZEN.value
        team.deleted_at_ns = self._scope.clock.now_ns()
        team.handle = team.id  # the name is free again
        await self._scope.session.flush()
        await self._noted("team.deleted", team, None, {"keys_revoked": revoked})
        await publish_team(self._scope.session, self._changes, team)

    async def _noted(
        self, action: str, team: Team, before: Any, after: Any, reason: str | None = None
    ) -> None:
        await self._scope.audit(
            self._actor,
            action,
            object_id=team.id,
            before=before,
            after=after,
            team_id=team.id,
            reason=reason,
        )


def _told(team: Team) -> dict[str, Any]:
    return {name: getattr(team, name) for name in _TOLD}
