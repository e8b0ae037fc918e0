"""Testing a credential now, outside any transaction: the store waits for no provider."""

from __future__ import annotations

from opengateway.control.providers.tools import DeskTools
from opengateway.control.scope import ControlScope
from opengateway.domain.catalog import Endpoint, ModelKind, Provider, Snapshot
from opengateway.domain.errors import CapacityError, InvalidRequest
from opengateway.domain.vault import ProviderSecret
from opengateway.kit.envelope import BadEnvelope
from opengateway.ports.provider_probe import ProbeResult
from opengateway.ports.secret_box import Unsealable

UNOPENED = (Unsealable, BadEnvelope)


async def probed(
    scope: ControlScope,
    tools: DeskTools,
    provider: Provider,
    name: str,
    secret: ProviderSecret | None,
    model: str | None,
    served: Snapshot | None = None,
) -> ProbeResult:
    """Ask the provider. What was read is over after it: the transaction begins anew, and what was
    flushed is taken back. `served`: what its endpoints are looked for in, else what is in force.

    Raises `InvalidRequest`, `CapacityError`.
    """
    if tools.probe is None:
        raise CapacityError("nothing can be asked of providers here")
    endpoint = _endpoint(served or tools.publisher.snapshot, provider, model)
    # One writer: nobody else could write while we wait for somebody else's machine.
    await scope.session.rollback()
    return await tools.probe(provider, endpoint, name, secret)


def _endpoint(snapshot: Snapshot | None, provider: Provider, model: str | None) -> Endpoint | None:
    """The cheapest chat endpoint of the provider, or the model's own."""
    found: list[Endpoint] = []
    for model_id, served in (snapshot.models if snapshot is not None else {}).items():
        if model not in (None, model_id) or served.kind is not ModelKind.CHAT:
            continue
        found += [e for e in served.endpoints if e.provider_id == provider.id]
    if not found:
        if model is not None:
            raise InvalidRequest(
                f"{provider.id!r} serves no chat model {model[:100]!r} here", param="model"
            )
        return None
    return min(found, key=lambda e: (e.reasoning, sum(e.price.rates.values()), e.id))
