"""Sets the ceiling. Snapshots carry it to gateways, like a team's own credentials."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from opengateway.control.actor import Actor
from opengateway.control.conditions import must_match
from opengateway.control.providers.tools import DeskTools
from opengateway.control.scope import ControlScope
from opengateway.control.teams.models import Team
from opengateway.control.teams.service import TeamService
from opengateway.domain.catalog import Snapshot
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.routing import allows
from opengateway.domain.routing_rules import RoutingPolicy

OPEN = RoutingPolicy()


class TeamRouting:
    """The caller owns the transaction. Snapshots follow once it is committed."""

    def __init__(self, scope: ControlScope, actor: Actor, desk: DeskTools) -> None:
        self._scope = scope
        self._actor = actor
        self._desk = desk
        self._teams = TeamService(scope, actor)

    async def get(self, team_id: str) -> tuple[Team, RoutingPolicy]:
        team = await self._teams.live(team_id)
        return team, policy_of(team)

    async def put(self, team_id: str, wanted: RoutingPolicy, *, if_match: str | None) -> Team:
        """Raises `InvalidRequest` for a provider that the zone does not have, `PreconditionFailed`."""
        self._check(wanted)
        team = await self._teams.locked(team_id)
        must_match(if_match, team.version)
        before = policy_of(team)
        if wanted != before:
            team.routing_policy = None if wanted == OPEN else msgspec.to_builtins(wanted)
            await self._scope.session.flush()
            await self._scope.audit(
                self._actor,
                "team.routing_changed",
                object_id=team.id,
                before=msgspec.to_builtins(before),
                after=msgspec.to_builtins(wanted),
                team_id=team.id,
            )
            self._scope.after_commit(self._desk.publisher.changed)
        return team

    def served(self, policy: RoutingPolicy) -> tuple[int, int] | None:
        """How many models it leaves, of how many. What a request costs is not looked at."""
        snapshot = self._desk.publisher.snapshot
        if snapshot is None:
            return None
        left = sum(
            any(
                allows(policy, snapshot.providers[endpoint.provider_id], endpoint)
                for endpoint in model.endpoints
            )
            for model in snapshot.models.values()
        )
        return left, len(snapshot.models)

    def _check(self, wanted: RoutingPolicy) -> None:
        snapshot = self._desk.publisher.snapshot
        if snapshot is not None:
            _known("only", wanted.only, snapshot)
            _known("ignore", wanted.ignore, snapshot)


def _known(param: str, slugs: Iterable[str], snapshot: Snapshot) -> None:
    """A name that no provider has would shut the team out, or keep nobody out."""
    for slug in slugs:
        provider_id = slug.partition("/")[0]
        if provider_id not in snapshot.providers:
            raise InvalidRequest(
                f"{param!r}: this zone has no provider {provider_id!r}; `GET /v1/models/"
                "{model}/endpoints` shows those it has",
                param=param,
            )


def policy_of(team: Team) -> RoutingPolicy:
    kept: dict[str, Any] | None = team.routing_policy
    return OPEN if kept is None else msgspec.convert(kept, RoutingPolicy)
