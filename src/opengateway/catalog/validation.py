"""What must hold of the bundled catalogue. `opengateway catalog check` and the tests ask."""

from __future__ import annotations

import re
from collections.abc import Iterator

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
from opengateway.catalog.loader import Catalogue, load_catalogue
from opengateway.catalog.pricing import lacking
from opengateway.domain.catalog import ModelKind


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
            if endpoint.provider not in catalogue.providers:
                faults.append(
                    f"{model_id}: provider {endpoint.provider!r} is not in providers.toml"
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
