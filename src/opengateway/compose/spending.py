"""Putting together prices, alerts and webhooks: what compiles, what runs beside the requests."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from opengateway.catalog.desk import DeskState
from opengateway.catalog.price_book import PricesNow
from opengateway.compose.components import EditionName
from opengateway.compose.zone import Zone, snapshot_of
from opengateway.control.broadcasts.sender import BroadcastSender
from opengateway.control.desk_state import read_desk
from opengateway.control.notifications.announcer import Announcer
from opengateway.control.notifications.chores import NotificationChores
from opengateway.control.prices.publisher import Compile, Compiled, PricePublisher
from opengateway.control.scope import ControlScope
from opengateway.control.snapshots.board import SignedSnapshot, SnapshotBoard
from opengateway.control.spending import SpendingTools
from opengateway.control.webhooks.models import Webhook
from opengateway.control.webhooks.sender import OpenScope, WebhookSender
from opengateway.domain.announcements import EventKind
from opengateway.domain.errors import OperatorError
from opengateway.infra.database import Database
from opengateway.infra.outbound import OutboundLimits
from opengateway.infra.transports import new_transport
from opengateway.kit import chance
from opengateway.kit.addresses import OutboundRules
from opengateway.kit.clock import Clock
from opengateway.kit.log import get_logger
from opengateway.kit.signing import sign
from opengateway.ports.transport import UpstreamTransport

_LIMITS: Final = OutboundLimits(
    connections=40, connections_per_origin=4, opening=40, idle_s=1.0, header_bytes=8 * 1024
)
Job = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class SpendingPlan:
    """What a zone says, resolved. Without `compile_`, the first snapshot stays in force."""

    compile_: Compile | None = None
    rules: OutboundRules = field(default_factory=OutboundRules)
    proxy: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    retention_days: int = 400


def spending_of(zone: Zone, private_key: str) -> SpendingPlan:
    """`private_key` signs snapshots."""

    def compile_(prices: PricesNow, now_ns: int, desk: DeskState) -> Compiled:
        snapshot = snapshot_of(zone, now_ns, prices, desk.catalogue)
        blob = sign(msgspec.json.encode(snapshot), private_key)
        version = desk.vault.version
        vault = sign(msgspec.json.encode(desk.vault), private_key) if version else b""
        return Compiled(SignedSnapshot(snapshot.version, blob, version, vault), snapshot)

    ca_file = zone.outbound.ca_file
    return SpendingPlan(
        compile_=compile_,
        rules=OutboundRules(zone.outbound.allow, walled=zone.edition is EditionName.AIRGAP),
        proxy=zone.outbound.proxy,
        ca_file=Path(ca_file) if ca_file else None,
        retention_days=zone.retention.records_days,
    )


def spending_tools(
    plan: SpendingPlan, board: SnapshotBoard, database: Database, clock: Clock
) -> SpendingTools:
    publisher = PricePublisher(board, plan.compile_, database.read, clock, read_desk)
    return SpendingTools(publisher, plan.rules)


async def first_publication(tools: SpendingTools) -> None:
    """Before anybody is served: what the zone file alone says must not come into force again
    at each start. Where it cannot be compiled, the zone file's does, and the job goes on trying."""
    publisher = tools.publisher
    if publisher.compiles:
        try:
            await publisher.publish()
        except OperatorError as error:
            get_logger(__name__).error("desk_not_published", error=error.message)


def spending_jobs(
    plan: SpendingPlan, tools: SpendingTools, open_scope: OpenScope, clock: Clock
) -> tuple[Job, ...]:
    """What runs beside the requests: snapshots follow the prices, webhooks are called."""

    def outward() -> UpstreamTransport:
        # Made within the loop that runs: a transport belongs to one.
        return new_transport(
            proxy=plan.proxy,
            ca_file=plan.ca_file,
            allow_address=plan.rules.may_connect,
            limits=_LIMITS,
        )

    async def send() -> None:
        transport = outward()
        try:
            await WebhookSender(
                open_scope, transport, plan.rules, _disabled, clock, chance.system()
            ).run()
        finally:
            await transport.aclose()

    async def broadcast() -> None:
        transport = outward()
        try:
            await BroadcastSender(open_scope, transport, plan.rules, clock).run()
        finally:
            await transport.aclose()

    chores = NotificationChores(open_scope, clock, plan.retention_days)
    jobs: tuple[Job, ...] = (send, broadcast, chores.run)
    return jobs if plan.compile_ is None else (tools.publisher.run, *jobs)


async def _disabled(scope: ControlScope, webhook: Webhook) -> None:
    await Announcer(scope).tell(
        webhook.team_id,
        EventKind.WEBHOOK_DISABLED,
        {"webhook_id": webhook.id},
        webhook=webhook.id,
    )
