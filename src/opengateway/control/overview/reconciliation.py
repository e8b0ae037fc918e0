"""Whether records and ledger say the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel
from sqlalchemy import Row, text

from opengateway.control.access import permits_platform
from opengateway.control.bodies import example
from opengateway.control.overview.schemas import usd
from opengateway.control.scope import Scope

router = APIRouter(prefix="/admin", tags=["queues"])
_HOUR_NS = 3600 * 10**9
_SHOWN = 100
_SUMS = text(
    "SELECT count(*) AS requests, coalesce(sum(r.cost_nanos), 0) AS recorded,"
    " coalesce(sum(s.amount), 0) AS booked FROM requests r"
    " LEFT JOIN ledger_settlements s ON s.request_id = r.id"
    " WHERE r.started_at_ns >= :since AND r.started_at_ns < :until"
)
_DIFFERENT = text(
    "SELECT r.id AS id, r.team_id AS team_id, r.cost_nanos AS recorded, s.amount AS booked"
    " FROM requests r LEFT JOIN ledger_settlements s ON s.request_id = r.id"
    " WHERE r.started_at_ns >= :since AND r.started_at_ns < :until"
    " AND r.cost_nanos <> coalesce(s.amount, 0) ORDER BY r.id LIMIT :shown"
)


class Difference(BaseModel):
    request_id: str
    team_id: str
    recorded_usd: str
    booked_usd: str | None


class Reconciliation(BaseModel):
    """What the records of a time say was charged, and what the ledger booked for them. A request
    that ended within the last minute may not be there yet. `billing` false: nothing is booked."""

    model_config = example(
        since_ns=1_764_000_000_000_000_000,
        until_ns=1_764_086_400_000_000_000,
        billing=True,
        requests=120,
        recorded_usd="1.5",
        booked_usd="1.5",
        difference_usd="0",
        differences=[],
    )

    since_ns: int
    until_ns: int
    billing: bool
    requests: int
    recorded_usd: str
    booked_usd: str
    difference_usd: str
    differences: list[Difference]


@router.get("/reconciliation", openapi_extra=permits_platform("ledger.read"))
async def reconcile(
    scope: Scope,
    hours: Annotated[int, Query(ge=1, le=24 * 90, examples=[24])] = 24,
) -> Reconciliation:
    """Whether records and ledger agree on what was charged, request by request."""
    until = scope.clock.now_ns()
    between = {"since": until - hours * _HOUR_NS, "until": until}
    sums = (await scope.session.execute(_SUMS, between)).one()
    rows: Sequence[Row[Any]] = ()
    if scope.billing:
        rows = (await scope.session.execute(_DIFFERENT, {**between, "shown": _SHOWN})).all()
    return Reconciliation(
        since_ns=between["since"],
        until_ns=until,
        billing=scope.billing,
        requests=sums.requests,
        recorded_usd=usd(int(sums.recorded)),
        booked_usd=usd(int(sums.booked)),
        difference_usd=usd(int(sums.recorded) - int(sums.booked)),
        differences=[
            Difference(
                request_id=row.id,
                team_id=row.team_id,
                recorded_usd=usd(row.recorded),
                booked_usd=None if row.booked is None else usd(row.booked),
            )
            for row in rows
        ],
    )
