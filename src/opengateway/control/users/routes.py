"""Accounts, for the platform's people. What a person does with their own is below `/me`."""

from __future__ import annotations

from enum import StrEnum

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from opengateway.control.access import permits_platform
from opengateway.control.actor import CurrentActor
from opengateway.control.bodies import Page, example, input_example
from opengateway.control.conditions import IfMatch, must_match, show_version
from opengateway.control.paging import After, Limit, Search, next_page, place_of
from opengateway.control.scope import Scope
from opengateway.control.sessions.service import SessionService
from opengateway.control.sessions.web import require_step_up
from opengateway.control.users.models import User, UserStatus
from opengateway.control.users.service import UserService
from opengateway.domain.errors import NotAllowed
from opengateway.policies.permissions import Role

router = APIRouter(tags=["users"])


class PlatformRole(StrEnum):
    PLATFORM_ADMIN = "platform_admin"
    PLATFORM_SUPPORT = "platform_support"
    PLATFORM_FINANCE = "platform_finance"


class AccountStatus(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"


class OwnAccount(NotAllowed):
    code = "own_account"


class UserPatch(BaseModel):
    """What is left out stays. `platform_role` null takes the role away."""

    model_config = input_example(status="suspended")

    status: AccountStatus = Field(AccountStatus.ACTIVE, strict=False)
    platform_role: PlatformRole | None = Field(None, strict=False)


class UserView(BaseModel):
    model_config = example(
        id="usr_0192f0c1a2b37c4d8e9fa0b1c2d3e4f7",
        email="kim@example.com",
        name="Kim",
        locale="ko",
        status="active",
        platform_role=None,
        email_verified_at_ns=1_764_000_000_000_000_000,
        created_at_ns=1_764_000_000_000_000_000,
        version=1,
    )

    id: str
    email: str
    name: str
    locale: str
    status: str
    platform_role: str | None
    email_verified_at_ns: int | None
    created_at_ns: int
    version: int

    @classmethod
    def of(cls, user: User) -> UserView:
        return cls.model_validate({name: getattr(user, name) for name in cls.model_fields})


@router.get("/admin/users", openapi_extra=permits_platform("users.read"))
async def list_users(
    scope: Scope,
    actor: CurrentActor,
    search: Search = "",
    after: After = "",
    limit: Limit = 100,
) -> Page[UserView]:
    """Every account, deleted ones included, or those that are searched for."""
    users = UserService(scope, actor)
    rows = await users.page(after=place_of(after), limit=limit, search=search.strip())
    return Page(
        data=[UserView.of(row) for row in rows], next=next_page(rows, limit, lambda row: row.id)
    )


@router.get("/admin/users/{user_id}", openapi_extra=permits_platform("users.read"))
async def get_user(user_id: str, scope: Scope, actor: CurrentActor, response: Response) -> UserView:
    """One account."""
    user = await UserService(scope, actor).get(user_id)
    show_version(response, user.version)
    return UserView.of(user)


@router.patch(
    "/admin/users/{user_id}",
    openapi_extra=permits_platform("users.write"),
    dependencies=[require_step_up],
)
async def change_user(
    user_id: str,
    wanted: UserPatch,
    scope: Scope,
    actor: CurrentActor,
    response: Response,
    if_match: IfMatch = None,
) -> UserView:
    """Suspend an account, let it act again, or give it a platform role. Not one's own."""
    if user_id == actor.user_id:
        raise OwnAccount("another platform admin must do this for you")
    users = UserService(scope, actor)
    user = await users.locked(user_id)
    must_match(if_match, user.version)
    if "platform_role" in wanted.model_fields_set:
        actor.must("platform_roles.write")
        role = wanted.platform_role
        await users.set_platform_role(user, None if role is None else Role(role.value))
    if "status" in wanted.model_fields_set:
        await users.set_status(user, UserStatus(wanted.status.value))
        if wanted.status is AccountStatus.SUSPENDED:
            await SessionService(scope).end_all(user.id)
    show_version(response, user.version)
    return UserView.of(user)
