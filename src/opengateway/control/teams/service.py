"""Finding and making teams."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from typing import Final

from sqlalchemy.exc import IntegrityError

from opengateway.control.actor import Actor
from opengateway.control.scope import ControlScope
from opengateway.control.teams.models import Team
from opengateway.control.teams.repository import TeamRepository
from opengateway.domain.errors import Conflict, InvalidRequest, NotFound

MAX_NAME: Final = 80
_IS_ID: Final = re.compile(r"team_[0-9a-f]{32}")


class TeamStatus(StrEnum):
    ACTIVE = "active"
    FROZEN = "frozen"
    """Its keys spend nothing; its people still see what is theirs."""


class TeamNotFound(NotFound):
    code = "team_not_found"


class NameTaken(Conflict):
    code = "team_name_taken"


def no_such_team(team_id: str) -> TeamNotFound:
    """The same words for a team that is not there and for one that is somebody else's."""
    return TeamNotFound(f"there is no team {team_id!r}", param="team_id")


class TeamService:
    """Finds and makes teams. The caller owns the transaction."""

    def __init__(self, scope: ControlScope, actor: Actor) -> None:
        self._teams = TeamRepository(scope.session)
        self._scope = scope
        self._actor = actor

    async def live(self, team_id: str) -> Team:
        """Raises `TeamNotFound`, for a deleted team too."""
        team = await self._teams.get(team_id)
        if team is None or team.deleted_at_ns is not None:
            raise no_such_team(team_id)
        return team

    async def locked(self, team_id: str) -> Team:
        """The same, and nobody else changes the team until this transaction ends."""
        team = await self._teams.locked(team_id)
        if team is None or team.deleted_at_ns is not None:
            raise no_such_team(team_id)
        return team

    async def find(self, named: str) -> Team:
        """The live team of this id or name. Raises `TeamNotFound`; `Conflict` for several."""
        if _IS_ID.fullmatch(named):
            team = await self._teams.get(named)
            if team is not None and team.deleted_at_ns is not None:
                team = None
        else:
            name = tidy_name(named, param="team")
            team = await self._teams.by_handle(name)
            if team is None:
                found = await self._teams.named(name)
                if len(found) > 1:
                    raise Conflict(f"several teams are called {name!r}; give the id", param="team")
                team = found[0] if found else None
        if team is None:
            raise TeamNotFound(f"there is no team {named!r}", param="team")
        return team

    async def find_or_make(self, named: str) -> Team:
        """The team of this id or name; a new name makes a team, found by it ever after.

        Raises `TeamNotFound` for an id that does not exist: an id is never a new team's name.
        """
        try:
            return await self.find(named)
        except TeamNotFound:
            if _IS_ID.fullmatch(named):
                raise
        try:
            async with self._scope.session.begin_nested():
                return await self.make(named, by_name=True)
        except NameTaken:
            # Only where the store has several writers: another made it meanwhile, and it is there.
            return await self.find(named)

    async def make(self, name: str, *, by_name: bool = False) -> Team:
        """A new team of this zone. With `by_name` its name is its handle: it must be new then.

        Raises `NameTaken`.
        """
        name = tidy_name(name, param="name")
        team_id = self._scope.new_id("team_")
        team = Team(
            id=team_id,
            handle=name if by_name else team_id,
            name=name,
            zone=self._scope.zone,
            status=TeamStatus.ACTIVE.value,
            body_logging=False,
            created_at_ns=self._scope.clock.now_ns(),
        )
        try:
            await self._teams.add(team)
        except IntegrityError as error:
            raise NameTaken(f"there is a team {name!r} already", param="name") from error
        await self._scope.audit(
            self._actor, "team.created", object_id=team.id, after={"name": name}, team_id=team.id
        )
        return team


def tidy_name(text: str, *, param: str) -> str:
    """A name as it is kept: NFC, no space around it. Raises `InvalidRequest`."""
    name = unicodedata.normalize("NFC", text).strip()
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise InvalidRequest(f"{param!r} must be 1 to {MAX_NAME} printable characters", param=param)
    return name
