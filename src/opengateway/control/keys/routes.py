"""API keys over HTTP: a team's own, the operator's short forms, and the whole table for gateways."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from opengateway.control.access import Access, access, permits
from opengateway.control.actor import CurrentActor
from opengateway.control.bodies import Page
from opengateway.control.changes.repository import ChangeRepository
from opengateway.control.changes.routes import Changes
from opengateway.control.conditions import IfMatch, show_version
from opengateway.control.idempotency.edge import keep_instead
from opengateway.control.keys.playground import PlaygroundKeys
from opengateway.control.keys.schemas import (
    IssuedKey,
    KeyPatch,
    KeyView,
    KeyWish,
    MadeKey,
    NewKey,
    PlaygroundKey,
    Rotation,
)
from opengateway.control.keys.service import KeyService
from opengateway.control.memberships.states import team_states
from opengateway.control.paging import After, Limit, next_page, place_of
from opengateway.control.replies import JsonReply
from opengateway.control.scope import Scope

router = APIRouter(tags=["keys"])
internal = APIRouter(tags=["keys"])


async def _key_service(scope: Scope, changes: Changes, actor: CurrentActor) -> KeyService:
    return KeyService(scope, changes, actor)


Keys = Annotated[KeyService, Depends(_key_service)]
_ONE = "/teams/{team_id}/keys/{key_id}"


@router.get("/teams/{team_id}/keys", openapi_extra=permits("keys.read"))
async def list_team_keys(
    team_id: str, keys: Keys, after: After = "", limit: Limit = 100
) -> Page[KeyView]:
    """A team's keys, oldest first, revoked ones included."""
    rows = await keys.list(team_id, after=place_of(after), limit=limit)
    return Page(
        data=[KeyView.of(row) for row in rows], next=next_page(rows, limit, lambda row: row.id)
    )


@router.post("/teams/{team_id}/keys", status_code=201, openapi_extra=permits("keys.create"))
async def create_team_key(
    team_id: str, wanted: KeyWish, keys: Keys, request: Request, response: Response
) -> MadeKey:
    """Make a key. Its secret is in this answer and nowhere else, ever."""
    key, secret = await keys.create(team_id, wanted.name, wanted.kind, wanted.terms())
    show_version(response, key.version)
    keep_instead(request, MadeKey.with_secret(key, None))
    return MadeKey.with_secret(key, secret)


@router.get(_ONE, openapi_extra=permits("keys.read"))
async def get_team_key(team_id: str, key_id: str, keys: Keys, response: Response) -> KeyView:
    """One key."""
    key = await keys.get(team_id, key_id)
    show_version(response, key.version)
    return KeyView.of(key)


@router.patch(_ONE, openapi_extra=permits("keys.update"))
async def change_team_key(
    team_id: str,
    key_id: str,
    wanted: KeyPatch,
    keys: Keys,
    response: Response,
    if_match: IfMatch = None,
) -> KeyView:
    """Change a key. Gateways follow within seconds."""
    key = await keys.change(team_id, key_id, wanted.columns(), if_match=if_match)
    show_version(response, key.version)
    return KeyView.of(key)


@router.delete(_ONE, status_code=204, openapi_extra=permits("keys.revoke"))
async def revoke_team_key(team_id: str, key_id: str, keys: Keys, if_match: IfMatch = None) -> None:
    """Revoke a key, for ever. Gateways refuse it within seconds. Twice is once."""
    await keys.revoke_in(team_id, key_id, if_match=if_match)


@router.post(_ONE + "/rotate", openapi_extra=permits("keys.rotate"))
async def rotate_team_key(
    team_id: str,
    key_id: str,
    wanted: Rotation,
    keys: Keys,
    request: Request,
    response: Response,
    if_match: IfMatch = None,
) -> MadeKey:
    """Give a key a new secret. The one before is taken until `old_until_ns`; a second rotation ends
    that at once."""
    key, secret = await keys.rotate(team_id, key_id, overlap_s=wanted.overlap_s, if_match=if_match)
    show_version(response, key.version)
    keep_instead(request, MadeKey.with_secret(key, None))
    return MadeKey.with_secret(key, secret)


@router.post("/teams/{team_id}/playground-key", openapi_extra=permits("keys.create"))
async def issue_playground_key(
    team_id: str, scope: Scope, changes: Changes, actor: CurrentActor, request: Request
) -> PlaygroundKey:
    """A key for an hour, for the page in which the signed-in member tries models. It is the member's
    one such key, under every limit of the team and of the member."""
    key, secret = await PlaygroundKeys(scope, changes, actor).issue(team_id)
    assert key.expires_at_ns is not None
    keep_instead(request, PlaygroundKey(id=key.id, key=None, expires_at_ns=key.expires_at_ns))
    return PlaygroundKey(id=key.id, key=secret, expires_at_ns=key.expires_at_ns)


@internal.post("/keys", status_code=201, openapi_extra=access(Access.INTERNAL))
async def issue_key(wanted: NewKey, keys: Keys) -> IssuedKey:
    """Issue a key. Its secret is in this answer and nowhere else, ever."""
    key, secret = await keys.issue(team=wanted.team, name=wanted.name, management=wanted.management)
    return IssuedKey(id=key.id, key=secret, team_id=key.team_id)


@internal.get("/keys", openapi_extra=access(Access.INTERNAL))
async def list_keys(
    keys: Keys,
    team: Annotated[str, Query(min_length=1, max_length=200)],
    after: After = "",
    limit: Limit = 100,
) -> Page[KeyView]:
    """A team's keys, oldest first, revoked ones included."""
    rows = await keys.list_named(team, after=place_of(after), limit=limit)
    return Page(
        data=[KeyView.of(row) for row in rows], next=next_page(rows, limit, lambda row: row.id)
    )


@internal.delete("/keys/{key_id}", status_code=204, openapi_extra=access(Access.INTERNAL))
async def revoke_key(key_id: str, keys: Keys) -> None:
    """Revoke a key. Gateways refuse it within seconds, for ever."""
    await keys.revoke(key_id)


@internal.post("/keys/{key_id}/rotate", openapi_extra=access(Access.INTERNAL))
async def rotate_key(key_id: str, wanted: Rotation, keys: Keys) -> MadeKey:
    """Give a key a new secret."""
    team_id = (await keys.of_any_team(key_id)).team_id
    key, secret = await keys.rotate(team_id, key_id, overlap_s=wanted.overlap_s, if_match=None)
    return MadeKey.with_secret(key, secret)


@internal.get("/key-table", openapi_extra=access(Access.INTERNAL))
async def key_table(scope: Scope, keys: Keys) -> Response:
    """Every live key, every team of which there is something to know, and the number of the change
    up to which that is true."""
    # One read transaction sees one state: the number and the rows belong together.
    seq = await ChangeRepository(scope.session).newest()
    return JsonReply(
        {"seq": seq, "keys": await keys.table(), "teams": await team_states(scope.session)}
    )
