"""`opengateway catalog list` and `catalog check`: the bundled models, and whether they are sound."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from opengateway.catalog.config import EndpointConfig, ModelConfig
from opengateway.catalog.loader import Catalogue, load_catalogue
from opengateway.catalog.pricing import price_row
from opengateway.catalog.validation import check_catalog
from opengateway.domain.catalog import ModelKind
from opengateway.domain.money import nanos_to_usd
from opengateway.domain.usage import Dimension
from opengateway.kit.json import JsonObject, dumps


def list_models(as_json: bool) -> int:
    """Print every model that the product knows, served by a zone or not. Returns 0."""
    catalogue = load_catalogue()
    if as_json:
        rows = [_row(model_id, m) for model_id, m in sorted(catalogue.models.items())]
        sys.stdout.write(dumps({"data": rows}).decode() + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in _table(catalogue))
    return 0


def check() -> int:
    """Print one line for each fault of the catalogue. Returns 1 when there is one."""
    catalogue = load_catalogue()
    faults = check_catalog(catalogue)
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    if not faults:
        endpoints = sum(len(model.endpoints) for model in catalogue.models.values())
        sys.stdout.write(
            f"{len(catalogue.models)} models, {endpoints} endpoints,"
            f" {len(catalogue.providers)} providers: no fault\n"
        )
    return 1 if faults else 0


def _row(model_id: str, model: ModelConfig) -> JsonObject:
    """One model as JSON; prices in US dollars per million units, as they are charged."""
    return {
        "id": model_id,
        "name": model.name,
        "owner": model.owner,
        "kind": (model.kind or ModelKind.CHAT).value,
        "released": model.released,
        "context": max((e.context for e in model.endpoints), default=0),
        "capabilities": model.capabilities or (),
        "input_modalities": model.input_modalities or (),
        "output_modalities": model.output_modalities or ("text",),
        "endpoints": [_endpoint_row(model_id, e) for e in model.endpoints],
    }


def _endpoint_row(model_id: str, endpoint: EndpointConfig) -> JsonObject:
    row = price_row(
        f"{model_id}:{endpoint.provider}:{endpoint.upstream_model}",
        endpoint.price,
        endpoint.price_other,
    )
    return {
        "provider": endpoint.provider,
        "upstream_model": endpoint.upstream_model,
        "context": endpoint.context,
        "max_output": endpoint.max_output,
        "price": {d.value: nanos_to_usd(rate) for d, rate in row.rates.items()},
        "price_id": row.id,
        "effective_from": row.effective_from,
        "source": row.source,
        "check": endpoint.price.check,
    }


def _table(catalogue: Catalogue) -> Iterator[str]:
    yield f"{'MODEL':44} {'CONTEXT':>9} {'IN $/M':>9} {'OUT $/M':>9}  {'SINCE':10}  PROVIDER"
    for model_id, model in sorted(catalogue.models.items()):
        for endpoint in model.endpoints:
            price = price_row(model_id, endpoint.price, endpoint.price_other)
            amounts = [
                nanos_to_usd(price.rates[d]) if d in price.rates else "-"
                for d in (Dimension.INPUT, Dimension.OUTPUT)
            ]
            flag = " (price sources differ)" if endpoint.price_other is not None else ""
            yield (
                f"{model_id:44} {endpoint.context:>9} {amounts[0]:>9} {amounts[1]:>9}"
                f"  {price.effective_from:10}  {endpoint.provider}{flag}"
            )
