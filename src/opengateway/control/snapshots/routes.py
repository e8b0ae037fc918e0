"""The signed configuration over HTTP."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request, Response

from opengateway.control.access import Access, access
from opengateway.control.replies import MAX_WAIT_S
from opengateway.control.snapshots.board import SnapshotBoard

router = APIRouter(tags=["snapshots"])


async def _board(request: Request) -> SnapshotBoard:
    return cast(SnapshotBoard, request.app.state.snapshot_board)


Board = Annotated[SnapshotBoard, Depends(_board)]


@router.get("/snapshot", openapi_extra=access(Access.INTERNAL))
async def snapshot(
    board: Board,
    after: Annotated[str, Query(max_length=128)] = "",
    wait_s: Annotated[float, Query(ge=0, le=MAX_WAIT_S)] = 0,
) -> Response:
    """The signed configuration, as soon as it is another than `after`; 204 after `wait_s`."""
    found = await board.other_than(after, wait_s)
    if found is None:
        return Response(status_code=204)
    return Response(
        found.blob,
        media_type="application/octet-stream",
        headers={"x-snapshot-version": found.version},
    )


@router.get("/vault", openapi_extra=access(Access.INTERNAL))
async def vault(board: Board, version: Annotated[str, Query(max_length=64)]) -> Response:
    """The sealed credentials that the snapshot in force names; 404 where it names others by now."""
    current = board.current
    if not version or current.vault_version != version:
        return Response(status_code=404)
    return Response(current.vault, media_type="application/octet-stream")
