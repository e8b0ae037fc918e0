"""Dated prices over HTTP, for the operator's people. Rows are added and read, never changed."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request

from opengateway.catalog.price_book import PriceSide
from opengateway.control.access import permits_platform
from opengateway.control.actor import CurrentActor
from opengateway.control.paging import After, Limit, cursor, following, place_of
from opengateway.control.prices.publisher import PricePublisher
from opengateway.control.prices.repository import PriceRepository
from opengateway.control.prices.schemas import (
    FxRatePage,
    FxRateView,
    NewFxRate,
    NewOverride,
    NewPrice,
    OverridePage,
    OverrideView,
    PriceInForce,
    PricePage,
    PricesInForce,
    PriceView,
)
from opengateway.control.prices.service import PriceService
from opengateway.control.scope import Scope
from opengateway.domain.errors import CapacityError

router = APIRouter(prefix="/admin", tags=["prices"])


async def _publisher(request: Request) -> PricePublisher:
    return cast(PricePublisher, request.app.state.price_publisher)


Publisher = Annotated[PricePublisher, Depends(_publisher)]


async def _price_service(scope: Scope, actor: CurrentActor, publisher: Publisher) -> PriceService:
    return PriceService(scope, actor, publisher.changed)


Prices = Annotated[PriceService, Depends(_price_service)]


@router.get("/prices", openapi_extra=permits_platform("prices.read"))
async def list_prices(scope: Scope, after: After = "", limit: Limit = 100) -> PricePage:
    """Every dated price of the database, oldest first."""
    rows = await PriceRepository(scope.session).page_of_prices(after=place_of(after), limit=limit)
    last = following(rows, limit)
    return PricePage(
        data=[PriceView.of(row) for row in rows], next=None if last is None else cursor(last.id)
    )


@router.post("/prices", status_code=201, openapi_extra=permits_platform("prices.write"))
async def add_price(wanted: NewPrice, prices: Prices) -> PriceView:
    """Add a price that holds from a time on. It goes before the catalogue's, and after the zone
    file's."""
    return PriceView.of(await prices.add_price(PriceSide(wanted.side), wanted.wanted()))


@router.get("/prices/in-force", openapi_extra=permits_platform("prices.read"))
async def prices_in_force(
    publisher: Publisher,
    model: Annotated[
        str, Query(max_length=256, description="One model's id; empty for all.", examples=[""])
    ] = "",
) -> PricesInForce:
    """What teams pay and providers charge now, endpoint by endpoint, and where it comes from."""
    snapshot = publisher.snapshot
    if snapshot is None:
        raise CapacityError("prices are being compiled; ask again in a moment")
    return PricesInForce(
        data=[
            PriceInForce.of(model_id, endpoint)
            for model_id, found in snapshot.models.items()
            if model in ("", model_id)
            for endpoint in found.endpoints
        ]
    )


@router.get("/price-overrides", openapi_extra=permits_platform("prices.read"))
async def list_overrides(
    scope: Scope,
    team_id: Annotated[str | None, Query(max_length=64)] = None,
    after: After = "",
    limit: Limit = 100,
) -> OverridePage:
    """What single teams pay otherwise, oldest first."""
    rows = await PriceRepository(scope.session).page_of_overrides(
        team_id=team_id, after=place_of(after), limit=limit
    )
    last = following(rows, limit)
    return OverridePage(
        data=[OverrideView.of(row) for row in rows],
        next=None if last is None else cursor(last.id),
    )


@router.post("/price-overrides", status_code=201, openapi_extra=permits_platform("prices.write"))
async def add_override(wanted: NewOverride, prices: Prices) -> OverrideView:
    """Set what one team pays from a time on: a percentage on the provider's price, or rates."""
    return OverrideView.of(await prices.add_override(wanted.team_id, wanted.wanted()))


@router.get("/fx-rates", openapi_extra=permits_platform("prices.read"))
async def list_fx_rates(scope: Scope, after: After = "", limit: Limit = 100) -> FxRatePage:
    """Every dated exchange rate, oldest first."""
    rows = await PriceRepository(scope.session).page_of_fx_rates(after=place_of(after), limit=limit)
    last = following(rows, limit)
    return FxRatePage(
        data=[FxRateView.of(row) for row in rows], next=None if last is None else cursor(last.id)
    )


@router.post("/fx-rates", status_code=201, openapi_extra=permits_platform("prices.write"))
async def add_fx_rate(wanted: NewFxRate, prices: Prices) -> FxRateView:
    """Add what a unit of a currency is worth from a time on."""
    return FxRateView.of(
        await prices.add_fx_rate(
            wanted.currency, wanted.effective_from, wanted.source, wanted.usd_per_unit
        )
    )
