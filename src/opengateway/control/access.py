"""Who may call a route. Every route says so; one that does not stops the start (default deny).

    @router.get("/teams/{team_id}/keys", openapi_extra=permits("keys.read"))

`control/authority.py` enforces what is declared here, for every route, in one place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from fastapi import APIRouter
from fastapi.routing import iter_route_contexts

from opengateway.policies.permissions import PERMISSIONS

FIELD: Final = "x-opengateway-access"
PERMISSION_FIELD: Final = "x-opengateway-permission"
_PARAM: Final = re.compile(r"\{([a-z_]+)(?::[a-z]+)?\}")


class Access(StrEnum):
    PUBLIC = "public"
    """Anybody who reaches the port."""
    INTERNAL = "internal"
    """The gateway and the CLI, over the socket that only the owner of `home` can open."""
    SIGNED_IN = "signed_in"
    """A person with a session, for what is their own."""
    TEAM = "team"
    """Whoever has the permission in the team of the path (`permits`)."""
    NAMED_TEAM = "named_team"
    """The same, in the team that the body names as `team_id` (`permits_named`)."""
    OWN_TEAMS = "own_teams"
    """Whoever has the permission in some team (`permits_in_own_teams`)."""
    PLATFORM = "platform"
    """Whoever has the permission by a platform role (`permits_platform`)."""


@dataclass(frozen=True, slots=True)
class DeclaredRoute:
    """A route as an app has it. `params` are the names in its path."""

    methods: tuple[str, ...]
    path: str
    access: Access
    permission: str | None
    params: tuple[str, ...]

    def __str__(self) -> str:
        said = f"{'|'.join(self.methods)} {self.path} {self.access}"
        return f"{said} {self.permission}" if self.permission else said


def access(who: Access) -> dict[str, Any]:
    """For a route's `openapi_extra`: declares who may call it, where no permission is needed."""
    by_permission = (Access.TEAM, Access.OWN_TEAMS, Access.NAMED_TEAM, Access.PLATFORM)
    assert who not in by_permission, "use one of the permits...()"
    return {FIELD: who.value}


def permits(permission: str) -> dict[str, Any]:
    """For a route below `{team_id}`: asks for a permission in that team (policies/permissions.toml).

    A team that is not there, or not the caller's, is 404; too small a role is 403.
    """
    assert permission in PERMISSIONS.team, f"no permission {permission!r} in table 'team'"
    return {FIELD: Access.TEAM.value, PERMISSION_FIELD: permission}


def permits_in_own_teams(permission: str) -> dict[str, Any]:
    """For a route that tells of several teams: those where the caller has the permission, or that
    one of them which `?team_id=` names. Its handler finds them in `OwnTeams`
    (control/authority.py), and must look at nothing else.
    """
    assert permission in PERMISSIONS.team, f"no permission {permission!r} in table 'team'"
    return {FIELD: Access.OWN_TEAMS.value, PERMISSION_FIELD: permission}


def permits_named(permission: str) -> dict[str, Any]:
    """The same as `permits`, for a route whose JSON body names the team as `team_id`."""
    assert permission in PERMISSIONS.team, f"no permission {permission!r} in table 'team'"
    return {FIELD: Access.NAMED_TEAM.value, PERMISSION_FIELD: permission}


def permits_platform(permission: str) -> dict[str, Any]:
    """Asks for a permission that platform roles give. A team named in the path must exist."""
    assert permission in PERMISSIONS.platform, f"no permission {permission!r} in table 'platform'"
    return {FIELD: Access.PLATFORM.value, PERMISSION_FIELD: permission}


def declared_routes(router: APIRouter) -> Iterator[DeclaredRoute]:
    """Every route of `router`. Raises `AssertionError` for the first that does not declare."""
    for route in iter_route_contexts(router.routes):
        extra = getattr(route, "openapi_extra", None) or {}
        methods = tuple(sorted(route.methods or ()))
        path = route.path or ""
        name = f"{'|'.join(methods)} {path}"
        assert FIELD in extra, f"route {name!r} does not declare who may call it"
        who = Access(extra[FIELD])
        params = tuple(_PARAM.findall(path))
        declared = DeclaredRoute(methods, path, who, extra.get(PERMISSION_FIELD), params)
        assert who is not Access.TEAM or "team_id" in params, f"route {name!r} names no team"
        yield declared


def require_declared(router: APIRouter, allowed: AbstractSet[Access]) -> list[str]:
    """Check that each route of `router` says who may call it, and that it is one of `allowed`.

    Return the routes, as `"GET /path access"`. Raises `AssertionError` for the first fault: an
    app that has one must not be served.
    """
    seen: list[str] = []
    for route in declared_routes(router):
        assert route.access in allowed, f"route {str(route)!r} is {route.access} in this app"
        seen.append(str(route))
    return seen
