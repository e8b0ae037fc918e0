"""What must hold of the bundled catalogue. `opengateway catalog check` and the tests ask."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from opengateway.catalog.config import (
    MODEL_ID_PATTERN,
    EndpointConfig,
    Modality,
    ModelConfig,
    PriceCheck,
    PriceConfig,
    is_date,
    rate_of,
)
from opengateway.catalog.loader import Catalogue, CatalogueProvider, load_catalogue
from opengateway.catalog.pricing import lacking, price_row
from opengateway.domain.catalog import ModelKind, Wire
from opengateway.domain.operations import Operation

_OPERATIONS: Final[Mapping[ModelKind, frozenset[Operation]]] = {
    ModelKind.EMBEDDING: frozenset((Operation.EMBEDDINGS,)),
    ModelKind.RERANK: frozenset((Operation.RERANK,)),
    ModelKind.IMAGE: frozenset((Operation.IMAGES,)),
    ModelKind.SPEECH: frozenset((Operation.SPEECH,)),
    ModelKind.TRANSCRIPTION: frozenset((Operation.TRANSCRIPTIONS,)),
    ModelKind.MODERATION: frozenset((Operation.MODERATIONS,)),
    ModelKind.COMPLETION: frozenset((Operation.COMPLETIONS,)),
}
_BESIDE_CHAT: Final[Mapping[Wire, frozenset[Operation]]] = {
    Wire.COHERE: frozenset((Operation.EMBEDDINGS, Operation.RERANK)),
    Wire.GEMINI: frozenset((Operation.EMBEDDINGS,)),
}
"""What the other wires have beside chat."""


def check_catalog(catalogue: Catalogue | None = None) -> list[str]:
    """Every fault of the catalogue, one line each; empty when it is sound."""
    catalogue = load_catalogue() if catalogue is None else catalogue
    faults: list[str] = []
    names: dict[tuple[str, str], str] = {}
    aliases: dict[str, str] = {}
    for model_id, model in sorted(catalogue.models.items()):
        faults += (f"{model_id}: {fault}" for fault in _model_faults(model_id, model))
        for endpoint in model.endpoints:
            key = (endpoint.provider, endpoint.upstream_model)
            provider = catalogue.providers.get(endpoint.provider)
            if provider is None:
                faults.append(
                    f"{model_id}: provider {endpoint.provider!r} is not in providers.toml"
                )
            elif not serves(provider, model.kind or ModelKind.CHAT):
                faults.append(
                    f"{model_id}: {endpoint.provider} has no operation for a model of kind"
                    f" {model.kind or ModelKind.CHAT}"
                )
            if names.setdefault(key, model_id) != model_id or _count(model, key) > 1:
                faults.append(
                    f"{model_id}: {endpoint.provider} serves {endpoint.upstream_model!r} twice,"
                    f" also as {names[key]!r}"
                )
        for alias in model.aliases:
            if aliases.setdefault(alias, model_id) != model_id:
                faults.append(f"{model_id}: alias {alias!r} is taken by {aliases[alias]!r}")
    return faults


def serves(provider: CatalogueProvider, kind: ModelKind) -> bool:
    """Whether the provider has an operation that reaches a model of that kind."""
    rules = provider.profile.operations
    if kind is ModelKind.CHAT:
        return rules.chat
    wanted = _OPERATIONS[kind]
    if provider.wire is Wire.OPENAI:
        return rules.only is None or not wanted.isdisjoint(rules.only)
    return not wanted.isdisjoint(_BESIDE_CHAT.get(provider.wire, frozenset()))


def _count(model: ModelConfig, key: tuple[str, str]) -> int:
    return sum((e.provider, e.upstream_model) == key for e in model.endpoints)


def _model_faults(model_id: str, model: ModelConfig) -> Iterator[str]:
    if re.fullmatch(MODEL_ID_PATTERN, model_id) is None:
        yield "the id is not owner/name in lower case"
    if not model.endpoints:
        yield "has no endpoint"
    if model.released is not None and not is_date(model.released):
        yield f"released {model.released!r} is not a date as YYYY-MM-DD"
    if model.kind in (None, ModelKind.CHAT) and not model.capabilities:
        yield "has no capabilities"
    if not model.input_modalities:
        yield "has no input_modalities"
    for endpoint in model.endpoints:
        where = f"endpoint {endpoint.provider}"
        yield from (f"{where}: {fault}" for fault in _endpoint_faults(endpoint, model))


def _endpoint_faults(endpoint: EndpointConfig, model: ModelConfig) -> Iterator[str]:
    if endpoint.max_output is not None and endpoint.max_output > endpoint.context:
        yield f"max_output {endpoint.max_output} is larger than context {endpoint.context}"
    since = endpoint.price.effective_from or ""
    if endpoint.retires is not None and not is_date(endpoint.retires):
        yield f"retires {endpoint.retires!r} is not a date as YYYY-MM-DD"
    elif endpoint.retires is not None and endpoint.retires <= since:
        yield f"retires {endpoint.retires}, before its price is in force"
    if None not in map(rate_or_none, endpoint.price.rates().values()):
        try:
            price_row("-", endpoint.price)
        except ValueError as error:
            yield f"price: {error}"
    if (endpoint.price.check is PriceCheck.DIFFER) != (endpoint.price_other is not None):
        yield 'check = "differ" and price_other go together'
    for price in (endpoint.price, endpoint.price_other):
        if price is not None:
            yield from _price_faults(price, endpoint, model)


def _price_faults(
    price: PriceConfig, endpoint: EndpointConfig, model: ModelConfig
) -> Iterator[str]:
    if not price.source:
        yield "the price has no source"
    if price.effective_from is None or not is_date(price.effective_from):
        yield "the price has no effective_from as YYYY-MM-DD"
    if price is endpoint.price and price.check is None:
        yield "the price does not say whether it is confirmed (check)"
    if names := lacking(price, model.kind):
        yield f"the price has no {' or '.join(names)}"
    rates = {name: rate_or_none(text) for name, text in price.rates().items()}
    yield from _odd_rates(rates)
    if (
        price is endpoint.price
        and model.kind is not ModelKind.MODERATION
        and not any(rates.values())
    ):
        yield "every price is 0"
    if model.kind in (None, ModelKind.CHAT):
        heard = endpoint.modalities or model.input_modalities or ()
        if Modality.AUDIO in heard and price.audio_input is None:
            yield "takes audio, which has no price"
        if Modality.AUDIO in (model.output_modalities or ()) and price.audio_output is None:
            yield "answers in audio, which has no price"
    for name, text in price.rates().items():
        try:
            rate_of(text)
        except ValueError as error:
            yield f"price.{name}: {error}"


def rate_or_none(text: str) -> int | None:
    try:
        return rate_of(text)
    except ValueError:
        return None


def _odd_rates(rates: Mapping[str, int | None]) -> Iterator[str]:
    """Prices that are slips more likely than offers."""
    entry, read = rates.get("input"), rates.get("cache_read")
    short, hour = rates.get("cache_write"), rates.get("cache_write_1h")
    if entry is not None and read is not None and read > entry:
        yield "a cache read costs more than the input that it replaces"
    if short is not None and hour is not None and hour < short:
        yield "a write for an hour costs less than one for five minutes"
