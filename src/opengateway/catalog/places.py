"""Where a provider is, and where each of its regions is.

The clouds' addresses are patterns: `{region}`, `{project}` and `{resource}` are the zone's to give. Each
region is an endpoint of its own, since limits, caches and outages are a region's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from opengateway.catalog.config import ProviderConfig
from opengateway.catalog.loader import CatalogueProvider
from opengateway.domain.catalog import Endpoint, Provider

_NAMED: Final = re.compile(r"\{(region|project|resource)\}")


def base_url_of(
    provider_id: str, config: ProviderConfig, known: CatalogueProvider | None
) -> str | None:
    """Where it is, without a slash at the end; empty for the bundled one, whose parent knows.

    None where nobody says: one that is only `like` another does not live at the other's address,
    unless that is a pattern.
    """
    pattern = _pattern(config, known, None)
    if pattern is None:
        return None
    places = regional_urls(config, known)
    return next(iter(places.values())) if places else _filled(pattern, config, None)


def missing_places(config: ProviderConfig, known: CatalogueProvider | None) -> list[str]:
    """The names that its address needs and the zone does not give: `project`, `resource`."""
    pattern = _pattern(config, known, None) or ""
    return [
        name
        for name in dict.fromkeys(_NAMED.findall(pattern))
        if name != "region" and getattr(config, name) is None
    ]


def regional_urls(config: ProviderConfig, known: CatalogueProvider | None) -> dict[str, str]:
    """Region to address, in the zone's order; empty where its address names none."""
    usual = config.region or (known.region if known is not None else None)
    regions = config.regions or ((usual,) if usual else ())
    found: dict[str, str] = {}
    for region in regions:
        pattern = _pattern(config, known, region)
        if pattern is None:
            continue
        has_own = known is not None and config.base_url is None and region in known.base_urls
        if config.regions or has_own or "{region}" in pattern:
            found[region] = _filled(pattern, config, region)
    return found


def in_every_region(
    endpoint: Endpoint, provider: Provider, region: str | None
) -> tuple[Endpoint, ...]:
    """The endpoint, once for each of its provider's regions. `region`: only there, if it is one.

    The first keeps its id; later ones are asked after it.
    """
    places: Mapping[str, str] = provider.regional_urls
    if not places:
        return (endpoint,)
    if region is not None:
        return (msgspec.structs.replace(endpoint, base_url=places.get(region, "")),)
    return tuple(
        msgspec.structs.replace(
            endpoint,
            id=f"{endpoint.id}@{name}" if index else endpoint.id,
            region=name,
            base_url=url,
            priority=endpoint.priority + index,
        )
        for index, (name, url) in enumerate(places.items())
    )


def _pattern(
    config: ProviderConfig, known: CatalogueProvider | None, region: str | None
) -> str | None:
    if config.base_url is not None:
        return config.base_url.rstrip("/")
    if config.bundled:
        return ""
    if known is None:
        return None
    pattern = known.base_urls.get(region or "", known.base_url).rstrip("/")
    return pattern if config.like is None or _NAMED.search(pattern) else None


def _filled(pattern: str, config: ProviderConfig, region: str | None) -> str:
    """What is not given stays as it is: `missing_places` tells of it."""
    given = {"region": region, "project": config.project, "resource": config.resource}
    return _NAMED.sub(lambda found: given[found[1]] or found[0], pattern)
