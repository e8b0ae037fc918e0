"""How the house is put together, and what waits in it."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy import func, select

from opengateway import __version__
from opengateway.control.access import permits_platform
from opengateway.control.approvals.models import Approval, ApprovalState
from opengateway.control.bodies import example
from opengateway.control.mail.models import OutgoingMail
from opengateway.control.providers.tools import Desk
from opengateway.control.scope import ControlScope, Scope
from opengateway.control.settler.models import JournalGateway, OpenRequest
from opengateway.control.webhooks.models import WebhookDelivery

router = APIRouter(prefix="/admin", tags=["figures"])
_SHOWN: Final = 100


class Component(BaseModel):
    slot: str
    use: str


class JournalOfGateway(BaseModel):
    """One start of a gateway, as far as its journal was read. `open_requests` have not ended yet."""

    gateway: str
    first_seen_ns: int
    last_seen_ns: int
    open_requests: int


class Queue(BaseModel):
    """`oldest_ns` is when what waits longest came; null where nothing waits, or nobody knows."""

    name: str
    depth: int
    oldest_ns: int | None


class System(BaseModel):
    model_config = example(
        zone="kr",
        edition="selfhost",
        version="0.1.0",
        snapshot="v1",
        billing=True,
        components=[{"slot": "control_store", "use": "sqlite"}],
        gateways=[],
        queues=[{"name": "mail", "depth": 0, "oldest_ns": None}],
    )

    zone: str
    edition: str
    version: str
    snapshot: str = Field(description="The configuration that is in force.")
    billing: bool
    components: list[Component]
    gateways: list[JournalOfGateway] = Field(description="Those that run, or are not read out yet.")
    queues: list[Queue]


@router.get("/system", openapi_extra=permits_platform("system.read"))
async def system(scope: Scope, desk: Desk) -> System:
    """The zone, its edition and parts, the gateways whose journals are read, and what waits."""
    snapshot = desk.publisher.snapshot
    pending = WebhookDelivery.state == "pending"
    failed = WebhookDelivery.state == "failed"
    waits = Approval.state == ApprovalState.PENDING.value
    return System(
        zone=scope.zone,
        edition=desk.zone.edition,
        version=__version__,
        snapshot="" if snapshot is None else snapshot.version,
        billing=scope.billing,
        components=[Component(slot=s, use=use) for s, use in desk.zone.components.items()],
        gateways=await _gateways(scope),
        queues=[
            await _queue(scope, "open_requests", OpenRequest),
            await _queue(
                scope, "webhooks", WebhookDelivery, WebhookDelivery.created_at_ns, pending
            ),
            await _queue(
                scope, "webhooks_failed", WebhookDelivery, WebhookDelivery.created_at_ns, failed
            ),
            await _queue(scope, "mail", OutgoingMail, OutgoingMail.created_at_ns),
            await _queue(
                scope,
                "approvals",
                Approval,
                Approval.asked_at_ns,
                waits,
                Approval.expires_at_ns > scope.clock.now_ns(),
            ),
        ],
    )


async def _gateways(scope: ControlScope) -> list[JournalOfGateway]:
    open_now = (
        select(func.count())
        .where(OpenRequest.gateway == JournalGateway.gateway)
        .correlate(JournalGateway)
        .scalar_subquery()
    )
    statement = (
        select(
            JournalGateway.gateway,
            JournalGateway.first_seen_ns,
            JournalGateway.last_seen_ns,
            open_now,
        )
        .where(JournalGateway.finished_at_ns.is_(None))
        .order_by(JournalGateway.last_seen_ns.desc())
        .limit(_SHOWN)
    )
    rows = await scope.session.execute(statement)
    return [
        JournalOfGateway(gateway=g, first_seen_ns=first, last_seen_ns=last, open_requests=n)
        for g, first, last, n in rows
    ]


async def _queue(
    scope: ControlScope, name: str, table: type[Any], came: Any = None, *holds: Any
) -> Queue:
    oldest = func.min(came) if came is not None else None
    columns = [func.count(), *([] if oldest is None else [oldest])]
    statement = select(*columns).select_from(table).where(*holds)
    row = (await scope.session.execute(statement)).one()
    return Queue(name=name, depth=row[0], oldest_ns=row[1] if oldest is not None else None)
