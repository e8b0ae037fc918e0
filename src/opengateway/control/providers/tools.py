"""What lives as long as the process and what the desk's slices share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, cast

from fastapi import Depends, Request

from opengateway.catalog.config import ModelConfig, ProviderConfig
from opengateway.catalog.desk import DeskCredential
from opengateway.catalog.loader import Catalogue
from opengateway.control.prices.publisher import PricePublisher
from opengateway.control.scope import ControlScope
from opengateway.domain.catalog import Snapshot
from opengateway.domain.errors import InvalidRequest, OperatorError
from opengateway.domain.routing_rules import RoutingPolicy
from opengateway.kit.addresses import OutboundRules
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
    approval_above_nanos: int = 100 * 10**9
    """Credit that one person alone may give or take."""


@dataclass(frozen=True, slots=True)
class DeskTools:
    publisher: PricePublisher
    zone: ZoneOffer
    catalogue: Catalogue
    rules: OutboundRules
    """Where providers that are added at run time may be."""
    probe: ProviderProbe | None = None

    async def tried(
        self,
        scope: ControlScope,
        drafts: Mapping[str, ModelConfig],
        credentials: Sequence[DeskCredential] = (),
    ) -> Snapshot | None:
        """What would be served with these models and credentials. Raises `InvalidRequest`."""
        try:
            return await self.publisher.trial(scope.session, drafts, credentials)
        except OperatorError as error:
            raise InvalidRequest(error.message) from None

    async def applied(self, scope: ControlScope) -> Snapshot | None:
        """What was flushed will be served: compile it now, and for good once it is committed.

        Raises `InvalidRequest` with what does not fit together.
        """
        await scope.session.flush()
        snapshot = await self.tried(scope, {})
        scope.after_commit(self.publisher.changed)
        return snapshot


async def _of_request(request: Request) -> DeskTools:
    return cast(DeskTools, request.app.state.desk_tools)


Desk = Annotated[DeskTools, Depends(_of_request)]
