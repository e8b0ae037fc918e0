"""Campaigns and their codes: making, pausing, revoking, and taking back what was not spent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from opengateway.control.actor import Actor
from opengateway.control.conditions import must_match
from opengateway.control.identity.emails import normal_email
from opengateway.control.redeem.models import (
    Batch,
    Campaign,
    CampaignStatus,
    CodeStatus,
    Redemption,
)
from opengateway.control.redeem.repository import RedeemRepository
from opengateway.control.scope import ControlScope
from opengateway.domain.errors import Conflict, InvalidRequest, NotFound
from opengateway.domain.redeem_codes import digest, hint, new_code
from opengateway.ports.ledger_book import Ask

MAX_CODES: Final = 10_000
"""Of one batch."""
MAX_CAMPAIGN_CODES: Final = 1_000_000
CLAW_BACK_AT_ONCE: Final = 200
_DAY_NS: Final = 86_400 * 1_000_000_000


class CampaignTerms(NamedTuple):
    """What a campaign's codes give, to whom and until when. None is no limit."""

    name: str
    amount_nanos: int
    note: str = ""
    starts_at_ns: int | None = None
    ends_at_ns: int | None = None
    max_redemptions: int | None = None
    per_team: int | None = None
    per_user: int | None = None
    new_team_days: int | None = None
    domains: tuple[str, ...] = ()
    credit_days: int | None = None


class CodesMade(NamedTuple):
    batch: Batch
    codes: list[str]


class ClawedBack(NamedTuple):
    """`after` is the last redemption that was looked at; None when all were."""

    redemptions: int
    amount_nanos: int
    after: str | None


class CampaignService:
    """The caller owns the transaction."""

    def __init__(self, scope: ControlScope, actor: Actor) -> None:
        self._scope = scope
        self._actor = actor
        self._rows = RedeemRepository(scope.session)

    async def get(self, campaign_id: str) -> Campaign:
        """Raises `NotFound`."""
        return _found(await self._rows.campaign(campaign_id), campaign_id)

    async def create(self, terms: CampaignTerms) -> Campaign:
        """Raises `InvalidRequest`."""
        now_ns = self._scope.clock.now_ns()
        starts_at_ns = now_ns if terms.starts_at_ns is None else terms.starts_at_ns
        if terms.ends_at_ns is not None and terms.ends_at_ns <= max(starts_at_ns, now_ns):
            raise InvalidRequest("'ends_at_ns' must be after its start and now", param="ends_at_ns")
        domains = tidy_domains(terms.domains)
        campaign = Campaign(
            id=self._scope.new_id("cmp_"),
            name=terms.name,
            note=terms.note,
            zone=self._scope.zone,
            status=CampaignStatus.ACTIVE.value,
            amount_nanos=terms.amount_nanos,
            starts_at_ns=starts_at_ns,
            ends_at_ns=terms.ends_at_ns,
            max_redemptions=terms.max_redemptions,
            per_team=terms.per_team,
            per_user=terms.per_user,
            new_team_ns=_days(terms.new_team_days),
            any_domain=not domains,
            credit_ns=_days(terms.credit_days),
            redeemed=0,
            created_by=self._who,
            created_at_ns=now_ns,
        )
        await self._rows.add(campaign)
        await self._rows.set_domains(campaign.id, domains)
        await self._note("redeem.campaign_created", campaign, after=terms._asdict())
        return campaign

    async def change(
        self, campaign_id: str, changes: dict[str, object], if_match: str | None
    ) -> Campaign:
        """Its name, note, end and total. What its codes give cannot be changed.

        Raises `NotFound`, `InvalidRequest`, `PreconditionFailed`.
        """
        campaign = _found(await self._rows.locked(campaign_id), campaign_id)
        must_match(if_match, campaign.version)
        total = changes.get("max_redemptions")
        if isinstance(total, int) and total < campaign.redeemed:
            raise InvalidRequest(
                f"'max_redemptions' is below the {campaign.redeemed} there were",
                param="max_redemptions",
            )
        before = {name: getattr(campaign, name) for name in changes}
        for name, value in changes.items():
            setattr(campaign, name, value)
        await self._note("redeem.campaign_changed", campaign, before=before, after=changes)
        return campaign

    async def set_status(self, campaign_id: str, status: CampaignStatus) -> Campaign:
        """Raises `NotFound`; `Conflict` for one that was revoked."""
        campaign = _found(await self._rows.locked(campaign_id), campaign_id)
        if campaign.status == status:
            return campaign
        if campaign.status == CampaignStatus.REVOKED:
            raise Conflict("this campaign was revoked, which is for good; make a new one")
        before = {"status": campaign.status}
        campaign.status = status.value
        after: dict[str, object] = {"status": status.value}
        if status is CampaignStatus.REVOKED:
            after["codes"] = await self._rows.revoke(campaign_id)
        await self._note(f"redeem.campaign_{status.value}", campaign, before=before, after=after)
        return campaign

    async def generate(self, campaign_id: str, count: int, max_uses: int) -> CodesMade:
        """New codes, told once. Raises `NotFound`, `Conflict`, `InvalidRequest`."""
        campaign = _found(await self._rows.locked(campaign_id), campaign_id)
        if campaign.status == CampaignStatus.REVOKED:
            raise Conflict("this campaign was revoked; make a new one")
        if await self._rows.count_codes(campaign_id) + count > MAX_CAMPAIGN_CODES:
            raise InvalidRequest(
                f"a campaign has at most {MAX_CAMPAIGN_CODES} codes; make another", param="count"
            )
        scope, now_ns = self._scope, self._scope.clock.now_ns()
        batch = Batch(
            id=scope.new_id("bat_"),
            campaign_id=campaign_id,
            codes=count,
            max_uses=max_uses,
            created_by=self._who,
            created_at_ns=now_ns,
        )
        await self._rows.add(batch)
        codes = [new_code() for _ in range(count)]
        pepper = scope.pepper
        await self._rows.add_codes(
            [
                {
                    "id": scope.new_id("cod_"),
                    "digest": digest(code, pepper.secret),
                    "pepper_version": pepper.version,
                    "campaign_id": campaign_id,
                    "batch_id": batch.id,
                    "hint": hint(code),
                    "status": CodeStatus.ACTIVE.value,
                    "max_uses": max_uses,
                    "uses": 0,
                    "created_at_ns": now_ns,
                }
                for code in codes
            ]
        )
        made = {"batch_id": batch.id, "codes": count, "max_uses": max_uses}
        await self._note("redeem.codes_generated", campaign, after=made)
        return CodesMade(batch, codes)

    async def revoke_codes(
        self, campaign_id: str, *, code_id: str | None = None, batch_id: str | None = None
    ) -> int:
        """One code, or those of a batch. How many were active. Raises `NotFound`."""
        campaign = _found(await self._rows.locked(campaign_id), campaign_id)
        if code_id is not None and await self._rows.code(campaign_id, code_id) is None:
            raise NotFound(f"there is no code {code_id!r} in this campaign", param="code_id")
        count = await self._rows.revoke(campaign_id, code_id=code_id, batch_id=batch_id)
        revoked = {"code_id": code_id, "batch_id": batch_id, "codes": count}
        await self._note("redeem.codes_revoked", campaign, after=revoked)
        return count

    async def claw_back(
        self, campaign_id: str, reason: str, *, after: str, limit: int = CLAW_BACK_AT_ONCE
    ) -> ClawedBack:
        """Take what is left of the credit of some redemptions, and is not held by running requests.

        Nothing is taken of any other credit. May be asked again: what was held may be free by then.
        Raises `NotFound`.
        """
        campaign = _found(await self._rows.campaign(campaign_id), campaign_id)
        found = await self._rows.redemptions(campaign_id=campaign_id, after=after, limit=limit)
        count = taken = 0
        # By team: the ledger locks teams in the order of their ids.
        for row in sorted(found, key=lambda r: (r.team_id, r.id)):
            if amount := await self._take_back(row, reason):
                count, taken = count + 1, taken + amount
        told = {"redemptions": count, "amount_nanos": taken}
        await self._note("redeem.clawed_back", campaign, after=told, reason=reason)
        return ClawedBack(count, taken, found[-1].id if len(found) == limit else None)

    async def _take_back(self, row: Redemption, reason: str) -> int:
        ref = self._scope.new_id(f"{row.id[:40]}:")
        ask = Ask(ref, self._who, f"redeemed credit taken back: {reason}")
        booked = await self._scope.ledger.credits.take_back(row.team_id, row.grant_id, ask)
        if booked is None:
            return 0
        # Added by the store: two may take back at once.
        await self._rows.add_taken_back(row.id, booked.amount)
        return booked.amount

    async def newest(self, *, before: str, limit: int) -> Sequence[Campaign]:
        return await self._rows.campaigns(before=before, limit=limit)

    async def domains(self, campaigns: Sequence[Campaign]) -> dict[str, list[str]]:
        return await self._rows.domains([campaign.id for campaign in campaigns])

    @property
    def rows(self) -> RedeemRepository:
        return self._rows

    @property
    def _who(self) -> str:
        return self._actor.user_id or self._actor.key_id or self._actor.kind.value

    async def _note(
        self,
        action: str,
        campaign: Campaign,
        *,
        before: object = None,
        after: object = None,
        reason: str | None = None,
    ) -> None:
        await self._scope.audit(
            self._actor, action, object_id=campaign.id, before=before, after=after, reason=reason
        )


def tidy_domains(domains: Sequence[str]) -> list[str]:
    """As addresses have them: lower case, in ASCII. Raises `InvalidRequest`."""
    found = set()
    for domain in domains:
        try:
            found.add(normal_email(f"x@{domain}").rpartition("@")[2])
        except InvalidRequest:
            raise InvalidRequest(
                f"{domain[:80]!r} is no domain; expected one such as example.com", param="domains"
            ) from None
    return sorted(found)


def _found(campaign: Campaign | None, campaign_id: str) -> Campaign:
    if campaign is None:
        raise NotFound(f"there is no campaign {campaign_id!r}", param="campaign_id")
    return campaign


def _days(days: int | None) -> int | None:
    return None if days is None else days * _DAY_NS
