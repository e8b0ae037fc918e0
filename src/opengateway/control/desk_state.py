"""What a snapshot takes from the desk's tables, at one moment."""

from __future__ import annotations

import msgspec
from sqlalchemy import select

from opengateway.catalog.config import ProviderConfig
from opengateway.catalog.desk import DeskCatalogue, DeskCredential, DeskState
from opengateway.control.offers.state import read_offers
from opengateway.control.providers.models import CredentialRow
from opengateway.control.providers.repository import ProviderRepository
from opengateway.control.teams.models import Team
from opengateway.domain.routing_rules import RoutingPolicy
from opengateway.domain.usage import SpendCap
from opengateway.domain.vault import SealedCredential, new_vault, own_name
from opengateway.kit.db import AsyncSession


async def read_desk(session: AsyncSession, now_ns: int) -> DeskState:
    """Every provider and credential that is in use, and what is set of models and endpoints."""
    rows = ProviderRepository(session)
    providers = {
        row.id: msgspec.convert(row.config, ProviderConfig)
        for row in await rows.providers()
        if not row.disabled
    }
    gone = {row.id for row in await rows.providers() if row.disabled}
    live = await _in_use(session)
    used = [row for row in live if row.provider_id not in gone]
    vault = new_vault(
        SealedCredential(row.id, row.provider_id, _name(row), row.sealed) for row in used
    )
    offers = await read_offers(session, now_ns)
    catalogue = DeskCatalogue(
        providers=providers,
        models=offers.models,
        ended=offers.ended,
        ending=offers.ending,
        credentials=tuple(
            DeskCredential(row.id, row.provider_id, row.name, row.team_id, row.preferred, _cap(row))
            for row in used
        ),
        endpoints=offers.endpoints,
        team_policies=await _team_policies(session),
        vault=vault.version,
    )
    return DeskState(catalogue, vault, offers.next_change_ns)


def _name(row: CredentialRow) -> str:
    return row.name if row.team_id is None else own_name(row.id)


def _cap(row: CredentialRow) -> SpendCap | None:
    if row.spend_cap_nanos is None:
        return None
    return SpendCap(row.spend_cap_nanos, "month" if row.spend_cap_period == "month" else "day")


async def _in_use(session: AsyncSession) -> list[CredentialRow]:
    """Enabled, and not of a team that is gone."""
    statement = (
        select(CredentialRow)
        .outerjoin(Team, Team.id == CredentialRow.team_id)
        .where(CredentialRow.disabled.is_(False), Team.deleted_at_ns.is_(None))
        .order_by(CredentialRow.id)
    )
    return list((await session.scalars(statement)).all())


async def _team_policies(session: AsyncSession) -> dict[str, RoutingPolicy]:
    statement = select(Team.id, Team.routing_policy).where(
        Team.routing_policy.is_not(None), Team.deleted_at_ns.is_(None)
    )
    rows = (await session.execute(statement)).all()
    return {row.id: msgspec.convert(row.routing_policy, RoutingPolicy) for row in rows}
