"""`opengateway doctor`: what a zone file assembles, or everything that is wrong with it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

from opengateway.catalog.compiler import merge_model
from opengateway.catalog.loader import load_catalogue
from opengateway.catalog.pricing import is_flagged
from opengateway.compose.components import Slot, SlotName, find
from opengateway.compose.faults import ZoneFaults
from opengateway.compose.provider_secrets import Secret, kind_of
from opengateway.compose.registry import MEANS, REGISTRY
from opengateway.compose.store_look import connection_budget, look_at_stores
from opengateway.compose.zone import Zone, load_zone, snapshot_of
from opengateway.domain.catalog import Provider, Snapshot
from opengateway.domain.errors import OperatorError


def doctor(
    zone_path: Path,
    environ: Mapping[str, str] | None = None,
    out: TextIO | None = None,
    *,
    members: int = 1,
) -> int:
    """Check the zone file and print the assembly on `out`. Never a secret. `members`: how many
    share its servers.

    Returns 0, or 1 with one line on stderr for each fault.
    """
    out = sys.stdout if out is None else out
    try:
        zone = load_zone(zone_path, os.environ if environ is None else environ)
    except ZoneFaults as error:
        sys.stderr.writelines(f"{fault}\n" for fault in error.faults)
        return 1
    snapshot = snapshot_of(zone, created_at_ns=0)
    if not snapshot.models:
        sys.stderr.write(
            f"{zone_path.name}: nothing can be served: no provider of this zone has both a usable"
            " credential and a model\n"
        )
        return 1
    try:
        versions = look_at_stores(zone)
        budget = list(connection_budget(zone, members))
    except OperatorError as error:
        sys.stderr.write(f"{zone_path.name}: {error.message}\n")
        return 1
    for line in (*_assembly(zone, snapshot, versions), "", *budget):
        out.write(f"{line}\n")
    return 0


def _assembly(zone: Zone, snapshot: Snapshot, versions: Mapping[str, str]) -> Iterator[str]:
    yield f"zone        {zone.name}"
    yield f"edition     {zone.edition}"
    yield f"home        {zone.home}"
    listen = zone.listen
    tls = "TLS" if listen.tls else "no TLS"
    yield f"listen      {listen.host}:{listen.port}, {tls}, workers: {listen.workers}"
    yield f"public url  {listen.public_url}"
    yield f"metrics     {listen.metrics.host}:{listen.metrics.port}"
    yield from _outbound(zone)
    yield ""
    yield from _components(zone, versions)
    yield ""
    yield from _providers(zone, snapshot)
    yield ""
    yield from _models(zone, snapshot)
    yield ""
    yield from _clocks(snapshot)


def _outbound(zone: Zone) -> Iterator[str]:
    proxy = "through a proxy" if zone.outbound.proxy else "direct"
    allow = ", ".join(zone.outbound.allow)
    yield f"outbound    {proxy}" + (f"; also allowed: {allow}" if allow else "")


def _components(zone: Zone, versions: Mapping[str, str]) -> Iterator[str]:
    yield f"{'SLOT':14} {'FILLED BY':10} {'EGRESS':8} WHY"
    for name in SlotName:
        slot: Slot = getattr(zone.components, name.value)
        factory = find(REGISTRY, name, slot.use)
        assert factory is not None, "a zone only holds what the registry has"
        why = "the zone file says so" if slot.chosen else "default"
        why += f": {MEANS[name, slot.use]}"
        if version := versions.get(name.value):
            why += f"; version {version} answers"
        yield f"{name:14} {slot.use:10} {factory.egress:8} {why}"


def _providers(zone: Zone, snapshot: Snapshot) -> Iterator[str]:
    yield f"{'PROVIDER':14} {'WIRE':9} {'WHERE':44} CREDENTIALS"
    for provider_id, config in zone.providers.items():
        provider = snapshot.providers.get(provider_id)
        if provider is None:
            names = ", ".join(c.name for c in config.credentials)
            yield f"{provider_id:14} left out: no optional credential is set ({names})"
            continue
        where = provider.base_url or "bundled, started with the product"
        told = _credentials(provider, zone.secrets.get(provider_id, {}))
        yield f"{provider_id:14} {provider.wire:9} {where:44} {told}"
        for region, url in provider.regional_urls.items():
            yield f"{'':14} {'region':9} {region}: {url}"


def _credentials(provider: Provider, secrets: Mapping[str, Secret]) -> str:
    if provider.auth == "none":
        return "needs none"
    kinds = {name: kind_of(secrets.get(name)) for name in provider.credentials}
    told = ", ".join(f"{name} ({kind})" if kind else name for name, kind in kinds.items())
    has_keys = provider.auth != "bearer" and not all(kinds.values())
    return told + (f" (header {provider.auth})" if has_keys else "")


def _models(zone: Zone, snapshot: Snapshot) -> Iterator[str]:
    models = snapshot.models.values()
    endpoints = sum(len(model.endpoints) for model in models)
    spare = sum(len(model.endpoints) > 1 for model in models)
    yield f"models      {len(models)} served by {endpoints} endpoints; {spare} by more than one"
    yield f"aliases     {len(snapshot.aliases)}"
    yield f"snapshot    {snapshot.version}"
    for model_id, provider_id in _flags(zone, snapshot):
        yield f"price       {model_id} at {provider_id}: two sources differ, the higher serves"


def _flags(zone: Zone, snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    catalogue = load_catalogue()
    for model_id in snapshot.models:
        config = merge_model(catalogue.models.get(model_id), zone.models.get(model_id))
        for endpoint in config.endpoints:
            if endpoint.provider in snapshot.providers and is_flagged(endpoint.price):
                yield model_id, endpoint.provider


def _clocks(snapshot: Snapshot) -> Iterator[str]:
    clocks = snapshot.routing
    yield (
        f"clocks      connect {clocks.connect_s:g} s; first token {clocks.first_token_stream_s:g} s"
        f" streaming, {clocks.first_token_reasoning_s:g} s reasoning,"
        f" {clocks.first_token_unary_s:g} s whole"
    )
    yield (
        f"            idle {clocks.idle_s:g} s, reasoning {clocks.idle_reasoning_s:g} s;"
        f" deadline {clocks.deadline_s:g} s over at most {clocks.max_attempts} attempts"
    )
