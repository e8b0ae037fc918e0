"""Seeing what somebody sees: a platform's person reads as another user, and changes nothing.

A pass is sealed, short, bound to the session that asked for it, and audited when it is given. With
it (`x-view-as`), reads are answered as that user would be; every write is refused, and so are
prompts and answers, which the platform's people never read.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from typing import Final

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, Field

from opengateway.control.access import permits_platform
from opengateway.control.actor import Actor, ActorKind, CurrentActor
from opengateway.control.bodies import example, input_example
from opengateway.control.scope import ControlScope, Scope
from opengateway.control.sessions.web import require_step_up
from opengateway.control.users.models import UserStatus
from opengateway.control.users.repository import UserRepository
from opengateway.control.users.service import UserNotFound
from opengateway.domain.errors import InvalidRequest, NotAllowed
from opengateway.ports.secret_box import Unsealable

HEADER: Final = "x-view-as"
LASTS_NS: Final = 30 * 60 * 10**9
_PURPOSE: Final = "view-as"
_READS: Final = ("GET", "HEAD")
router = APIRouter(tags=["users"])


class ViewOnly(NotAllowed):
    code = "view_only"


class PassNotValid(InvalidRequest):
    code = "view_pass_not_valid"


class _Pass(msgspec.Struct, frozen=True):
    user_id: str
    session_id: str
    until_ns: int


class NewView(BaseModel):
    model_config = input_example(reason="ticket 99: no keys are shown")

    reason: str = Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f]+$")


class ViewPass(BaseModel):
    """Send `token` as `x-view-as` with reads."""

    model_config = example(
        user_id="usr_0193", token="AQAAAAE...", expires_at_ns=1_764_001_800_000_000_000
    )

    user_id: str
    token: str = Field(repr=False)
    expires_at_ns: int


@router.post(
    "/admin/users/{user_id}/view-as",
    openapi_extra=permits_platform("users.read"),
    dependencies=[require_step_up],
)
async def view_as(user_id: str, wanted: NewView, scope: Scope, actor: CurrentActor) -> ViewPass:
    """A pass to see what this user sees, for half an hour, reading alone. It is audited."""
    if actor.kind is not ActorKind.USER or actor.session_id is None:
        raise NotAllowed("only a person who is signed in sees as another")
    user = await UserRepository(scope.session).get(user_id)
    if user is None or user.status != UserStatus.ACTIVE:
        raise UserNotFound(f"there is no active user {user_id!r}", param="user_id")
    if user.platform_role is not None:
        raise NotAllowed("nobody sees as one of the platform's own people")
    until_ns = scope.clock.now_ns() + LASTS_NS
    sealed = scope.secret_box.seal(
        msgspec.json.encode(_Pass(user_id, actor.session_id, until_ns)), _PURPOSE
    )
    await scope.audit(actor, "user.viewed", object_id=user_id, reason=wanted.reason)
    token = urlsafe_b64encode(sealed).decode().rstrip("=")
    return ViewPass(user_id=user_id, token=token, expires_at_ns=until_ns)


async def viewing(scope: ControlScope, actor: Actor, token: str, method: str) -> Actor:
    """The actor as the user whom the pass names. Raises `PassNotValid`, `ViewOnly`."""
    try:
        raw = urlsafe_b64decode(token[:4096] + "=" * (-len(token) % 4))
        given = msgspec.json.decode(scope.secret_box.open(raw, _PURPOSE), type=_Pass)
    except (ValueError, Unsealable, msgspec.MsgspecError):
        raise PassNotValid(f"{HEADER!r} holds no pass of this zone", param=HEADER) from None
    if given.session_id != actor.session_id or scope.clock.now_ns() >= given.until_ns:
        raise PassNotValid("the pass is over, or another session's; ask for one", param=HEADER)
    actor.must("users.read")
    if method not in _READS:
        raise ViewOnly("who sees as another changes nothing; leave 'x-view-as' out")
    user = await UserRepository(scope.session).get(given.user_id)
    if user is None or user.status != UserStatus.ACTIVE or user.platform_role is not None:
        raise PassNotValid("the user is not there any more", param=HEADER)
    return replace(actor, user_id=user.id, platform_role=None, viewed_by=actor.user_id)
