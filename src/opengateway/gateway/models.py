"""`GET /v1/models`: what is served, in OpenAI's shape with the fields that routers read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opengateway.domain.catalog import Endpoint, Model, Provider, Snapshot
from opengateway.domain.errors import NotFound
from opengateway.domain.money import NANOS_PER_USD, UNITS_PER_PRICE
from opengateway.domain.principal import Principal
from opengateway.domain.usage import Dimension, PriceRow
from opengateway.gateway.own_credentials import is_served
from opengateway.gateway.resolve import find_model
from opengateway.kit.json import JsonObject, dumps

_PRICE_NAMES = {
    Dimension.INPUT: "prompt",
    Dimension.OUTPUT: "completion",
    Dimension.REASONING: "internal_reasoning",
    Dimension.CACHE_READ: "input_cache_read",
    Dimension.CACHE_WRITE: "input_cache_write",
    Dimension.CACHE_WRITE_1H: "input_cache_write_1h",
    Dimension.REQUESTS: "request",
    Dimension.IMAGES: "image",
    Dimension.IMAGE_OUTPUT: "image_output",
    Dimension.AUDIO_INPUT: "audio",
    Dimension.AUDIO_OUTPUT: "audio_output",
    Dimension.SECONDS: "second",
    Dimension.CHARACTERS: "character",
    Dimension.DOCUMENTS: "document",
}


class ModelList:
    """Renders once a snapshot; a key with a list of models gets its own rendering each time."""

    def __init__(self) -> None:
        self._version = ""
        self._whole = b""

    def listing(self, snapshot: Snapshot, principal: Principal) -> bytes:
        team_id = principal.team_id
        seen = (m for m in snapshot.models.values() if is_served(snapshot, m, team_id))
        if principal.models:
            return _render(m for m in seen if m.id in principal.models)
        if team_id in snapshot.own_credentials:
            return _render(seen)
        if self._version != snapshot.version:
            self._whole = _render(seen)
            self._version = snapshot.version
        return self._whole

    def one(self, snapshot: Snapshot, principal: Principal, name: str) -> bytes:
        """Raises `NotFound`."""
        return dumps(describe(visible(snapshot, principal, name)))

    def endpoints(self, snapshot: Snapshot, principal: Principal, name: str) -> bytes:
        """Raises `NotFound`."""
        return dumps(_with_endpoints(snapshot, visible(snapshot, principal, name)))


def models_of(snapshot: Snapshot, team_id: str) -> JsonObject:
    """What a team is served, for its people."""
    seen = (m for m in snapshot.models.values() if is_served(snapshot, m, team_id))
    return {"object": "list", "data": [describe(m) for m in seen]}


def endpoints_of(snapshot: Snapshot, team_id: str, name: str) -> JsonObject:
    """Raises `NotFound`."""
    return _with_endpoints(snapshot, _served(snapshot, team_id, name))


def _with_endpoints(snapshot: Snapshot, model: Model) -> JsonObject:
    rows = [_describe_endpoint(e, snapshot.providers[e.provider_id]) for e in model.endpoints]
    return {"data": {"id": model.id, "name": model.name, "endpoints": rows}}


def _served(snapshot: Snapshot, team_id: str, name: str) -> Model:
    model = find_model(name, snapshot)
    if not is_served(snapshot, model, team_id):
        raise NotFound(f"nobody serves {model.id!r} here", code="model_not_found", param="model")
    return model


def visible(snapshot: Snapshot, principal: Principal, name: str) -> Model:
    model = _served(snapshot, principal.team_id, name)
    if principal.models and model.id not in principal.models:
        raise NotFound(
            f"this key may not see {name[:100]!r}", code="model_not_found", param="model"
        )
    return model


def _render(models: Any) -> bytes:
    return dumps({"object": "list", "data": [describe(m) for m in models]})


def describe(model: Model) -> JsonObject:
    """The public face of a model. Prices are strings, US dollars a unit (product d5)."""
    first = model.endpoints[0]
    ends: JsonObject = {}
    if model.ends is not None:
        ends = {"ends_at": model.ends.at_ns // 10**9, "successor": model.ends.successor or None}
    return {
        **ends,
        "id": model.id,
        "object": "model",
        "created": model.created,
        "owned_by": model.owner,
        "shutdown_date": _shutdown(model),
        "name": model.name,
        "kind": model.kind.value,
        "context_length": model.context,
        "architecture": {
            "input_modalities": list(model.input_modalities),
            "output_modalities": list(model.output_modalities),
        },
        "capabilities": list(model.capabilities),
        "pricing": _pricing(first.price),
        "top_provider": {
            "context_length": first.context,
            "max_completion_tokens": first.max_output,
        },
    }


def _shutdown(model: Model) -> str | None:
    """When nobody serves it here any more; None while one place has not said so."""
    days = [endpoint.retires for endpoint in model.endpoints]
    return max(days) if all(days) else None


def _describe_endpoint(endpoint: Endpoint, provider: Provider) -> JsonObject:
    price = endpoint.price
    return {
        "name": f"{provider.name} | {endpoint.upstream_model}",
        "tag": f"{endpoint.provider_id}/{endpoint.region}",
        "provider_name": provider.name,
        "provider_id": endpoint.provider_id,
        "region": endpoint.region,
        "country": endpoint.country or provider.country or None,
        "evidence": provider.evidence,
        "context_length": endpoint.context,
        "max_completion_tokens": endpoint.max_output,
        "input_modalities": list(endpoint.modalities),
        "lacks": list(endpoint.lacks),
        "quantization": endpoint.quantization or None,
        "shutdown_date": endpoint.retires or None,
        "pricing": _pricing(price),
        "pricing_tiers": [
            {"above_tokens": tier.above, "pricing": _named(tier.rates)} for tier in price.tiers
        ],
        "price_effective_from": price.effective_from,
        "price_source": price.source,
        "price_sources_differ": price.flagged,
    }


def _pricing(price: PriceRow) -> dict[str, str]:
    return _named(price.rates)


def _named(rates: Mapping[Dimension, int]) -> dict[str, str]:
    return {
        name: per_unit(rates[dimension])
        for dimension, name in _PRICE_NAMES.items()
        if dimension in rates
    }


def per_unit(nanos_per_million: int) -> str:
    """Nano-dollars a million units as an exact decimal string of US dollars a unit."""
    scale = NANOS_PER_USD * UNITS_PER_PRICE
    whole, rest = divmod(nanos_per_million, scale)
    digits = str(rest).rjust(len(str(scale)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)
