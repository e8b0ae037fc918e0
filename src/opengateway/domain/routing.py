"""Where a request may go: the flat plan of an exchange, made once, up front."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from opengateway.domain.catalog import Endpoint, Model, Provider
from opengateway.domain.chat import NO_PREFERENCES, ProviderPreferences, SortBy
from opengateway.domain.routing_rules import MaxPrice, RoutingPolicy


class ExclusionCode(StrEnum):
    """The hard filters, in the order in which they are applied. Published: part of errors and
    records."""

    KEY_MODELS = "key_models"
    KEY_PROVIDERS = "key_providers"
    TEAM_POLICY = "team_policy"
    ZONE = "zone"
    DATA_POLICY = "data_policy"
    ONLY = "only"
    IGNORE = "ignore"
    ORDER = "order"  # provider.order with allow_fallbacks false
    PARAMETERS = "require_parameters"
    MODALITY = "modality"
    CONTEXT = "context"
    QUANTIZATION = "quantization"
    MAX_PRICE = "max_price"


class Choice(StrEnum):
    """Why an endpoint was tried when it was. Part of records."""

    ORDER = "order"  # it came first
    STICKY = "sticky"  # the conversation's cache is there
    EXPLORE = "explore"  # a small share goes where little is known
    TRIAL = "trial"  # it was out, and is asked whether it is back
    RETRY = "retry"  # once more in the same place
    FAILOVER = "failover"  # another endpoint of the model, after a failure
    FALLBACK = "fallback"  # another model, after a failure
    LAST_RESORT = "last_resort"  # nothing that is well was left


class Priority(StrEnum):
    """Who is served first where not all can be."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One endpoint that may serve the request, with what is needed to call it."""

    model: Model
    endpoint: Endpoint
    provider: Provider
    credential: str | None
    fallback_rank: int
    """0 for the requested model, 1 and 2 for its fallbacks."""
    tier: int = 0
    """Of candidates that are as healthy as each other, those of a lower tier go first: what the
    request uses and they lack, the caller's order, the region, the priority."""

    @property
    def place(self) -> str:
        """For people and records: where, and with which credential."""
        where = f"{self.provider.id}/{self.endpoint.region}"
        return f"{where}#{self.credential}" if self.credential else where


@dataclass(frozen=True, slots=True)
class Exclusion:
    """An endpoint that a filter took away."""

    place: str
    model_id: str
    code: ExclusionCode
    detail: str = ""

    @property
    def reason(self) -> str:
        return f"{self.code.value}:{self.detail}" if self.detail else self.code.value


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Candidates by fallback rank, then tier. Never empty. Known by its identity."""

    candidates: tuple[Candidate, ...]
    snapshot_version: str
    excluded: tuple[Exclusion, ...] = ()
    sorts: tuple[SortBy | None, ...] = (None,)
    """By fallback rank; None where the load is shared."""
    preferences: ProviderPreferences = NO_PREFERENCES
    least_context: int = 0
    """Of its candidates: what fits there fits everywhere."""
    kept: bool = False
    """Whether it serves other requests too, so that what is found for it is worth keeping."""


def narrowed(
    ceilings: Iterable[RoutingPolicy], wishes: ProviderPreferences
) -> tuple[RoutingPolicy, ProviderPreferences]:
    """What holds once every ceiling and the request's own wishes are put together.

    `only` is the intersection, `ignore` the union, `zdr` and the denial of data collection hold
    where anyone asks for them, of maximum prices the lowest. No ceiling is ever widened.
    """
    own = RoutingPolicy(
        only=wishes.only,
        ignore=wishes.ignore,
        deny_data_collection=wishes.deny_data_collection,
        zdr=wishes.zdr,
        max_price=wishes.max_price,
    )
    merged = own
    for ceiling in ceilings:
        merged = both_policies(ceiling, merged)
    return merged, replace(
        wishes,
        only=merged.only,
        ignore=merged.ignore,
        deny_data_collection=merged.deny_data_collection,
        zdr=merged.zdr,
        max_price=merged.max_price,
    )


def both_policies(a: RoutingPolicy, b: RoutingPolicy) -> RoutingPolicy:
    """What both allow."""
    return RoutingPolicy(
        only=_both(a.only, b.only),
        ignore=tuple(dict.fromkeys((*a.ignore, *b.ignore))),
        countries=_common(a.countries, b.countries),
        deny_data_collection=a.deny_data_collection or b.deny_data_collection,
        zdr=a.zdr or b.zdr,
        max_price=_lower(a.max_price, b.max_price),
    )


def allows(policy: RoutingPolicy, provider: Provider, endpoint: Endpoint) -> bool:
    """Whether the policy lets a request go there, whatever it costs."""
    if policy.only and not named(policy.only, provider, endpoint):
        return False
    if named(policy.ignore, provider, endpoint):
        return False
    # The bundled simulator is this very product: nothing leaves.
    if policy.countries and not provider.bundled:
        return (endpoint.country or provider.country) in policy.countries
    return not (
        (policy.zdr and not provider.zdr)
        or (policy.deny_data_collection and provider.collects_data)
    )


def named(slugs: Iterable[str], provider: Provider, endpoint: Endpoint) -> bool:
    """`azure` means every region of it, `azure/eastus` one."""
    place = f"{provider.id}/{endpoint.region}"
    return any(within(place, slug) for slug in slugs)


NOBODY = "-"
"""Of `only`: what two lists have in common where that is nothing. No slug looks like it."""


def _both(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[str, ...]:
    """Slugs that both allow: a region of a provider is within the provider."""
    if not a or not b:
        return a or b
    kept = [
        narrow
        for wide_list, narrow_list in ((a, b), (b, a))
        for narrow in narrow_list
        if any(within(narrow, wide) for wide in wide_list)
    ]
    return tuple(dict.fromkeys(kept)) or (NOBODY,)


def within(slug: str, wide: str) -> bool:
    """Whether `wide` allows all that `slug` names."""
    return slug == wide or slug.startswith(wide + "/")


def _common(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[str, ...]:
    if not a or not b:
        return a or b
    return tuple(x for x in a if x in b) or (NOBODY,)


def _lower(a: MaxPrice | None, b: MaxPrice | None) -> MaxPrice | None:
    if a is None or b is None:
        return a or b
    return MaxPrice(
        prompt=_least(a.prompt, b.prompt),
        completion=_least(a.completion, b.completion),
        request=_least(a.request, b.request),
        image=_least(a.image, b.image),
    )


def _least(a: int | None, b: int | None) -> int | None:
    return min(x for x in (a, b) if x is not None) if (a, b) != (None, None) else None
