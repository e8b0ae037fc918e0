"""Every query on campaigns, codes and redemptions. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import delete, func, insert, select, update

from opengateway.control.redeem import statements as sql
from opengateway.control.redeem.models import (
    Batch,
    Campaign,
    CampaignDomain,
    Code,
    CodeStatus,
    Redemption,
)
from opengateway.kit import bulk
from opengateway.kit.db import AsyncSession

Row = Campaign | Batch | Redemption


class Attempt(NamedTuple):
    """Who wants to redeem what. `age_ns` is the team's; `domain` "" where none is known."""

    digest: bytes
    zone: str
    now_ns: int
    team_id: str
    age_ns: int
    who_id: str
    is_person: bool
    domain: str


class Taken(NamedTuple):
    code_id: str
    campaign_id: str
    uses: int
    hint: str
    amount_nanos: int
    credit_ns: int | None


class RedeemRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def take(self, attempt: Attempt) -> Taken | None:
        """Count the redemption everywhere it counts; None where it is refused anywhere. The caller
        undoes all of it then, by ending the transaction."""
        await self._session.flush()
        code = await self._first(sql.TAKE_CODE.once(attempt.digest))
        campaign_id = code[1] if code is not None else ""
        at_ns, person = attempt.now_ns, int(attempt.is_person)
        campaign = await self._first(
            sql.COUNT_CAMPAIGN.once(
                *(campaign_id, attempt.zone, at_ns, at_ns, attempt.age_ns, person, attempt.domain)
            )
        )
        team = await self._first(sql.COUNT_TEAM.once(attempt.team_id, campaign_id))
        who = await self._first(sql.COUNT_USER.once(attempt.who_id, campaign_id))
        if code is None or campaign is None or team is None or who is None:
            return None
        return Taken(code[0], campaign_id, code[2], code[3], campaign[0], campaign[1])

    async def _first(self, call: bulk.Call) -> bulk.Row | None:
        (done,) = await bulk.run(self._session, [call])
        return done.rows[0] if done.rows else None

    async def add(self, row: Row) -> None:
        """Write it now, so that a broken constraint is found here and not at the commit."""
        self._session.add(row)
        await self._session.flush()

    async def add_codes(self, rows: Sequence[dict[str, Any]]) -> None:
        await self._session.execute(insert(Code), rows)

    async def set_domains(self, campaign_id: str, domains: Sequence[str]) -> None:
        await self._session.flush()
        of_campaign = CampaignDomain.campaign_id == campaign_id
        await self._session.execute(delete(CampaignDomain).where(of_campaign))
        if domains:
            rows = [{"campaign_id": campaign_id, "domain": domain} for domain in domains]
            await self._session.execute(insert(CampaignDomain), rows)

    async def domains(self, campaign_ids: Sequence[str]) -> dict[str, list[str]]:
        statement = (
            select(CampaignDomain)
            .where(CampaignDomain.campaign_id.in_(campaign_ids))
            .order_by(CampaignDomain.domain)
        )
        found: dict[str, list[str]] = {campaign_id: [] for campaign_id in campaign_ids}
        for row in await self._session.scalars(statement):
            found[row.campaign_id].append(row.domain)
        return found

    async def campaign(self, campaign_id: str) -> Campaign | None:
        return await self._session.get(Campaign, campaign_id)

    async def flush(self) -> None:
        """A version is counted as its row is written."""
        await self._session.flush()

    async def locked(self, campaign_id: str) -> Campaign | None:
        """The campaign, of which nothing is redeemed until this transaction ends."""
        statement = (
            select(Campaign)
            .where(Campaign.id == campaign_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        return await self._session.scalar(statement)

    async def campaigns(self, *, before: str, limit: int) -> Sequence[Campaign]:
        """Newest first."""
        statement = select(Campaign).order_by(Campaign.id.desc()).limit(limit)
        if before:
            statement = statement.where(Campaign.id < before)
        return (await self._session.scalars(statement)).all()

    async def count_codes(self, campaign_id: str) -> int:
        statement = select(func.count()).select_from(Code).where(Code.campaign_id == campaign_id)
        return await self._session.scalar(statement) or 0

    async def batches(self, campaign_id: str, *, after: str, limit: int) -> Sequence[Batch]:
        statement = (
            select(Batch)
            .where(Batch.campaign_id == campaign_id, Batch.id > after)
            .order_by(Batch.id)
            .limit(limit)
        )
        return (await self._session.scalars(statement)).all()

    async def code(self, campaign_id: str, code_id: str) -> Code | None:
        statement = select(Code).where(Code.id == code_id, Code.campaign_id == campaign_id)
        return await self._session.scalar(statement)

    async def code_of(self, digest: bytes) -> Code | None:
        return await self._session.scalar(select(Code).where(Code.digest == digest))

    async def codes(
        self, campaign_id: str, *, batch_id: str | None, after: str, limit: int
    ) -> Sequence[Code]:
        statement = select(Code).where(Code.campaign_id == campaign_id, Code.id > after)
        if batch_id is not None:
            statement = statement.where(Code.batch_id == batch_id)
        return (await self._session.scalars(statement.order_by(Code.id).limit(limit))).all()

    async def revoke(
        self, campaign_id: str, *, code_id: str | None = None, batch_id: str | None = None
    ) -> int:
        """Of a campaign, all of its codes that are active, or those named. How many."""
        statement = (
            update(Code)
            .where(Code.campaign_id == campaign_id, Code.status == CodeStatus.ACTIVE.value)
            .values(status=CodeStatus.REVOKED.value)
            .returning(Code.id)
        )
        if code_id is not None:
            statement = statement.where(Code.id == code_id)
        if batch_id is not None:
            statement = statement.where(Code.batch_id == batch_id)
        return len((await self._session.scalars(statement)).all())

    async def redemptions(
        self, *, after: str, limit: int, campaign_id: str | None = None, team_id: str | None = None
    ) -> Sequence[Redemption]:
        """By id, which is by age."""
        statement = select(Redemption).where(Redemption.id > after)
        if campaign_id is not None:
            statement = statement.where(Redemption.campaign_id == campaign_id)
        if team_id is not None:
            statement = statement.where(Redemption.team_id == team_id)
        statement = statement.order_by(Redemption.id).limit(limit)
        return (await self._session.scalars(statement)).all()

    async def add_taken_back(self, redemption_id: str, amount: int) -> None:
        column = Redemption.taken_back_nanos
        await self._session.execute(
            update(Redemption)
            .where(Redemption.id == redemption_id)
            .values(taken_back_nanos=column + amount)
            .execution_options(synchronize_session=False)
        )
