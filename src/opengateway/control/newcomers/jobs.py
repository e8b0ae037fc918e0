"""Lifts the limits of the free tier from teams that have bought credit, and forgets old sightings."""

from __future__ import annotations

import asyncio
from typing import Final

from opengateway.control.actor import SYSTEM
from opengateway.control.changes.feed import ChangeFeed
from opengateway.control.changes.service import ChangeLog
from opengateway.control.mail.outbox import OpenScope
from opengateway.control.memberships.states import publish_team
from opengateway.control.newcomers.repository import NewcomerRepository
from opengateway.control.newcomers.service import WINDOW_NS
from opengateway.control.scope import ControlScope
from opengateway.control.teams.repository import TeamRepository
from opengateway.kit.clock import Clock
from opengateway.kit.log import get_logger

EVERY_S: Final = 10.0
_AT_ONCE: Final = 200

log = get_logger(__name__)


class NewcomerJobs:
    def __init__(self, open_scope: OpenScope, feed: ChangeFeed, clock: Clock) -> None:
        self._open_scope = open_scope
        self._feed = feed
        self._clock = clock
        self._after = ""

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                await self.turn()
            except Exception as error:
                log.error("newcomer_jobs_failed", exc_info=error)
            await asyncio.sleep(EVERY_S)

    async def turn(self) -> None:
        """Some teams a turn, and all of them in turn."""
        async with self._open_scope() as scope:
            rows = NewcomerRepository(scope.session)
            found = await rows.free_teams(self._after, _AT_ONCE)
            bought = await scope.ledger.statements.bought([free.team_id for free in found])
            await rows.prune(self._clock.now_ns() - WINDOW_NS)
        self._after = found[-1].team_id if len(found) == _AT_ONCE else ""
        for team_id in sorted(bought):
            async with self._open_scope() as scope:
                await self._lift(scope, team_id)

    async def _lift(self, scope: ControlScope, team_id: str) -> None:
        team = await TeamRepository(scope.session).locked(team_id)
        free = await NewcomerRepository(scope.session).free_team(team_id)
        if team is None or free is None or free.lifted_at_ns is not None:
            return
        free.lifted_at_ns = self._clock.now_ns()
        # What somebody has set meanwhile is theirs and stays.
        for name in ("rpm", "tpm", "concurrency"):
            if getattr(team, name) == getattr(free, name):
                setattr(team, name, None)
        await scope.audit(SYSTEM, "team.free_tier_left", object_id=team_id, team_id=team_id)
        await publish_team(scope.session, ChangeLog(scope, self._feed), team)
