"""The hard filters of step 4: which endpoints may not serve a request, and why each may not.

Each looks at one endpoint of one model and gives the detail of its exclusion, or None. They are
applied in the order of `ExclusionCode`; an endpoint is excluded by the first that speaks. What
depends on the size of the request (`CONTEXT`) is looked at for each request, all else once for a
snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from opengateway.domain.catalog import Endpoint, Model, Provider, Snapshot
from opengateway.domain.chat import ChatRequest, ProviderPreferences
from opengateway.domain.errors import NotAllowed
from opengateway.domain.particulars import OwnCredential
from opengateway.domain.principal import Principal
from opengateway.domain.routing import Exclusion, ExclusionCode, named, within
from opengateway.domain.routing_rules import MaxPrice, RoutingPolicy
from opengateway.domain.usage import Dimension
from opengateway.gateway.access import allowed_endpoints, model_allowed
from opengateway.gateway.pricing import input_estimate, priced_for_team

Pair = tuple[Endpoint, Provider]
_PRICED: Final = (
    ("prompt", Dimension.INPUT),
    ("completion", Dimension.OUTPUT),
    ("request", Dimension.REQUESTS),
    ("image", Dimension.IMAGES),
)
_PER_MILLION: Final = frozenset(("request", "image"))
"""Bounds for one, where rates are for a million."""
ESTIMATE_MARGIN: Final = 0.8
"""An estimate by bytes errs; only what would not fit at four fifths of it is refused unsent."""


@dataclass(frozen=True, slots=True)
class Asker:
    """What the filters know of a request beside the endpoints."""

    chat: ChatRequest
    principal: Principal
    snapshot: Snapshot

    @property
    def wishes(self) -> ProviderPreferences:
        return self.chat.preferences

    @property
    def own_credentials(self) -> tuple[OwnCredential, ...]:
        return self.snapshot.own_credentials.get(self.principal.team_id, ())

    @property
    def team_policy(self) -> RoutingPolicy | None:
        return self.snapshot.team_policies.get(self.principal.team_id)


def excluded(asker: Asker, model: Model, pair: Pair) -> tuple[ExclusionCode, str] | None:
    """The first filter that takes the endpoint away, with its detail; None where it may serve."""
    endpoint, provider = pair
    if not model_allowed(asker.principal, model.id):
        return ExclusionCode.KEY_MODELS, ""
    if asker.principal.providers and not _key_allows(asker.principal, model, pair):
        return ExclusionCode.KEY_PROVIDERS, ""
    zone, team = asker.snapshot.routing.policy, asker.team_policy
    if team is not None and (why := _by_policy(team, pair, asker.snapshot.zone)) is not None:
        return ExclusionCode.TEAM_POLICY, why
    if (why := _by_policy(zone, pair, asker.snapshot.zone)) is not None:
        return ExclusionCode.ZONE, why
    if (why := _by_data_policy(asker, provider)) is not None:
        return ExclusionCode.DATA_POLICY, why
    return _by_wishes(asker, model, endpoint, provider)


def _by_wishes(
    asker: Asker, model: Model, endpoint: Endpoint, provider: Provider
) -> tuple[ExclusionCode, str] | None:
    """The request's own narrowing, and what it cannot do without."""
    wishes, facts = asker.wishes, asker.chat.facts
    pair = endpoint, provider
    if wishes.only and not _names(wishes.only, pair):
        return ExclusionCode.ONLY, ""
    if _names(wishes.ignore, pair):
        return ExclusionCode.IGNORE, ""
    if wishes.order and not wishes.allow_fallbacks and not _names(wishes.order, pair):
        return ExclusionCode.ORDER, ""
    if wishes.require_parameters and (lacking := lacking_parameters(asker.chat, model, pair)):
        return ExclusionCode.PARAMETERS, "+".join(lacking[:8])
    missing = facts.modalities - set(endpoint.modalities)
    if missing:
        return ExclusionCode.MODALITY, "+".join(sorted(missing))
    if wishes.quantizations and (endpoint.quantization or "unknown") not in wishes.quantizations:
        return ExclusionCode.QUANTIZATION, endpoint.quantization or "unknown"
    most = _most(asker, wishes.max_price)
    if most and (dear := _too_dear(asker, model, endpoint, most)):
        return ExclusionCode.MAX_PRICE, dear
    return None


def _key_allows(principal: Principal, model: Model, pair: Pair) -> bool:
    try:
        return bool(allowed_endpoints(principal, model.id, (pair,)))
    except NotAllowed:
        return False


def _by_policy(policy: RoutingPolicy, pair: Pair, zone: str) -> str | None:
    """Who may serve, and where from. Fails closed: an unknown country is no country of the list."""
    endpoint, provider = pair
    if policy.only and not _names(policy.only, pair):
        return zone
    if _names(policy.ignore, pair):
        return zone
    # The bundled simulator is this very product: nothing leaves.
    if policy.countries and not provider.bundled:
        country = endpoint.country or provider.country
        if country not in policy.countries:
            return country or "unknown country"
    return None


def _by_data_policy(asker: Asker, provider: Provider) -> str | None:
    """Whoever asks for it: the zone, the team or the request."""
    asked = (asker.wishes, asker.snapshot.routing.policy, asker.team_policy)
    policies = [policy for policy in asked if policy is not None]
    if not provider.zdr and any(policy.zdr for policy in policies):
        return "zdr"
    if provider.collects_data and any(policy.deny_data_collection for policy in policies):
        return "data_collection"
    return None


def _names(slugs: Iterable[str], pair: Pair) -> bool:
    endpoint, provider = pair
    return named(slugs, provider, endpoint)


def order_rank(slugs: tuple[str, ...], pair: Pair) -> int:
    """The place in `provider.order`; behind it for who is not named."""
    endpoint, provider = pair
    place = f"{provider.id}/{endpoint.region}"
    return next((at for at, slug in enumerate(slugs) if within(place, slug)), len(slugs))


# --- parameters -----------------------------------------------------------------------------------


def lacking_parameters(chat: ChatRequest, model: Model, pair: Pair) -> tuple[str, ...]:
    """Members of the request that the endpoint would leave out, or cannot honour.

    Those of wires that translate are known once the request is made: attempts look again.
    """
    profile = pair[1].profile
    lacking = [name for name in (*profile.drop, *profile.refuse) if name in chat.fields]
    lacking += unsupported(chat, model, pair)
    return tuple(dict.fromkeys(lacking))


def unsupported(chat: ChatRequest, model: Model, pair: Pair) -> tuple[str, ...]:
    """Of what the request uses - tools, a format, reasoning, verbosity - what is not known there.

    The soft preference: such endpoints go last, and are not left out.
    """
    facts, (endpoint, provider) = chat.facts, pair
    found: list[str] = []
    if facts.has_tools and not endpoint.tools:
        found.append("tools")
    if facts.response_format in ("json_object", "json_schema") and (
        "structured_output" not in model.capabilities
        or (facts.response_format == "json_schema" and provider.profile.json_object_for_schema)
    ):
        found.append("response_format")
    if facts.reasoning_effort not in (None, "none") and not endpoint.reasoning:
        found.append("reasoning_effort")
    if "verbosity" in chat.fields and "verbosity" in provider.profile.drop:
        found.append("verbosity")
    return tuple(found)


# --- price ----------------------------------------------------------------------------------------


def _most(asker: Asker, wished: MaxPrice | None) -> tuple[MaxPrice, ...]:
    team = asker.team_policy
    ceilings = (
        wished,
        asker.snapshot.routing.policy.max_price,
        team.max_price if team is not None else None,
    )
    return tuple(ceiling for ceiling in ceilings if ceiling is not None)


def _too_dear(asker: Asker, model: Model, endpoint: Endpoint, most: Iterable[MaxPrice]) -> str:
    """The first price that is above a bound: at what this team pays."""
    own = asker.snapshot.team_prices.get(asker.principal.team_id)
    rates = (priced_for_team(own, model.id, endpoint) if own else endpoint).price.rates
    for bounds in most:
        for name, dimension in _PRICED:
            bound: int | None = getattr(bounds, name)
            if bound is None:
                continue
            if rates.get(dimension, 0) > bound * (1_000_000 if name in _PER_MILLION else 1):
                return name
    return ""


# --- size -----------------------------------------------------------------------------------------


def too_long(chat: ChatRequest, endpoint: Endpoint) -> str | None:
    """How much the request would need, where that is more than the endpoint's context."""
    asked = chat.facts.max_output_tokens or 0
    needed = int(input_estimate(chat, endpoint) * ESTIMATE_MARGIN) + asked
    return str(needed) if needed > endpoint.context else None


def exclusion(model: Model, pair: Pair, found: tuple[ExclusionCode, str]) -> Exclusion:
    endpoint, provider = pair
    return Exclusion(f"{provider.id}/{endpoint.region}", model.id, *found)
