"""Finding and making teams."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from sqlalchemy.exc import IntegrityError

from opengateway.control.teams.models import Team
from opengateway.control.teams.repository import TeamRepository
from opengateway.domain.errors import Conflict, InvalidRequest, NotFound
from opengateway.kit.clock import Clock
from opengateway.kit.ids import NewId

MAX_NAME: Final = 80
_IS_ID: Final = re.compile(r"team_[0-9a-f]{32}")


class TeamNotFound(NotFound):
    code = "team_not_found"


class TeamService:
    """Finds and makes teams. The caller owns the transaction."""

    def __init__(self, teams: TeamRepository, clock: Clock, new_id: NewId) -> None:
        self._teams = teams
        self._clock = clock
        self._new_id = new_id

    async def find(self, named: str) -> Team:
        """The team of this id or name. Raises `TeamNotFound`."""
        if _IS_ID.fullmatch(named):
            team = await self._teams.get(named)
        else:
            team = await self._teams.by_name(tidy_name(named, param="team"))
        if team is None:
            raise TeamNotFound(f"there is no team {named!r}", param="team")
        return team

    async def find_or_make(self, named: str) -> Team:
        """The team of this id or name; a new name makes a team.

        Raises `TeamNotFound` for an id that does not exist: an id is never a new team's name.
        """
        try:
            return await self.find(named)
        except TeamNotFound:
            if _IS_ID.fullmatch(named):
                raise
        team = Team(
            id=self._new_id("team_"),
            name=tidy_name(named, param="team"),
            created_at_ns=self._clock.now_ns(),
        )
        try:
            await self._teams.add(team)
        except IntegrityError as error:
            # Only where the store has several writers: another made the name meanwhile.
            raise Conflict(f"another request made team {named!r}; try again") from error
        return team


def tidy_name(text: str, *, param: str) -> str:
    """A name as it is kept: NFC, no space around it. Raises `InvalidRequest`."""
    name = unicodedata.normalize("NFC", text).strip()
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise InvalidRequest(f"{param!r} must be 1 to {MAX_NAME} printable characters", param=param)
    return name
