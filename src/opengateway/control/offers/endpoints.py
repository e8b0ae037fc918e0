"""Endpoints as the desk sees and sets them: drained, weighed, put before others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from opengateway.control.actor import Actor
from opengateway.control.offers.models import EndpointSetting
from opengateway.control.offers.repository import OfferRepository
from opengateway.control.providers.tools import DeskTools
from opengateway.control.scope import ControlScope
from opengateway.domain.catalog import Endpoint, Snapshot
from opengateway.domain.errors import CapacityError, Conflict, NotFound

MAX_SETTINGS: Final = 5_000


class LastEndpoint(Conflict):
    code = "last_endpoint"


class EndpointWish(NamedTuple):
    """None leaves it as the catalogue or the zone file have it."""

    drained: bool
    weight: float | None
    priority: int | None
    reason: str
    force: bool


class Placed(NamedTuple):
    """`endpoint` None: it is drained, and not in the snapshot."""

    model_id: str
    endpoint_id: str
    endpoint: Endpoint | None
    setting: EndpointSetting | None


class EndpointService:
    """The caller owns the transaction. Snapshots follow once it is committed."""

    def __init__(self, scope: ControlScope, actor: Actor, tools: DeskTools) -> None:
        self._rows = OfferRepository(scope.session)
        self._scope = scope
        self._actor = actor
        self._tools = tools

    async def all(self, model_id: str, provider_id: str) -> Sequence[Placed]:
        """Those of a model or a provider; empty for all. Drained ones included."""
        settings = {row.endpoint_id: row for row in await self._rows.settings()}
        found = [
            Placed(model.id, endpoint.id, endpoint, settings.pop(endpoint.id, None))
            for model in self._snapshot().models.values()
            for endpoint in model.endpoints
        ]
        found += [Placed(i.split(":", 1)[0], i, None, row) for i, row in settings.items()]
        return [
            placed
            for placed in found
            if model_id in ("", placed.model_id) and provider_id in ("", provider_of(placed))
        ]

    async def set(self, endpoint_id: str, wish: EndpointWish) -> Placed:
        """Raises `NotFound`, `LastEndpoint`."""
        row = await self._rows.setting(endpoint_id)
        model = next(
            (
                model
                for model in self._snapshot().models.values()
                if any(endpoint.id == endpoint_id for endpoint in model.endpoints)
            ),
            None,
        )
        if row is None and model is None:
            raise NotFound(
                f"there is no endpoint {endpoint_id[:200]!r}",
                code="endpoint_not_found",
                param="endpoint_id",
            )
        if wish.drained and model is not None and len(model.endpoints) == 1 and not wish.force:
            raise LastEndpoint(
                f"nothing else serves {model.id!r}; with 'force' it is served no more"
            )
        before = None if row is None else _told(row)
        row = await self._stored(row, endpoint_id, wish)
        snapshot = await self._tools.applied(self._scope)
        after = {
            "drained": wish.drained,
            "weight": None if wish.weight is None else str(wish.weight),
            "priority": wish.priority,
        }
        await self._scope.audit(
            self._actor,
            "endpoint.set",
            object_id=endpoint_id[:128],
            before=before,
            after=after,
            reason=wish.reason or None,
        )
        return _placed(endpoint_id, row, snapshot)

    async def _stored(
        self, row: EndpointSetting | None, endpoint_id: str, wish: EndpointWish
    ) -> EndpointSetting | None:
        if not wish.drained and wish.weight is None and wish.priority is None:
            if row is not None:
                await self._rows.remove(row)
            return None
        now_ns = self._scope.clock.now_ns()
        if row is None:
            if await self._rows.count(EndpointSetting) >= MAX_SETTINGS:
                raise Conflict(
                    f"{MAX_SETTINGS} endpoints are set already", code="too_many_settings"
                )
            row = EndpointSetting(
                endpoint_id=endpoint_id,
                drained=wish.drained,
                weight=wish.weight,
                priority=wish.priority,
                reason=wish.reason,
                updated_at_ns=now_ns,
            )
            await self._rows.add(row)
            return row
        row.drained, row.weight, row.priority = wish.drained, wish.weight, wish.priority
        row.reason, row.updated_at_ns = wish.reason, now_ns
        return row

    def _snapshot(self) -> Snapshot:
        snapshot = self._tools.publisher.snapshot
        if snapshot is None:
            raise CapacityError("the configuration is being compiled; ask again in a moment")
        return snapshot


def provider_of(placed: Placed) -> str:
    """Also of one that is not there: an id is `owner/name:provider:upstream`."""
    if placed.endpoint is not None:
        return placed.endpoint.provider_id
    return placed.endpoint_id.split(":")[1] if ":" in placed.endpoint_id else ""


def _placed(endpoint_id: str, row: EndpointSetting | None, snapshot: Snapshot | None) -> Placed:
    for model in snapshot.models.values() if snapshot is not None else ():
        for endpoint in model.endpoints:
            if endpoint.id == endpoint_id:
                return Placed(model.id, endpoint_id, endpoint, row)
    return Placed(endpoint_id.split(":", 1)[0], endpoint_id, None, row)


def _told(row: EndpointSetting) -> dict[str, object]:
    return {
        "drained": row.drained,
        "weight": None if row.weight is None else str(row.weight),
        "priority": row.priority,
    }
