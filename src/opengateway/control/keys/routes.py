"""API keys over HTTP, and the whole table for gateways."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from opengateway.control.access import Access, access
from opengateway.control.changes.repository import ChangeRepository
from opengateway.control.changes.routes import Changes
from opengateway.control.keys.schemas import IssuedKey, KeyPage, KeyView, NewKey
from opengateway.control.keys.service import KeyService
from opengateway.control.replies import JsonReply
from opengateway.control.scope import Scope

router = APIRouter(tags=["keys"])


async def _key_service(scope: Scope, changes: Changes) -> KeyService:
    return KeyService(scope, changes)


Keys = Annotated[KeyService, Depends(_key_service)]


@router.post("/keys", status_code=201, openapi_extra=access(Access.INTERNAL))
async def issue_key(wanted: NewKey, keys: Keys) -> IssuedKey:
    """Issue a key. Its secret is in this answer and nowhere else, ever."""
    key, secret = await keys.issue(team=wanted.team, name=wanted.name, management=wanted.management)
    return IssuedKey(id=key.id, key=secret, team_id=key.team_id)


@router.get("/keys", openapi_extra=access(Access.INTERNAL))
async def list_keys(
    keys: Keys,
    team: Annotated[str, Query(min_length=1, max_length=200)],
    after: Annotated[str, Query(max_length=64)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> KeyPage:
    """A team's keys, oldest first, revoked ones included."""
    found = await keys.list(team=team, after=after, limit=limit)
    following = found[-1].id if len(found) == limit else None
    return KeyPage(data=[KeyView.of(key) for key in found], next=following)


@router.delete("/keys/{key_id}", status_code=204, openapi_extra=access(Access.INTERNAL))
async def revoke_key(key_id: str, keys: Keys) -> None:
    """Revoke a key. Gateways refuse it within seconds, for ever."""
    await keys.revoke(key_id)


@router.post(
    "/first-start",
    status_code=201,
    response_model=IssuedKey,
    responses={204: {"description": "There is, or was, a key already."}},
    openapi_extra=access(Access.INTERNAL),
)
async def first_start(keys: Keys) -> IssuedKey | Response:
    """The first key of a new installation, once."""
    made = await keys.first_start()
    if made is None:
        return Response(status_code=204)
    key, secret = made
    return IssuedKey(id=key.id, key=secret, team_id=key.team_id)


@router.get("/key-table", openapi_extra=access(Access.INTERNAL))
async def key_table(scope: Scope, keys: Keys) -> Response:
    """Every live key, and the number of the change up to which that is true."""
    # One read transaction sees one state: the number and the rows belong together.
    seq = await ChangeRepository(scope.session).newest()
    return JsonReply({"seq": seq, "keys": await keys.table()})
