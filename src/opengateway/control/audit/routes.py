"""The audit log over HTTP: a team's own part, the whole of it for platform roles, and its proof."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from opengateway.control.access import Access, access, permits, permits_platform
from opengateway.control.audit.checkpoints import Checkpoints
from opengateway.control.audit.models import AuditEntry
from opengateway.control.audit.repository import AuditRepository
from opengateway.control.audit.service import verify_chain
from opengateway.control.bodies import Page, example
from opengateway.control.paging import After, Limit, next_page, number_of
from opengateway.control.replies import JsonReply
from opengateway.control.scope import Scope
from opengateway.kit import json

router = APIRouter(tags=["audit"])
internal = APIRouter(tags=["audit"])


class AuditView(BaseModel):
    """One deed. `before` and `after` hold what changed; `hash` covers the entry and the one before."""

    model_config = example(
        seq=17,
        at_ns=1_764_000_000_000_000_000,
        team_id="team_0192f0c1a2b37c4d8e9fa0b1c2d3e4f6",
        actor={"kind": "user", "user_id": "usr_0192f0c1a2b37c4d8e9fa0b1c2d3e4f7", "role": "owner"},
        action="key.revoked",
        object_id="key_0192f0c1a2b37c4d8e9fa0b1c2d3e4f5",
        before=None,
        after=None,
        reason=None,
        prev_hash="0" * 64,
        hash="9f" * 32,
    )

    seq: int
    at_ns: int
    team_id: str | None
    actor: dict[str, Any]
    action: str
    object_id: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    reason: str | None
    prev_hash: str
    hash: str

    @classmethod
    def of(cls, row: AuditEntry) -> AuditView:
        shown = {name: getattr(row, name) for name in cls.model_fields}
        for name in ("actor", "before", "after"):
            shown[name] = None if shown[name] is None else json.loads(shown[name])
        return cls.model_validate(shown)


@router.get("/teams/{team_id}/audit", openapi_extra=permits("audit.read"))
async def team_audit(
    team_id: str, scope: Scope, after: After = "", limit: Limit = 100
) -> Page[AuditView]:
    """What was done in the team, newest first."""
    rows = await AuditRepository(scope.session).page(
        scope.zone, team_id=team_id, before=number_of(after), limit=limit
    )
    return _page(rows, limit)


@router.get("/admin/audit", openapi_extra=permits_platform("platform_audit.read"))
async def platform_audit(scope: Scope, after: After = "", limit: Limit = 100) -> Page[AuditView]:
    """What was done in the zone, newest first."""
    rows = await AuditRepository(scope.session).page(
        scope.zone, team_id=None, before=number_of(after), limit=limit
    )
    return _page(rows, limit)


@internal.get("/audit/verify", openapi_extra=access(Access.INTERNAL))
async def verify_audit(request: Request, scope: Scope) -> Response:
    """Whether the zone's chain is whole, and fits its signed checkpoints."""
    checkpoints = cast(Checkpoints, request.app.state.parts.checkpoints)
    return JsonReply(await verify_chain(scope.session, scope.zone, checkpoints))


def _page(rows: Sequence[AuditEntry], limit: int) -> Page[AuditView]:
    return Page(
        data=[AuditView.of(row) for row in rows], next=next_page(rows, limit, lambda row: row.seq)
    )
