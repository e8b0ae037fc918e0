"""What the operator's command line asks for when people are locked out, or nobody is there yet."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from opengateway.control.access import Access, access
from opengateway.control.actor import CurrentActor
from opengateway.control.changes.routes import Changes
from opengateway.control.identity.emails import MAX_EMAIL
from opengateway.control.keys.routes import Keys
from opengateway.control.owners.service import Owners
from opengateway.control.scope import Scope

router = APIRouter(tags=["owners"])


class NewAdmin(BaseModel):
    """`again`: the account exists, and its owner is locked out."""

    model_config = ConfigDict(extra="forbid", strict=True)

    email: str = Field(min_length=1, max_length=MAX_EMAIL)
    again: bool = False


class MadeAdmin(BaseModel):
    """`password` is in this answer and nowhere else, ever."""

    user_id: str
    email: str
    password: str = Field(repr=False)


class FirstOwner(BaseModel):
    email: str
    password: str = Field(repr=False)


class FirstStart(BaseModel):
    """The secrets are in this answer and nowhere else, ever. `owner` is null where there is one."""

    id: str
    key: str = Field(repr=False)
    team_id: str
    owner: FirstOwner | None


async def _owners(scope: Scope, changes: Changes, actor: CurrentActor) -> Owners:
    return Owners(scope, changes, actor)


OwnersOf = Annotated[Owners, Depends(_owners)]


@router.post(
    "/first-start",
    status_code=201,
    response_model=FirstStart,
    responses={204: {"description": "There is, or was, a key already."}},
    openapi_extra=access(Access.INTERNAL),
)
async def first_start(keys: Keys, owners: OwnersOf, scope: Scope) -> FirstStart | Response:
    """The first key and the first account of a new installation, once."""
    wants_owner = scope.sign_in.settings.password and not await owners.anybody()
    password, made = await owners.new_password() if wants_owner else ("", "")
    first = await keys.first_start()
    if first is None:
        return Response(status_code=204)
    key, secret = first
    owner = None
    if made:
        user = await owners.first_owner(key.team_id, made)
        owner = FirstOwner(email=user.email, password=password)
    return FirstStart(id=key.id, key=secret, team_id=key.team_id, owner=owner)


@router.post("/admins", status_code=201, openapi_extra=access(Access.INTERNAL))
async def make_admin(wanted: NewAdmin, owners: OwnersOf) -> MadeAdmin:
    """An admin of the platform, or somebody who is locked out, with a new password."""
    password, made = await owners.new_password()
    if wanted.again:
        user = await owners.let_in_again(wanted.email, made)
    else:
        user = await owners.admin(wanted.email, made)
    return MadeAdmin(user_id=user.id, email=user.email, password=password)
