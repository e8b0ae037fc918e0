"""Deleting an account: out of every team first, so that none is left without an owner."""

from __future__ import annotations

from opengateway.control.actor import Actor
from opengateway.control.changes.service import ChangeLog
from opengateway.control.memberships.repository import MembershipRepository
from opengateway.control.memberships.service import MembershipService
from opengateway.control.scope import ControlScope
from opengateway.control.teams.moves import forget_files
from opengateway.control.teams.service import TeamService
from opengateway.control.users.models import User
from opengateway.control.users.service import UserService


async def delete_account(
    scope: ControlScope, changes: ChangeLog, actor: Actor, user_id: str
) -> User:
    """The erased account. Its sessions and proofs are for whoever keeps them to end, in the same
    transaction.

    Raises `LastOwner` while a team has no other owner, and then nothing has changed; `UserNotFound`.
    """
    users = UserService(scope, actor)
    members = MembershipService(scope, changes, actor)
    rows = MembershipRepository(scope.session)
    # All locked first, by id: two who wait for the same teams wait in the same order, and nobody
    # waits for a team while holding the turn in which changes are numbered.
    for team, _ in await rows.teams_of(user_id):
        await TeamService(scope, actor).locked(team.id)
    teams = [team for team, _ in await rows.teams_of(user_id)]
    for team in teams:
        await members.remove(team.id, user_id)
    # Teams that moved name their members in a file, until here.
    await forget_files(scope.session, [team.id for team in teams])
    # What is left are places in deleted teams.
    await rows.remove_all_of(user_id)
    user = await users.locked(user_id)
    await users.erase(user)
    return user
