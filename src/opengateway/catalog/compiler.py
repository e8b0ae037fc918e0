"""From catalogue and zone to the snapshot that gateways serve from (decision 25)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from itertools import chain
from typing import Final

import msgspec

from opengateway.catalog.config import (
    Capability,
    EndpointConfig,
    ModelConfig,
    PricingConfig,
    ProviderConfig,
)
from opengateway.catalog.loader import Catalogue, CatalogueProvider
from opengateway.catalog.places import base_url_of, in_every_region, regional_urls
from opengateway.catalog.price_book import PricesNow
from opengateway.catalog.pricing import price_row
from opengateway.catalog.sell_prices import Pricing
from opengateway.catalog.token_families import token_families
from opengateway.domain.catalog import Endpoint, Model, ModelKind, Profile, Provider, Snapshot, Wire
from opengateway.domain.errors import OperatorError
from opengateway.domain.money import usd_to_nanos
from opengateway.domain.routing_rules import Routing
from opengateway.domain.usage import PriceOrigin, PriceRow, SpendCap

_ASSUMED = (Capability.TOOLS, Capability.STRUCTURED_OUTPUT, Capability.TEMPERATURE)
"""Of a zone's model that says nothing: to refuse what it may well do would be the worse guess."""

_BUNDLED_HEADERS: Final = {"authorization": "Bearer bundled"}
"""The simulator wants a key, as vendors do, and takes any: this one guards nothing."""

_AUTH: Final = {
    Wire.ANTHROPIC: "x-api-key",
    Wire.GEMINI: "x-goog-api-key",
    Wire.ANTHROPIC_VERTEX: "x-goog-api-key",
}
"""The header of a key where nobody names one: each wire has its own."""


def compile_snapshot(
    catalogue: Catalogue,
    providers: Mapping[str, ProviderConfig],
    models: Mapping[str, ModelConfig],
    usable: Mapping[str, tuple[str, ...]],
    routing: Routing,
    zone: str,
    version: str,
    created_at_ns: int,
    pricing: Pricing | None = None,
    of_database: AbstractSet[str] = frozenset(),
) -> Snapshot:
    """Everything that this zone serves.

    `usable` maps a provider to the names of its credentials that are at hand: empty for one that
    needs none, no entry for one that cannot be called. A model is served where one of its
    endpoints' providers is usable. An empty `version` becomes the hash of the content, so that an
    unchanged zone has an unchanged version. Without `pricing`, teams pay what the providers charge.
    `of_database`: those of `models` that are not the zone file's, but the database's.
    Raises `OperatorError`.
    """
    pricing = pricing or Pricing(PricingConfig(), PricesNow())
    served = {
        provider_id: resolve_provider(provider_id, config, catalogue, usable[provider_id])
        for provider_id, config in sorted(providers.items())
        if provider_id in usable
    }
    compiled: dict[str, Model] = {}
    named: dict[str, tuple[str, ...]] = {}
    for model_id in sorted({*catalogue.models, *models}):
        given = models.get(model_id)
        config = merge_model(catalogue.models.get(model_id), given)
        origin = PriceOrigin.CATALOGUE
        if given is not None and given.endpoints:
            origin = PriceOrigin.DATABASE if model_id in of_database else PriceOrigin.ZONE
        model = _model(model_id, config, served, pricing, origin)
        if model.endpoints:
            compiled[model_id] = model
            named[model_id] = config.aliases
    snapshot = Snapshot(
        version=version,
        zone=zone,
        created_at_ns=created_at_ns,
        providers=served,
        models=compiled,
        aliases=_aliases(compiled, named),
        routing=routing,
        team_prices=pricing.team_prices(),
    )
    if version:
        return snapshot
    return msgspec.structs.replace(snapshot, version=content_version(snapshot))


def content_version(snapshot: Snapshot) -> str:
    """A hash of what is served: not of when it was compiled, nor of the version itself."""
    bare = msgspec.structs.replace(snapshot, version="", created_at_ns=0)
    return "s" + hashlib.sha256(msgspec.json.encode(bare, order="deterministic")).hexdigest()[:20]


def known_provider(
    provider_id: str, config: ProviderConfig, catalogue: Catalogue
) -> CatalogueProvider | None:
    """What the catalogue knows of it, under its own id or the one that it is `like`."""
    return catalogue.providers.get(config.like or provider_id)


def auth_of(config: ProviderConfig, known: CatalogueProvider | None) -> str:
    """How the provider is told who calls.

    A provider that needs no key by default (a local server) gets one if the zone gives one.
    """
    if config.auth is not None:
        return config.auth
    wire = config.wire or (known.wire if known is not None else Wire.OPENAI)
    usual = _AUTH.get(wire, "bearer")
    default = "none" if config.bundled else known.auth if known is not None else usual
    return usual if default == "none" and config.credentials else default


def resolve_provider(
    provider_id: str, config: ProviderConfig, catalogue: Catalogue, credentials: tuple[str, ...]
) -> Provider:
    """The zone's word over the catalogue's. Raises `OperatorError` where both are silent."""
    known = known_provider(provider_id, config, catalogue)
    wire = config.wire or (known.wire if known is not None else None)
    base_url = base_url_of(provider_id, config, known)
    if wire is None or base_url is None:
        raise OperatorError(
            f"provider {provider_id!r} is not in the catalogue: give wire, base_url"
        )
    places = regional_urls(config, known)
    auth = auth_of(config, known)
    base = known or CatalogueProvider(name=provider_id, wire=wire, base_url=base_url)
    cancels = config.cancel_stops_billing
    own = _BUNDLED_HEADERS if config.bundled and auth == "none" else {}
    return Provider(
        id=provider_id,
        name=config.name or (base.name if config.like is None else provider_id),
        wire=wire,
        base_url=base_url,
        profile=_profile(base.profile, config),
        auth=auth,
        headers={**own, **base.headers, **config.headers},
        region=next(iter(places), config.region or base.region),
        regional_urls=places if len(places) > 1 else {},
        country=config.country or base.country,
        credentials=() if auth == "none" else credentials,
        cache_domains={
            c.name: c.cache_domain for c in config.credentials if c.cache_domain is not None
        },
        spend_caps={
            c.name: SpendCap(usd_to_nanos(c.spend_cap_usd), c.spend_cap_per)
            for c in config.credentials
            if c.spend_cap_usd is not None
        },
        cancel_stops_billing=base.cancel_stops_billing if cancels is None else cancels,
        evidence=base.evidence if known is not None else "configured",
        docs_url=base.docs_url,
        bundled=config.bundled,
        # The bundled simulator keeps nothing: it is this product.
        collects_data=_given(config.collects_data, base.collects_data and not config.bundled),
        zdr=_given(config.zdr, base.zdr or config.bundled),
    )


def _given(value: bool | None, default: bool) -> bool:
    return default if value is None else value


def _profile(base: Profile, config: ProviderConfig) -> Profile:
    over = msgspec.to_builtins(config.profile)
    return msgspec.convert({**msgspec.to_builtins(base), **over}, Profile)


def merge_model(known: ModelConfig | None, given: ModelConfig | None) -> ModelConfig:
    """What the zone gives replaces what the catalogue says, field by field."""
    if known is None or given is None:
        merged = given or known
        assert merged is not None, "one of the two exists"
        return merged
    values = ((name, getattr(given, name)) for name in given.__struct_fields__)
    return msgspec.structs.replace(known, **{n: v for n, v in values if v not in (None, ())})


def _model(
    model_id: str,
    config: ModelConfig,
    served: Mapping[str, Provider],
    pricing: Pricing,
    origin: PriceOrigin,
) -> Model:
    """`origin`: whose the endpoints and their prices are."""
    endpoints = tuple(
        chain.from_iterable(
            in_every_region(
                _priced(model_id, config, endpoint, served[endpoint.provider], pricing, origin),
                served[endpoint.provider],
                endpoint.region,
            )
            for endpoint in config.endpoints
            if endpoint.provider in served
        )
    )
    owner, _, name = model_id.partition("/")
    outputs = [e.max_output for e in endpoints if e.max_output is not None]
    capabilities = _capabilities(config)
    return Model(
        id=model_id,
        name=config.name or name,
        owner=config.owner or owner,
        kind=config.kind or ModelKind.CHAT,
        created=_unix(config.released),
        context=max((e.context for e in endpoints), default=0),
        max_output=max(outputs, default=None),
        # What some endpoint takes, the model takes: routing picks the endpoint.
        input_modalities=_ordered(chain.from_iterable(e.modalities for e in endpoints)),
        output_modalities=_words(config.output_modalities or ("text",)),
        capabilities=_words(capabilities),
        endpoints=endpoints,
    )


def _priced(
    model_id: str,
    model: ModelConfig,
    config: EndpointConfig,
    provider: Provider,
    pricing: Pricing,
    origin: PriceOrigin,
) -> Endpoint:
    """Raises `OperatorError`, which names the endpoint whose price is wrong."""
    endpoint_id = f"{model_id}:{config.provider}:{config.upstream_model}"
    try:
        price = price_row(endpoint_id, config.price, config.price_other, origin)
        endpoint = _endpoint(endpoint_id, model_id, model, config, provider, price)
        return pricing.applied(model_id, endpoint, config.sell)
    except ValueError as error:
        raise OperatorError(f"the price of {endpoint_id!r}: {error}") from error


def _endpoint(
    endpoint_id: str,
    model_id: str,
    model: ModelConfig,
    config: EndpointConfig,
    provider: Provider,
    price: PriceRow,
) -> Endpoint:
    capabilities = _capabilities(model)
    reasoning, tools = config.reasoning, config.tools
    family = token_families().of(model_id)
    ratio = config.bytes_per_token or family.bytes_per_token
    return Endpoint(
        id=endpoint_id,
        provider_id=config.provider,
        upstream_model=config.upstream_model,
        context=config.context,
        max_output=config.max_output,
        price=price,
        priority=config.priority,
        region=config.region or provider.region,
        reasoning=Capability.REASONING in capabilities if reasoning is None else reasoning,
        modalities=_words(config.modalities or model.input_modalities or ("text",)),
        tools=Capability.TOOLS in capabilities if tools is None else tools,
        bytes_per_token=ratio,
        hold_tokens_per_byte=max(family.hold_tokens_per_byte, 1 / ratio),
        hold_tokens_per_byte_beyond=max(family.hold_tokens_per_byte_beyond, 1 / ratio),
        image_tokens=family.image_tokens,
        unpriced_above=_unpriced_above(config),
        token_encoding=family.encoding,
        country=config.country or "",
        quantization=config.quantization or "",
        weight=config.weight,
        retires=config.retires or "",
        lacks=_lacking(config, provider),
        completes=model.kind is ModelKind.COMPLETION or provider.profile.operations.completes_chat,
    )


def _lacking(config: EndpointConfig, provider: Provider) -> tuple[str, ...]:
    """What the file says, and what follows from the provider's profile."""
    follows = (Capability.STRUCTURED_OUTPUT,) if provider.profile.json_object_for_schema else ()
    return _words(dict.fromkeys((*config.lacks, *follows)))


def _unpriced_above(config: EndpointConfig) -> int | None:
    """Where the vendor takes longer inputs than we have a price for."""
    if config.full_context is None or config.full_context <= config.context or config.price.tiers:
        return None
    return config.context


def _capabilities(model: ModelConfig) -> tuple[Capability, ...]:
    if model.capabilities is not None:
        return model.capabilities
    thinks = any(endpoint.reasoning for endpoint in model.endpoints)
    return (*_ASSUMED, Capability.REASONING) if thinks else _ASSUMED


def _aliases(models: Mapping[str, Model], named: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Other names under which a served model answers (decision 30).

    A model's id always means that model. A name that is written down beats one that is implied
    (what follows the slash; what the provider calls it), and an implied one must be unique.
    """
    written: dict[str, str] = {}
    for model_id, names in named.items():
        for name in names:
            if written.setdefault(name, model_id) != model_id:
                raise OperatorError(
                    f"alias {name!r} is given to both {written[name]!r} and {model_id!r};"
                    " take it from one of them"
                )
    implied: dict[str, str] = {}
    claims: Counter[str] = Counter()
    for model in models.values():
        names_of = {model.id.partition("/")[2], *(e.upstream_model for e in model.endpoints)}
        claims.update(names_of)
        implied.update(dict.fromkeys(names_of, model.id))
    unique = {name: model_id for name, model_id in implied.items() if claims[name] == 1}
    together = {**unique, **written}
    return {name: together[name] for name in sorted(together) if name not in models}


def _ordered(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))


def _words(values: Iterable[str]) -> tuple[str, ...]:
    """Members of a `StrEnum` as plain strings, which is what the domain's types hold."""
    return tuple(str(value) for value in values)


def _unix(day: str | None) -> int:
    """Midnight UTC of `YYYY-MM-DD`; 0 where nobody says when."""
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) if day else 0
