"""Fills a zone's log with requests that never were: `opengateway dev seed`."""

from __future__ import annotations

from collections.abc import Callable

from opengateway.compose.control import ControlSettings, open_control
from opengateway.control.actor import SYSTEM
from opengateway.control.scope import ControlScope
from opengateway.control.teams.service import TeamService
from opengateway.http.unit_of_work import unit_of_work
from opengateway.infra.event_log.seeding import SeedPlan


async def seed(
    settings: ControlSettings,
    team: str,
    *,
    teams: int,
    requests: int,
    hours: int,
    told: Callable[[int], None],
) -> tuple[str, ...]:
    """The teams whose requests they are: `team`, by name or id and made if it is new, and others that
    exist in the log alone. No control process may run on this home. Raises `OperatorError`."""
    async with open_control(settings) as house:
        parts = house.parts
        async with unit_of_work(parts.database, parts.new_scope) as scope:
            found = await _team(scope, team)
        names = (found, *(f"team_seed_{n:04d}" for n in range(1, teams)))
        now_ns = settings.clock.now_ns()
        await house.log.seeder.run(SeedPlan(names, settings.zone, requests, hours, now_ns), told)
        return names


async def _team(scope: ControlScope, named: str) -> str:
    return (await TeamService(scope, SYSTEM).find_or_make(named)).id
