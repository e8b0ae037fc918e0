"""Teams' own credentials: to whom they lead, and before or after the platform's (decision 33)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from opengateway.domain.catalog import Model, Provider, Snapshot
from opengateway.domain.particulars import OwnCredential
from opengateway.domain.routing import Plan
from opengateway.domain.vault import is_own

_PREFERRED: Final = 0
_PLATFORM: Final = 1
_FALLBACK: Final = 2
NONE: Final[tuple[OwnCredential, ...]] = ()


def is_particular(snapshot: Snapshot, team_id: str) -> bool:
    """Whether something in the snapshot is of this team alone: its plans are then its own."""
    return (
        team_id in snapshot.own_credentials
        or team_id in snapshot.team_prices
        or team_id in snapshot.team_policies
    )


def ways_to(
    provider: Provider, own: Iterable[OwnCredential] = NONE
) -> Sequence[tuple[int, str | None]]:
    """The credentials by which this caller reaches the provider, each with its place before others;
    None for a provider that needs none. Empty: it does not reach it."""
    ways: list[tuple[int, str | None]] = [
        (_PREFERRED if credential.preferred else _FALLBACK, credential.name)
        for credential in own
        if credential.provider_id == provider.id
    ]
    if not provider.own_only:
        ways += [(_PLATFORM, name) for name in provider.credentials or (None,)]
    return ways


def is_served(snapshot: Snapshot, model: Model, team_id: str) -> bool:
    """Whether some endpoint of the model can be called for this team at all."""
    own = snapshot.own_credentials.get(team_id, NONE)
    return any(ways_to(snapshot.providers[e.provider_id], own) for e in model.endpoints)


def own_alone(plan: Plan) -> Plan | None:
    """The plan by the team's own credentials alone; None where it is that already, or has none."""
    own = tuple(c for c in plan.candidates if is_own(c.credential))
    if not own or len(own) == len(plan.candidates):
        return None
    return replace(plan, candidates=own, kept=False)
