"""Whether a caller may call the route they called: the one place that enforces `control/access.py`.

An app depends on `authorize_public` or `authorize_operator` as a whole, so each of its routes is
judged by what it declares, before any dependency of its own runs. What is not there for a caller is
404 and tells nothing; what is there and not theirs to do is 403 and names the permission; trouble
of the store is 503, never 401.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Annotated, Final, cast

from fastapi import Depends, Request

from opengateway.control.access import FIELD, PERMISSION_FIELD, Access
from opengateway.control.actor import Actor, ActorKind, PermissionMissing
from opengateway.control.identity.caller import client_ip
from opengateway.control.keys.bearer import key_actor
from opengateway.control.memberships.repository import MembershipRepository
from opengateway.control.scope import ControlScope, Scope
from opengateway.control.sessions.service import resolve_session
from opengateway.control.sessions.web import NotSignedIn, check_csrf
from opengateway.control.teams.repository import TeamRepository
from opengateway.control.teams.service import no_such_team
from opengateway.control.users.models import UserStatus
from opengateway.control.users.repository import UserRepository
from opengateway.control.users.view_as import HEADER as VIEW_AS
from opengateway.control.users.view_as import viewing
from opengateway.domain.errors import InvalidRequest, NotAllowed, NotFound
from opengateway.kit import json
from opengateway.policies.permissions import PERMISSIONS, Role

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class WrongCaller(NotAllowed):
    code = "wrong_caller_kind"


async def authorize_public(request: Request, scope: Scope) -> None:
    """For the app that the world reaches: leaves the actor in the request's state, or raises."""
    who, permission = _declared(request)
    _check_ids(request)
    if who is Access.PUBLIC:
        request.state.actor = _traced(Actor(ActorKind.ANONYMOUS), request)
        return
    actor = _traced(await _caller(request, scope), request)
    if who is Access.SIGNED_IN:
        if actor.kind is not ActorKind.USER:
            raise WrongCaller("this is a person's own affair: sign in instead of sending a key")
    elif who is Access.TEAM:
        actor = await _in_team(actor, request.path_params["team_id"], scope)
        actor.must(permission)
    elif who is Access.OWN_TEAMS:
        named = request.query_params.get("team_id")
        request.state.team_ids = await _own_teams(actor, named, permission, scope)
    elif who is Access.NAMED_TEAM:
        actor = await _in_team(actor, await _named_team(request), scope)
        actor.must(permission)
    else:
        assert who is Access.PLATFORM, f"a route for {who} is on the public app"
        actor.must(permission)
        await _require_team(request, scope, deleted_too=True)
    request.state.actor = actor
    request.state.private = True


async def _own_teams(
    actor: Actor, named: str | None, permission: str, scope: ControlScope
) -> tuple[str, ...]:
    """The teams where the actor has the permission. Raises `TeamNotFound`, `PermissionMissing`."""
    if named is None and actor.kind is ActorKind.MANAGEMENT_KEY:
        named = actor.team_id
    if named is not None:
        if not _ID.fullmatch(named):
            raise NotFound("there is no team of this id", param="team_id")
        (await _in_team(actor, named, scope)).must(permission)
        return (named,)
    assert actor.user_id is not None
    held = await MembershipRepository(scope.session).teams_of(actor.user_id)
    allowed = tuple(
        team.id for team, role in held if PERMISSIONS.allows(permission, Role(role), None)
    )
    if not allowed and not actor.may(permission):
        raise PermissionMissing(permission)
    return allowed  # a platform role has every team, and names the one that it asks for


async def _told_teams(request: Request) -> tuple[str, ...]:
    return cast("tuple[str, ...]", request.state.team_ids)


OwnTeams = Annotated[tuple[str, ...], Depends(_told_teams)]
"""Of a route of `permits_in_own_teams`: the teams that it may tell of."""


async def authorize_operator(request: Request, scope: Scope) -> None:
    """For the app on the operator's socket: whoever opened it may do everything that is there."""
    who, _ = _declared(request)
    _check_ids(request)
    await _require_team(request, scope, deleted_too=who is not Access.TEAM)
    request.state.actor = _traced(Actor(ActorKind.OPERATOR), request)


def _declared(request: Request) -> tuple[Access, str]:
    # Checked for every route before the app is served (`require_declared`).
    extra = request.scope["route"].openapi_extra
    return Access(extra[FIELD]), extra.get(PERMISSION_FIELD, "")


def _check_ids(request: Request) -> None:
    """What cannot be an id of ours names nothing. A store might choke on it (a NUL, for one)."""
    for name, value in request.path_params.items():
        if name.endswith("_id") and not _ID.fullmatch(value):
            raise NotFound(f"there is no {name.removesuffix('_id')} of this id", param=name)


def _traced(actor: Actor, request: Request) -> Actor:
    return replace(actor, ip=client_ip(request), request_id=request.state.request_id)


async def _caller(request: Request, scope: ControlScope) -> Actor:
    given = request.headers.get("authorization")
    if given is not None:
        return await key_actor(scope, given, client_ip(request))
    settings = scope.sign_in.settings
    cookie = request.cookies.get(settings.session_cookie)
    session = await resolve_session(scope, cookie) if cookie else None
    user = None if session is None else await UserRepository(scope.session).get(session.user_id)
    if session is None or user is None or user.status != UserStatus.ACTIVE:
        raise NotSignedIn(
            "sign in, or send a management key as `Authorization: Bearer og_mgmt_...`"
        )
    check_csrf(request, settings, session.csrf_token)
    actor = Actor(
        ActorKind.USER,
        user_id=user.id,
        session_id=session.session_id,
        platform_role=None if user.platform_role is None else Role(user.platform_role),
        step_up_at_ns=session.step_up_at_ns,
    )
    seen = request.headers.get(VIEW_AS)
    return actor if seen is None else await viewing(scope, actor, seen, request.method)


async def _in_team(actor: Actor, team_id: str, scope: ControlScope) -> Actor:
    """The actor with the role that they have in the team. Raises `TeamNotFound`."""
    if actor.kind is ActorKind.MANAGEMENT_KEY:
        if actor.team_id != team_id:
            raise no_such_team(team_id)
        return replace(actor, role=Role.MANAGEMENT_KEY)
    assert actor.user_id is not None
    role = await MembershipRepository(scope.session).role(team_id, actor.user_id)
    if role is not None:
        return replace(actor, role=Role(role))
    team = None
    if actor.platform_role is not None:
        team = await TeamRepository(scope.session).get(team_id)
    if team is None or team.deleted_at_ns is not None:
        raise no_such_team(team_id)
    return actor


async def _named_team(request: Request) -> str:
    """The team of the body. Raises `InvalidRequest` where it names none."""
    try:
        body = json.loads(await request.body())
    except ValueError:
        body = None
    named = body.get("team_id") if isinstance(body, dict) else None
    if not isinstance(named, str) or not _ID.fullmatch(named):
        raise InvalidRequest("'team_id' must be the id of a team, `team_...`", param="team_id")
    return named


async def _require_team(request: Request, scope: ControlScope, *, deleted_too: bool) -> None:
    team_id = request.path_params.get("team_id")
    if team_id is None:
        return
    team = await TeamRepository(scope.session).get(team_id)
    if team is None or (team.deleted_at_ns is not None and not deleted_too):
        raise no_such_team(team_id)
