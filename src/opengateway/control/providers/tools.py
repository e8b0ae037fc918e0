"""What lives as long as the process and what the desk's slices share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, cast

from fastapi import Depends, Request

from opengateway.catalog.config import ProviderConfig
from opengateway.catalog.loader import Catalogue
from opengateway.control.prices.publisher import PricePublisher, Trial
from opengateway.control.scope import ControlScope
from opengateway.domain.catalog import Endpoint, Snapshot
from opengateway.domain.chat import ProviderPreferences
from opengateway.domain.errors import CapacityError, InvalidRequest, OperatorError
from opengateway.domain.routing_rules import RoutingPolicy
from opengateway.kit.addresses import OutboundRules
from opengateway.kit.json import JsonObject
from opengateway.ports.provider_probe import ProviderProbe


@dataclass(frozen=True, slots=True)
class ZoneOffer:
    """What the zone file says of providers and models: the desk shows it, and cannot change it."""

    providers: Mapping[str, ProviderConfig] = field(default_factory=dict)
    credentials: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Those at hand, by provider."""
    models: frozenset[str] = frozenset()
    policy: RoutingPolicy = field(default_factory=RoutingPolicy)
    """The zone's ceiling on where requests may go."""
    edition: str = ""
    components: Mapping[str, str] = field(default_factory=dict)
    """What fills each slot of the house."""


PriceOf = Callable[[Snapshot, str, str, Endpoint], Endpoint]
"""Takes a team's and a model's id, and an endpoint as all see it."""


@dataclass(frozen=True, slots=True)
class GatewayView:
    """What a gateway would say of a snapshot to a team, for pages that have no key to ask it with."""

    models: Callable[[Snapshot, str], JsonObject]
    """Takes the team's id; the answer of `/v1/models`."""
    endpoints: Callable[[Snapshot, str, str], JsonObject]
    """Takes the team's and the model's id. Raises `NotFound`."""
    explained: Callable[[Snapshot, str, str, ProviderPreferences], JsonObject]
    """Takes the team's and the model's id: where a request would go and why, as the health that is
    known here has it."""


@dataclass(frozen=True, slots=True)
class DeskTools:
    publisher: PricePublisher
    zone: ZoneOffer
    catalogue: Catalogue
    rules: OutboundRules
    """Where providers that are added at run time may be."""
    probe: ProviderProbe | None = None
    priced: PriceOf | None = None
    """What one team pays at an endpoint."""
    gateway: GatewayView | None = None

    def shown(self) -> tuple[Snapshot, GatewayView]:
        """What is served now, and how it looks from outside. Raises `CapacityError`."""
        snapshot = self.publisher.snapshot
        if snapshot is None or self.gateway is None:
            raise CapacityError("nothing is compiled here that could be shown")
        return snapshot, self.gateway

    async def tried(self, scope: ControlScope, trial: Trial | None = None) -> Snapshot | None:
        """What would be served with what is tried. Raises `InvalidRequest`."""
        try:
            return await self.publisher.trial(scope.session, trial)
        except OperatorError as error:
            raise InvalidRequest(error.message) from None

    async def applied(self, scope: ControlScope) -> Snapshot | None:
        """What was flushed will be served: compile it now, and for good once it is committed.

        Raises `InvalidRequest` with what does not fit together.
        """
        await scope.session.flush()
        snapshot = await self.tried(scope)
        scope.after_commit(self.publisher.changed)
        return snapshot


async def _of_request(request: Request) -> DeskTools:
    return cast(DeskTools, request.app.state.desk_tools)


Desk = Annotated[DeskTools, Depends(_of_request)]
