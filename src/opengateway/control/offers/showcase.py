"""What is served, for people: a team's models, and where a request would go and why."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from opengateway.control.access import permits, permits_platform
from opengateway.control.bodies import input_example
from opengateway.control.providers.tools import Desk
from opengateway.control.replies import JsonReply
from opengateway.control.scope import ControlScope, Scope
from opengateway.domain.chat import ProviderPreferences
from opengateway.domain.request_log import Group, LogFilter

team = APIRouter(prefix="/teams/{team_id}", tags=["models"])
admin = APIRouter(prefix="/admin", tags=["catalogue"])

_HOUR_NS: Final = 3600 * 10**9
_LATELY_NS: Final = 24 * _HOUR_NS
_ENOUGH: Final = 20
"""Of fewer requests a share says nothing, and could tell of somebody's."""
_MOST_PROVIDERS: Final = 200
_MEDIAN: Final = (50.0,)

ModelName = Annotated[
    str,
    Query(min_length=1, max_length=256, pattern=r"^[^\x00]+$", examples=["openai/gpt-4o"]),
]
Places = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00]+$")]],
    Field(max_length=64),
]


class ServedModels(BaseModel):
    """As `GET /v1/models` gives them."""

    object: str
    data: list[dict[str, Any]]


class ServedEndpoints(BaseModel):
    """As `GET /v1/models/{model}/endpoints` gives them, each with `lately`: how the whole zone's
    requests to this model at that provider went in the last day; null where they were few."""

    data: dict[str, Any]


class NewExplanation(BaseModel):
    """A request that is not sent. Lists and switches are as in its `provider` object; `team_id` adds
    the team's own keys, prices and routing policy."""

    model_config = input_example(model="openai/gpt-4o", only=[], ignore=[], zdr=True)

    model: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00]+$")]
    team_id: Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9_-]*$")] = ""
    only: Places = []
    ignore: Places = []
    order: Places = []
    zdr: bool = False
    deny_data_collection: bool = False


class ExplainedCandidate(BaseModel):
    endpoint: str
    model: str
    band: str = Field(description="How well it is: well, degraded, poor, full, half_open, out...")
    expected: float
    tier: int
    in_flight: int
    first_token_ms: int | None
    priority: int
    usd_per_million: str = Field(description="Three parts input and one part output.")
    out_for: list[str] = []


class ExplainedExclusion(BaseModel):
    endpoint: str
    model: str
    by: str


class ExplainedError(BaseModel):
    status: int
    code: str
    message: str


class Explanation(BaseModel):
    """Candidates in the order in which they would be tried. `error` where nobody can serve it."""

    requested: str
    zone: str
    model: str | None = None
    strategy: str | None = None
    candidates: list[ExplainedCandidate] = []
    excluded: list[ExplainedExclusion] = []
    error: ExplainedError | None = None
    excluded_by: list[str] = []
    alternatives: list[str] = []


@team.get("/models", openapi_extra=permits("team.read"), response_model=ServedModels)
async def list_team_models(team_id: str, desk: Desk) -> Response:
    """The models that this team is served: what `/v1/models` says to a key of the team."""
    snapshot, gateway = desk.shown()
    return JsonReply(gateway.models(snapshot, team_id))


@team.get("/model-endpoints", openapi_extra=permits("team.read"), response_model=ServedEndpoints)
async def list_team_model_endpoints(
    team_id: str, model: ModelName, scope: Scope, desk: Desk
) -> Response:
    """Who serves one model, at what price, and how that went lately."""
    snapshot, gateway = desk.shown()
    found = gateway.endpoints(snapshot, team_id, model)
    lately = await _lately(scope, found["data"]["id"])
    for row in found["data"]["endpoints"]:
        row["lately"] = lately.get(row["provider_id"])
    return JsonReply(found)


async def _lately(scope: ControlScope, model_id: str) -> dict[str, dict[str, Any]]:
    from_ns = (scope.clock.now_ns() - _LATELY_NS) // _HOUR_NS * _HOUR_NS
    wanted = LogFilter(model=model_id, from_ns=from_ns)
    by = (Group.PROVIDER,)
    sums = await scope.event_log.usage(wanted, by, limit=_MOST_PROVIDERS)
    times = await scope.event_log.latencies(wanted, by, _MEDIAN, limit=_MOST_PROVIDERS)
    first = {line.by[0]: line.first_token_ms[0] for line in times}
    return {
        str(line.by[0]): {
            "answered_share": round(1 - line.sums.failed / line.sums.requests, 4),
            "first_token_ms": first.get(line.by[0]),
        }
        for line in sums
        if line.sums.requests >= _ENOUGH
    }


@admin.post("/route-explanations", openapi_extra=permits_platform("catalogue.read"))
async def explain_route(wanted: NewExplanation, desk: Desk) -> Explanation:
    """Where a request would go now, in which order, and why not elsewhere. Nothing is sent."""
    snapshot, gateway = desk.shown()
    wishes = ProviderPreferences(
        only=tuple(wanted.only),
        ignore=tuple(wanted.ignore),
        order=tuple(wanted.order),
        zdr=wanted.zdr,
        deny_data_collection=wanted.deny_data_collection,
    )
    found = gateway.explained(snapshot, wanted.team_id, wanted.model, wishes)
    return Explanation.model_validate(found)
