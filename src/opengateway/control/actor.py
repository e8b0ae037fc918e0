"""Who acts in one request of the control plane. Made at the edge (`control/authority.py`)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, cast

from fastapi import Depends, Request

from opengateway.domain.errors import NotAllowed
from opengateway.policies.permissions import PERMISSIONS, Role


class ActorKind(StrEnum):
    USER = "user"
    MANAGEMENT_KEY = "management_key"
    OPERATOR = "operator"
    """Whoever can open the internal socket: the CLI, the gateway."""
    ANONYMOUS = "anonymous"
    """Nobody that is known: on public routes alone."""
    SYSTEM = "system"
    """A job of the product's own."""


@dataclass(frozen=True, slots=True)
class Actor:
    """`team_id` is a management key's own team; `role` is held in the team of the path.

    `ip` is the caller's address as the gateway saw it. `step_up_at_ns` is when the person last
    proved who they are in this session.
    """

    kind: ActorKind
    user_id: str | None = None
    key_id: str | None = None
    session_id: str | None = None
    team_id: str | None = None
    role: Role | None = None
    platform_role: Role | None = None
    ip: str | None = None
    request_id: str = ""
    step_up_at_ns: int | None = None
    viewed_by: str | None = None
    """Who of the platform's people sees as this user (control/users/view_as.py)."""

    def may(self, permission: str) -> bool:
        """Whether the roles that this actor has here give `permission`."""
        if self.kind in (ActorKind.OPERATOR, ActorKind.SYSTEM):
            return True
        if self.viewed_by is not None and permission == "logs.bodies.read":
            return False
        return PERMISSIONS.allows(permission, self.role, self.platform_role)

    def must(self, permission: str) -> None:
        """Raises `NotAllowed`, naming the permission, unless the actor has it."""
        if not self.may(permission):
            raise PermissionMissing(permission)


class PermissionMissing(NotAllowed):
    code = "permission_missing"

    def __init__(self, permission: str) -> None:
        super().__init__(
            f"your role does not have the permission {permission!r}; ask an owner or an admin"
        )
        self.permission = permission


@dataclass(frozen=True, slots=True)
class SessionActor:
    """What a session says of who is signed in: the answer of a `SessionResolver`."""

    session_id: str
    user_id: str
    csrf_token: str
    platform_role: Role | None = None
    step_up_at_ns: int | None = None


SYSTEM: Actor = Actor(ActorKind.SYSTEM)


async def _of_request(request: Request) -> Actor:
    # Set by the authority before any route's own dependency. Absent means a route that it did not
    # judge, and such a route must fail, loudly.
    return cast(Actor, request.state.actor)


CurrentActor = Annotated[Actor, Depends(_of_request)]
