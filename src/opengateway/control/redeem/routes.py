"""Redeeming a code, for teams; campaigns and codes, for the platform's people and the operator."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from opengateway.control.access import Access, access, permits, permits_named, permits_platform
from opengateway.control.actor import CurrentActor
from opengateway.control.bodies import Page
from opengateway.control.conditions import IfMatch, show_version
from opengateway.control.csv_files import csv_reply, csv_text
from opengateway.control.idempotency.edge import keep_instead
from opengateway.control.identity.caller import CurrentCaller
from opengateway.control.paging import After, Limit, next_page, place_of
from opengateway.control.redeem.campaigns import CampaignService
from opengateway.control.redeem.models import Campaign, CampaignStatus
from opengateway.control.redeem.schemas import (
    AdminRedemptionView,
    BatchView,
    CampaignPatch,
    CampaignView,
    ClawBackView,
    CodesView,
    CodeView,
    CodeWanted,
    FoundCode,
    NewBatch,
    NewCampaign,
    NewClawBack,
    NewOperatorCodes,
    NewRedemption,
    RedemptionView,
    RevokedView,
)
from opengateway.control.redeem.service import RedeemService
from opengateway.control.scope import Scope
from opengateway.control.sessions.web import require_step_up
from opengateway.domain.errors import NotFound
from opengateway.domain.redeem_codes import digest

router = APIRouter(tags=["redeem"])
admin = APIRouter(prefix="/admin/campaigns", tags=["redeem"])
internal = APIRouter(tags=["redeem"])
READS = permits_platform("campaigns.read")
WRITES = permits_platform("campaigns.write")
_EXPORTED = 10_000


async def _campaigns(scope: Scope, actor: CurrentActor) -> CampaignService:
    return CampaignService(scope, actor)


Campaigns = Annotated[CampaignService, Depends(_campaigns)]


@router.post("/redeem", status_code=201, openapi_extra=permits_named("billing.redeem"))
async def redeem(
    wanted: NewRedemption, scope: Scope, actor: CurrentActor, caller: CurrentCaller
) -> RedemptionView:
    """Make a code credit of a team. A code that cannot be redeemed is always refused in the same
    words; after some refusals in a row the next attempt has to wait (429)."""
    made = await RedeemService(scope, actor).redeem(wanted.team_id, wanted.code, caller)
    return RedemptionView.of(made)


@router.get("/teams/{team_id}/redemptions", openapi_extra=permits("billing.read"))
async def list_team_redemptions(
    team_id: str, scope: Scope, actor: CurrentActor, after: After = "", limit: Limit = 100
) -> Page[RedemptionView]:
    """The codes that the team redeemed, oldest first."""
    rows = await RedeemService(scope, actor).of_team(team_id, after=place_of(after), limit=limit)
    return Page(
        data=[RedemptionView.of(row) for row in rows], next=next_page(rows, limit, lambda r: r.id)
    )


@admin.get("", openapi_extra=READS)
async def list_campaigns(
    campaigns: Campaigns, after: After = "", limit: Limit = 100
) -> Page[CampaignView]:
    """Every campaign, newest first."""
    rows = await campaigns.newest(before=place_of(after), limit=limit)
    domains = await campaigns.domains(rows)
    return Page(
        data=[CampaignView.of(row, domains[row.id]) for row in rows],
        next=next_page(rows, limit, lambda r: r.id),
    )


@admin.post("", status_code=201, openapi_extra=WRITES)
async def create_campaign(
    wanted: NewCampaign, campaigns: Campaigns, response: Response
) -> CampaignView:
    """Say what codes give, to whom and until when. Codes are made by a batch."""
    return await _shown(campaigns, await campaigns.create(wanted.terms()), response)


@admin.post("/find-code", openapi_extra=READS)
async def find_code(wanted: CodeWanted, campaigns: Campaigns, scope: Scope) -> FoundCode:
    """What a code that a customer shows is, and whether it was used."""
    found = await campaigns.rows.code_of(digest(wanted.code, scope.pepper.secret))
    if found is None:
        raise NotFound("there is no such code", param="code")
    return FoundCode(**CodeView.of(found).model_dump(), campaign_id=found.campaign_id)


@admin.get("/{campaign_id}", openapi_extra=READS)
async def get_campaign(campaign_id: str, campaigns: Campaigns, response: Response) -> CampaignView:
    return await _shown(campaigns, await campaigns.get(campaign_id), response)


@admin.patch("/{campaign_id}", openapi_extra=WRITES)
async def change_campaign(
    campaign_id: str,
    wanted: CampaignPatch,
    campaigns: Campaigns,
    response: Response,
    if_match: IfMatch = None,
) -> CampaignView:
    """Change its name, note, end or total."""
    changed = await campaigns.change(campaign_id, wanted.changes(), if_match)
    return await _shown(campaigns, changed, response)


@admin.post("/{campaign_id}/pause", openapi_extra=WRITES)
async def pause_campaign(
    campaign_id: str, campaigns: Campaigns, response: Response
) -> CampaignView:
    """Take none of its codes until it is resumed."""
    paused = await campaigns.set_status(campaign_id, CampaignStatus.PAUSED)
    return await _shown(campaigns, paused, response)


@admin.post("/{campaign_id}/resume", openapi_extra=WRITES)
async def resume_campaign(
    campaign_id: str, campaigns: Campaigns, response: Response
) -> CampaignView:
    resumed = await campaigns.set_status(campaign_id, CampaignStatus.ACTIVE)
    return await _shown(campaigns, resumed, response)


@admin.post("/{campaign_id}/revoke", openapi_extra=WRITES)
async def revoke_campaign(
    campaign_id: str, campaigns: Campaigns, response: Response
) -> CampaignView:
    """End it for good: none of its codes is taken any more. Credit that was given stays."""
    revoked = await campaigns.set_status(campaign_id, CampaignStatus.REVOKED)
    return await _shown(campaigns, revoked, response)


@admin.post(
    "/{campaign_id}/batches",
    status_code=201,
    openapi_extra=WRITES,
    dependencies=[require_step_up],
    response_model=CodesView,
)
async def create_batch(
    campaign_id: str,
    wanted: NewBatch,
    campaigns: Campaigns,
    request: Request,
    accept: Annotated[str, Header(max_length=200)] = "",
) -> CodesView | Response:
    """Make codes. They are in this answer and nowhere else; `Accept: text/csv` gives a file."""
    made = await campaigns.generate(campaign_id, wanted.count, wanted.max_uses)
    view = CodesView(campaign_id=campaign_id, batch_id=made.batch.id, codes=made.codes)
    if not accept.startswith("text/csv"):
        return view
    keep_instead(request, view.model_copy(update={"codes": None}))
    reply = csv_reply(f"{made.batch.id}.csv", csv_text(["code"], [[c] for c in made.codes]))
    reply.status_code = 201
    return reply


@admin.get("/{campaign_id}/batches", openapi_extra=READS)
async def list_batches(
    campaign_id: str, campaigns: Campaigns, after: After = "", limit: Limit = 100
) -> Page[BatchView]:
    await campaigns.get(campaign_id)
    rows = await campaigns.rows.batches(campaign_id, after=place_of(after), limit=limit)
    return Page(
        data=[BatchView.of(row) for row in rows], next=next_page(rows, limit, lambda r: r.id)
    )


@admin.post("/{campaign_id}/batches/{batch_id}/revoke", openapi_extra=WRITES)
async def revoke_batch(campaign_id: str, batch_id: str, campaigns: Campaigns) -> RevokedView:
    """Take none of a batch's codes any more."""
    return RevokedView(codes=await campaigns.revoke_codes(campaign_id, batch_id=batch_id))


@admin.get("/{campaign_id}/codes", openapi_extra=READS)
async def list_codes(
    campaign_id: str,
    campaigns: Campaigns,
    batch_id: Annotated[str | None, Query(max_length=64)] = None,
    after: After = "",
    limit: Limit = 100,
) -> Page[CodeView]:
    """Its codes, as far as they are still known: how they begin, and how often they were used."""
    await campaigns.get(campaign_id)
    rows = await campaigns.rows.codes(
        campaign_id, batch_id=batch_id, after=place_of(after), limit=limit
    )
    return Page(
        data=[CodeView.of(row) for row in rows], next=next_page(rows, limit, lambda r: r.id)
    )


@admin.post("/{campaign_id}/codes/{code_id}/revoke", openapi_extra=WRITES)
async def revoke_code(campaign_id: str, code_id: str, campaigns: Campaigns) -> RevokedView:
    return RevokedView(codes=await campaigns.revoke_codes(campaign_id, code_id=code_id))


@admin.get("/{campaign_id}/redemptions", openapi_extra=READS)
async def list_redemptions(
    campaign_id: str, campaigns: Campaigns, after: After = "", limit: Limit = 100
) -> Page[AdminRedemptionView]:
    """Who redeemed what, oldest first."""
    await campaigns.get(campaign_id)
    rows = await campaigns.rows.redemptions(
        campaign_id=campaign_id, after=place_of(after), limit=limit
    )
    return Page(
        data=[AdminRedemptionView.of(row) for row in rows],
        next=next_page(rows, limit, lambda r: r.id),
    )


@admin.get("/{campaign_id}/redemptions.csv", openapi_extra=READS)
async def export_redemptions(campaign_id: str, campaigns: Campaigns, after: After = "") -> Response:
    """The same as a file, 10,000 rows at a time; the header `x-next` is the cursor of what follows."""
    await campaigns.get(campaign_id)
    rows = await campaigns.rows.redemptions(
        campaign_id=campaign_id, after=place_of(after), limit=_EXPORTED
    )
    names = list(AdminRedemptionView.model_fields)
    text = csv_text(names, [[getattr(row, name) for name in names] for row in rows])
    reply = csv_reply(f"{campaign_id}.csv", text)
    if (following := next_page(rows, _EXPORTED, lambda r: r.id)) is not None:
        reply.headers["x-next"] = following
    return reply


@admin.post("/{campaign_id}/claw-back", openapi_extra=WRITES, dependencies=[require_step_up])
async def claw_back(campaign_id: str, wanted: NewClawBack, campaigns: Campaigns) -> ClawBackView:
    """Take back what redeemed credit has left. What was spent stays spent, and no other credit of
    a team is touched. Looks at 200 redemptions at a time."""
    done = await campaigns.claw_back(campaign_id, wanted.reason, after=wanted.after)
    return ClawBackView(**done._asdict())


@internal.post("/redeem/codes", status_code=201, openapi_extra=access(Access.INTERNAL))
async def generate_codes(wanted: NewOperatorCodes, campaigns: Campaigns) -> CodesView:
    """A campaign and codes of it at once, for the command line."""
    campaign = await campaigns.create(wanted.terms())
    made = await campaigns.generate(campaign.id, wanted.count, wanted.max_uses)
    return CodesView(campaign_id=campaign.id, batch_id=made.batch.id, codes=made.codes)


async def _shown(
    campaigns: CampaignService, campaign: Campaign, response: Response
) -> CampaignView:
    await campaigns.rows.flush()
    show_version(response, campaign.version)
    domains = await campaigns.domains([campaign])
    return CampaignView.of(campaign, domains[campaign.id])
