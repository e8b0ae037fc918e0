"""Trying each endpoint of a model that is not served yet."""

from __future__ import annotations

from typing import Any

import msgspec

from opengateway.control.actor import SYSTEM
from opengateway.control.providers.credentials import CredentialService
from opengateway.control.providers.service import ProviderService
from opengateway.control.providers.testing import UNOPENED
from opengateway.control.providers.tools import DeskTools
from opengateway.control.scope import ControlScope
from opengateway.domain.catalog import Endpoint, Model, ModelKind, Provider
from opengateway.domain.errors import CapacityError, InvalidRequest
from opengateway.domain.vault import ProviderSecret
from opengateway.ports.provider_probe import ProbeResult

_Ask = tuple[Endpoint, Provider, str, ProviderSecret | None]


async def smoked(scope: ControlScope, tools: DeskTools, model: Model) -> list[dict[str, Any]]:
    """What each endpoint said. The transaction is over before anybody is asked.

    Raises `InvalidRequest`, `CapacityError`.
    """
    if tools.probe is None:
        raise CapacityError("nothing can be asked of providers here")
    if model.kind is not ModelKind.CHAT:
        raise InvalidRequest(f"only chat models can be tried; {model.id!r} is {model.kind.value}")
    asks = [await _ask(scope, tools, endpoint) for endpoint in model.endpoints]
    await scope.session.rollback()
    results: list[dict[str, Any]] = []
    for endpoint, provider, name, secret in asks:
        result: ProbeResult = await tools.probe(provider, endpoint, name, secret)
        results.append({"endpoint": endpoint.id, "result": msgspec.to_builtins(result)})
    return results


async def _ask(scope: ControlScope, tools: DeskTools, endpoint: Endpoint) -> _Ask:
    providers = ProviderService(scope, SYSTEM, tools)
    config = await providers.config(endpoint.provider_id)
    provider = providers.resolved(endpoint.provider_id, config)
    zones = tools.zone.credentials.get(provider.id, ())
    if zones or provider.auth == "none":
        return endpoint, provider, zones[0] if zones else "", None
    credentials = CredentialService(scope, SYSTEM, tools)
    for row in await credentials.all():
        if row.provider_id == provider.id and not row.disabled:
            try:
                return endpoint, provider, row.name, credentials.opened(row)
            except UNOPENED:
                continue
    raise InvalidRequest(f"{provider.id!r} has no credential to try it with")
