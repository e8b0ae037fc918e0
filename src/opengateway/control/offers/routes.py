"""Models and endpoints over HTTP, for the operator's people."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from opengateway.control.access import permits_platform
from opengateway.control.actor import CurrentActor
from opengateway.control.bodies import Page
from opengateway.control.conditions import IfMatch, show_version
from opengateway.control.offers.endpoints import EndpointService, EndpointWish
from opengateway.control.offers.repository import OfferRepository
from opengateway.control.offers.schemas import (
    DeprecationList,
    DeprecationView,
    DeskModelView,
    EndpointList,
    EndpointSet,
    EndpointView,
    ModelContent,
    NewDeprecation,
    NewModel,
)
from opengateway.control.offers.service import ModelService
from opengateway.control.offers.smoke import smoked
from opengateway.control.paging import After, Limit, next_page, place_of
from opengateway.control.providers.tools import Desk
from opengateway.control.scope import Scope

router = APIRouter(prefix="/admin", tags=["catalogue"])
_READ = permits_platform("catalogue.read")
_WRITE = permits_platform("catalogue.write")
ModelFilter = Annotated[
    str,
    Query(
        max_length=256,
        pattern=r"^[^\x00]*$",
        description="One model's id; empty for all.",
        examples=[""],
    ),
]
ProviderFilter = Annotated[
    str,
    Query(
        max_length=63,
        pattern=r"^[^\x00]*$",
        description="One provider's id; empty for all.",
        examples=[""],
    ),
]


async def _model_service(scope: Scope, actor: CurrentActor, desk: Desk) -> ModelService:
    return ModelService(scope, actor, desk)


async def _endpoint_service(scope: Scope, actor: CurrentActor, desk: Desk) -> EndpointService:
    return EndpointService(scope, actor, desk)


Models = Annotated[ModelService, Depends(_model_service)]
Endpoints = Annotated[EndpointService, Depends(_endpoint_service)]


@router.get("/models", openapi_extra=_READ)
async def list_desk_models(
    scope: Scope, model: ModelFilter = "", after: After = "", limit: Limit = 100
) -> Page[DeskModelView]:
    """Models of the desk in every state, oldest first. What is served is at `/v1/models`."""
    rows = await OfferRepository(scope.session).page(
        model_id=model, after=place_of(after), limit=limit
    )
    return Page(
        data=[DeskModelView.of(row) for row in rows],
        next=next_page(rows, limit, lambda row: row.id),
    )


@router.post("/models", status_code=201, openapi_extra=_WRITE)
async def draft_model(wanted: NewModel, models: Models, response: Response) -> DeskModelView:
    """Draft a model, or another content of one that is there. Nobody is served by a draft."""
    row = await models.draft(wanted.model_id, wanted.config)
    show_version(response, row.version)
    return DeskModelView.of(row)


@router.get("/models/{desk_model_id}", openapi_extra=_READ)
async def get_desk_model(desk_model_id: str, models: Models, response: Response) -> DeskModelView:
    """One of them."""
    row = await models.get(desk_model_id)
    show_version(response, row.version)
    return DeskModelView.of(row)


@router.put("/models/{desk_model_id}", openapi_extra=_WRITE)
async def change_draft(
    desk_model_id: str,
    wanted: ModelContent,
    models: Models,
    response: Response,
    if_match: IfMatch = None,
) -> DeskModelView:
    """Another content of a draft. What is published is never edited."""
    row = await models.change(desk_model_id, wanted.config, if_match=if_match)
    show_version(response, row.version)
    return DeskModelView.of(row)


@router.delete("/models/{desk_model_id}", status_code=204, openapi_extra=_WRITE)
async def discard_draft(desk_model_id: str, models: Models, if_match: IfMatch = None) -> None:
    """Throw a draft away."""
    await models.discard(desk_model_id, if_match=if_match)


@router.post("/models/{desk_model_id}/smoke", openapi_extra=_WRITE)
async def smoke_model(
    desk_model_id: str, scope: Scope, models: Models, desk: Desk
) -> DeskModelView:
    """Ask each endpoint of a draft something small: real requests, on us."""
    row = await models.get(desk_model_id)
    results = await smoked(scope, desk, await models.compiled(row))
    return DeskModelView.of(await models.keep_smoke(desk_model_id, results))


@router.post("/models/{desk_model_id}/publish", openapi_extra=_WRITE)
async def publish_model(
    desk_model_id: str, models: Models, response: Response, if_match: IfMatch = None
) -> DeskModelView:
    """Serve it, at prices that hold from now on. One that was published before is replaced."""
    row = await models.publish(desk_model_id, if_match=if_match)
    show_version(response, row.version)
    return DeskModelView.of(row)


@router.post("/models/{desk_model_id}/withdraw", openapi_extra=_WRITE)
async def withdraw_model(
    desk_model_id: str, models: Models, response: Response, if_match: IfMatch = None
) -> DeskModelView:
    """Serve it no more, at once. Requests that run end in peace."""
    row = await models.withdraw(desk_model_id, if_match=if_match)
    show_version(response, row.version)
    return DeskModelView.of(row)


@router.get("/deprecations", openapi_extra=_READ)
async def list_deprecations(scope: Scope) -> DeprecationList:
    """Models that end, or have ended."""
    rows = await OfferRepository(scope.session).deprecations()
    return DeprecationList(data=[DeprecationView.of(row) for row in rows])


@router.put("/deprecations", openapi_extra=_WRITE)
async def deprecate_model(wanted: NewDeprecation, models: Models) -> DeprecationView:
    """Let a model end at a time, and say which one follows it: `/v1/models` shows both until then, and
    the error afterwards names the successor."""
    return DeprecationView.of(
        await models.deprecate(wanted.model_id, wanted.ends_at_ns, wanted.successor, wanted.note)
    )


@router.delete("/deprecations", status_code=204, openapi_extra=_WRITE)
async def take_deprecation_back(
    models: Models,
    model: Annotated[str, Query(min_length=1, max_length=256, pattern=r"^[^\x00]+$")],
) -> None:
    """Let it go on."""
    await models.take_back(model)


@router.get("/endpoints", openapi_extra=_READ)
async def list_endpoints(
    endpoints: Endpoints, model: ModelFilter = "", provider: ProviderFilter = ""
) -> EndpointList:
    """Endpoints as they are served now, and those that are drained."""
    found = await endpoints.all(model, provider)
    return EndpointList(data=[EndpointView.of(placed) for placed in found])


@router.put("/endpoints", openapi_extra=_WRITE)
async def set_endpoint(wanted: EndpointSet, endpoints: Endpoints) -> EndpointView:
    """Drain an endpoint, give it another weight or priority, or take all of that back."""
    wish = EndpointWish(wanted.drained, wanted.weight, wanted.priority, wanted.reason, wanted.force)
    return EndpointView.of(await endpoints.set(wanted.endpoint_id, wish))
