"""The rows that a history of the ledger begins with: teams, their keys, their budgets."""

from __future__ import annotations

from opengateway.control.budgets.models import Budget
from opengateway.control.keys.models import ApiKey
from opengateway.control.teams.models import Team


def new_team(team_id: str, now_ns: int) -> Team:
    return Team(
        id=team_id,
        handle=team_id,
        name="t",
        zone="test",
        status="active",
        body_logging=False,
        created_at_ns=now_ns,
    )


def new_key(key_id: str, team_id: str, now_ns: int, limit: int | None) -> ApiKey:
    return ApiKey(
        id=key_id,
        team_id=team_id,
        name="k",
        kind="inference",
        digest=key_id,
        pepper_version=1,
        hint="h",
        models=[],
        providers=[],
        ips=[],
        labels={},
        limit_nanos=limit,
        limit_reset="daily" if limit else None,
        created_at_ns=now_ns,
    )


def new_budget(budget_id: str, team_id: str, period: str, limit: int, mode: str) -> Budget:
    return Budget(
        id=budget_id,
        team_id=team_id,
        scope="team",
        subject_id=team_id,
        period=period,
        limit_nanos=limit,
        mode=mode,
        created_at_ns=0,
        updated_at_ns=0,
    )
