"""Every query on providers and credentials. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import func, select

from opengateway.control.providers.models import CredentialRow, ProviderRow
from opengateway.kit.db import AsyncSession

PLATFORM: Final = "platform"


class ProviderRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, row: ProviderRow | CredentialRow) -> None:
        """Write it now, so that a broken constraint is found here and not at the commit."""
        self._session.add(row)
        await self._session.flush()

    async def remove(self, row: ProviderRow | CredentialRow) -> None:
        await self._session.delete(row)
        await self._session.flush()

    async def provider(self, provider_id: str) -> ProviderRow | None:
        return await self._session.get(ProviderRow, provider_id)

    async def providers(self) -> Sequence[ProviderRow]:
        return (await self._session.scalars(select(ProviderRow).order_by(ProviderRow.id))).all()

    async def count_providers(self) -> int:
        return await self._session.scalar(select(func.count()).select_from(ProviderRow)) or 0

    async def credentials_of(self, owner: str) -> Sequence[CredentialRow]:
        """The platform's, or a team's own."""
        statement = (
            select(CredentialRow).where(CredentialRow.owner == owner).order_by(CredentialRow.id)
        )
        return (await self._session.scalars(statement)).all()

    async def credential(self, owner: str, credential_id: str) -> CredentialRow | None:
        statement = (
            select(CredentialRow)
            .where(CredentialRow.id == credential_id, CredentialRow.owner == owner)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        return await self._session.scalar(statement)

    async def all_credentials(self) -> Sequence[CredentialRow]:
        """Of everybody: for the vault, and for wrapping anew."""
        return (await self._session.scalars(select(CredentialRow).order_by(CredentialRow.id))).all()

    async def count_credentials(self, *, owner: str | None = None) -> int:
        statement = select(func.count()).select_from(CredentialRow)
        if owner is not None:
            statement = statement.where(CredentialRow.owner == owner)
        return await self._session.scalar(statement) or 0

    async def has_credentials(self, provider_id: str) -> bool:
        statement = select(CredentialRow.id).where(CredentialRow.provider_id == provider_id)
        return await self._session.scalar(statement.limit(1)) is not None
