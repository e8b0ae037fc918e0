"""Every query on models of the desk, deprecations and endpoint settings. Nothing here decides."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from opengateway.control.offers.models import (
    DeskModel,
    EndpointSetting,
    ModelDeprecation,
    ModelState,
)
from opengateway.kit.db import AsyncSession

Row = DeskModel | ModelDeprecation | EndpointSetting


class OfferRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, row: Row) -> None:
        """Write it now, so that a broken constraint is found here and not at the commit."""
        self._session.add(row)
        await self._session.flush()

    async def remove(self, row: Row) -> None:
        await self._session.delete(row)
        await self._session.flush()

    async def model(self, row_id: str) -> DeskModel | None:
        statement = (
            select(DeskModel)
            .where(DeskModel.id == row_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        return await self._session.scalar(statement)

    async def published(self, model_id: str) -> DeskModel | None:
        statement = select(DeskModel).where(
            DeskModel.model_id == model_id, DeskModel.state == ModelState.PUBLISHED.value
        )
        return await self._session.scalar(statement.with_for_update())

    async def page(self, *, model_id: str, after: str, limit: int) -> Sequence[DeskModel]:
        statement = select(DeskModel).where(DeskModel.id > after)
        if model_id:
            statement = statement.where(DeskModel.model_id == model_id)
        return (await self._session.scalars(statement.order_by(DeskModel.id).limit(limit))).all()

    async def count(self, table: type[Row]) -> int:
        return await self._session.scalar(select(func.count()).select_from(table)) or 0

    async def deprecation(self, model_id: str) -> ModelDeprecation | None:
        return await self._session.get(ModelDeprecation, model_id)

    async def deprecations(self) -> Sequence[ModelDeprecation]:
        statement = select(ModelDeprecation).order_by(ModelDeprecation.model_id)
        return (await self._session.scalars(statement)).all()

    async def setting(self, endpoint_id: str) -> EndpointSetting | None:
        return await self._session.get(EndpointSetting, endpoint_id)

    async def settings(self) -> Sequence[EndpointSetting]:
        statement = select(EndpointSetting).order_by(EndpointSetting.endpoint_id)
        return (await self._session.scalars(statement)).all()
