"""Alerts about many teams of one source, for the platform's people."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from opengateway.control.access import permits_platform
from opengateway.control.actor import CurrentActor
from opengateway.control.bodies import Page, example, input_example
from opengateway.control.ledger.schemas import Note
from opengateway.control.newcomers.models import AbuseAlert
from opengateway.control.newcomers.service import Newcomers
from opengateway.control.paging import After, Limit, next_page, place_of
from opengateway.control.scope import Scope

admin = APIRouter(prefix="/admin/abuse-alerts", tags=["abuse"])


class AbuseAlertView(BaseModel):
    """`kind`: many teams were made, or redeemed codes, from one network or one browser. Nothing was
    done about it: an office looks the same."""

    model_config = example(
        id="abu_0193a1b2c3d47e5f8a9b0c1d2e3f4a5b",
        kind="network",
        status="open",
        team_ids=["team_0193a1b2c3d47e5f8a9b0c1d2e3f4a5b"],
        first_at_ns=1_764_000_000_000_000_000,
        last_at_ns=1_764_000_000_000_000_000,
    )

    id: str
    kind: str
    status: str
    team_ids: list[str]
    first_at_ns: int
    last_at_ns: int

    @classmethod
    def of(cls, row: AbuseAlert) -> Self:
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})


class Dismissal(BaseModel):
    model_config = input_example(reason="a university's computer room")

    reason: Note


async def _newcomers(scope: Scope, actor: CurrentActor) -> Newcomers:
    return Newcomers(scope, actor)


Alerts = Annotated[Newcomers, Depends(_newcomers)]


@admin.get("", openapi_extra=permits_platform("abuse.read"))
async def list_abuse_alerts(
    alerts: Alerts,
    status: Annotated[Literal["open", "dismissed"] | None, Query()] = None,
    after: After = "",
    limit: Limit = 100,
) -> Page[AbuseAlertView]:
    """Newest first."""
    rows = await alerts.rows.alerts(status=status, before=place_of(after), limit=limit)
    return Page(
        data=[AbuseAlertView.of(row) for row in rows], next=next_page(rows, limit, lambda r: r.id)
    )


@admin.post("/{alert_id}/dismiss", openapi_extra=permits_platform("abuse.write"))
async def dismiss_abuse_alert(alert_id: str, wanted: Dismissal, alerts: Alerts) -> AbuseAlertView:
    """Somebody looked, and it is well. It opens again where it becomes twice as many."""
    return AbuseAlertView.of(await alerts.dismiss(alert_id, wanted.reason))
