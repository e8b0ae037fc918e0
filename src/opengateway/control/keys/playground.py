"""The way of a browser to the data plane: a key of a signed-in member that lives for an hour (ADR-0031).

There is one row for each member and team, however often it is asked for: asking again gives it a new
secret, and the one before is taken until it would have expired, so that two tabs do not fight.
"""

from __future__ import annotations

from typing import Final

from opengateway.control.actor import Actor, ActorKind
from opengateway.control.changes.service import ChangeLog
from opengateway.control.keys.models import ApiKey
from opengateway.control.keys.repository import KeyRepository
from opengateway.control.keys.service import KeyService
from opengateway.control.scope import ControlScope
from opengateway.control.teams.service import TeamService
from opengateway.domain.errors import NotAllowed
from opengateway.domain.principal import KeyKind

LIFETIME_S: Final = 3600
CONCURRENCY: Final = 8
"""Four models side by side, in two tabs."""
LABEL: Final = "opengateway.playground"
"""The metadata of such a key names it; a key of one's own with this name would be taken for it."""
_NAME: Final = "Playground"


class PlaygroundDisabled(NotAllowed):
    code = "playground_disabled"


class PlaygroundNeedsPerson(NotAllowed):
    code = "wrong_caller_kind"


class PlaygroundKeys:
    """Issues them. The caller owns the transaction; nothing here commits."""

    def __init__(self, scope: ControlScope, changes: ChangeLog, actor: Actor) -> None:
        self._scope = scope
        self._actor = actor
        self._rows = KeyRepository(scope.session)
        self._teams = TeamService(scope, actor)
        self._keys = KeyService(scope, changes, actor)

    async def issue(self, team_id: str) -> tuple[ApiKey, str]:
        """The member's key and its new secret, good for `LIFETIME_S`.

        Raises `PlaygroundNeedsPerson` for a management key, `PlaygroundDisabled` where an admin has
        disabled it.
        """
        if self._actor.kind is not ActorKind.USER or self._actor.user_id is None:
            raise PlaygroundNeedsPerson("the playground is a person's: sign in, or make a key")
        now_ns = self._scope.clock.now_ns()
        expires_at_ns = now_ns + LIFETIME_S * 1_000_000_000
        # Two tabs that ask at once would both find none.
        await self._teams.locked(team_id)
        mine = await self._rows.live_of_maker(team_id, self._actor.user_id, _NAME)
        found = next((key for key in mine if key.labels.get(LABEL) == "yes"), None)
        if found is None:
            terms = {
                "expires_at_ns": expires_at_ns,
                "concurrency": CONCURRENCY,
                "labels": {LABEL: "yes"},
            }
            return await self._keys.create(team_id, _NAME, KeyKind.INFERENCE, terms)
        if found.disabled:
            raise PlaygroundDisabled("your playground key is disabled; ask an owner or an admin")
        left_s = max(0, (found.expires_at_ns or 0) - now_ns) // 1_000_000_000
        await self._keys.change(team_id, found.id, {"expires_at_ns": expires_at_ns}, if_match=None)
        return await self._keys.rotate(
            team_id, found.id, overlap_s=min(left_s, LIFETIME_S), if_match=None
        )
