"""Every query on `prices`, `price_overrides` and `fx_rates`. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from opengateway.control.prices.models import FxRateRow, Price, PriceOverride
from opengateway.kit.db import AsyncSession

Dated = Price | PriceOverride | FxRateRow


class PriceRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, row: Dated) -> None:
        """Write it now, so that a broken constraint is found here and not at the commit."""
        self._session.add(row)
        await self._session.flush()

    async def has_price(self, name: str) -> bool:
        return await self._session.scalar(select(Price.id).where(Price.name == name)) is not None

    async def has_fx_rate(self, name: str) -> bool:
        statement = select(FxRateRow.id).where(FxRateRow.name == name)
        return await self._session.scalar(statement) is not None

    async def count(self, table: type[Dated]) -> int:
        return await self._session.scalar(select(func.count()).select_from(table)) or 0

    async def all_prices(self) -> Sequence[Price]:
        return (await self._session.scalars(select(Price).order_by(Price.id))).all()

    async def all_overrides(self) -> Sequence[PriceOverride]:
        statement = select(PriceOverride).order_by(PriceOverride.id)
        return (await self._session.scalars(statement)).all()

    async def all_fx_rates(self) -> Sequence[FxRateRow]:
        return (await self._session.scalars(select(FxRateRow).order_by(FxRateRow.id))).all()

    async def page_of_prices(self, *, after: str, limit: int) -> Sequence[Price]:
        """By id, which is by age."""
        statement = select(Price).where(Price.id > after).order_by(Price.id).limit(limit)
        return (await self._session.scalars(statement)).all()

    async def page_of_overrides(
        self, *, team_id: str | None, after: str, limit: int
    ) -> Sequence[PriceOverride]:
        statement = select(PriceOverride).where(PriceOverride.id > after)
        if team_id is not None:
            statement = statement.where(PriceOverride.team_id == team_id)
        statement = statement.order_by(PriceOverride.id).limit(limit)
        return (await self._session.scalars(statement)).all()

    async def page_of_fx_rates(self, *, after: str, limit: int) -> Sequence[FxRateRow]:
        statement = (
            select(FxRateRow).where(FxRateRow.id > after).order_by(FxRateRow.id).limit(limit)
        )
        return (await self._session.scalars(statement)).all()
