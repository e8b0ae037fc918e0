"""What the operator's own tools ask of the store, beside what the API has."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from opengateway.control.access import Access, access
from opengateway.control.prices.repository import PriceRepository
from opengateway.control.replies import JsonReply
from opengateway.control.scope import Scope
from opengateway.control.smoke.repository import SmokeRepository

router = APIRouter(tags=["operation"])
_MOST_PRICES = 1_000


@router.get("/operator-teams", openapi_extra=access(Access.INTERNAL))
async def operator_teams(scope: Scope) -> Response:
    """The operator's own teams, which are not among customers' figures."""
    return JsonReply({"data": list(await SmokeRepository(scope.session).operator_team_ids())})


@router.get("/new-prices", openapi_extra=access(Access.INTERNAL))
async def new_prices(scope: Scope, since_ns: Annotated[int, Query(ge=0, le=2**63 - 1)]) -> Response:
    """Prices that were added to the database since then."""
    rows = await PriceRepository(scope.session).page_of_prices(after="", limit=_MOST_PRICES)
    return JsonReply(
        {
            "data": [
                {"name": row.name, "side": row.side, "created_at_ns": row.created_at_ns}
                for row in rows
                if row.created_at_ns >= since_ns
            ]
        }
    )
