"""What an order is made of: a plan's candidates with their health, in groups.

What a snapshot decides is found here once for a plan that is kept; `order.py` runs for every request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Final
from zlib import crc32

from opengateway.domain.chat import SortBy
from opengateway.domain.routing import Candidate, Choice, Plan
from opengateway.domain.usage import Dimension
from opengateway.gateway.routing.health import Health, Standing

_LEAST_WEIGHT: Final = 1e-4

# Bands: a `Standing`, with those that have no room between those that are well or not quite and
# those that are out.
FULL: Final = 3
HALF: Final = 4
OUT: Final = 5
RESTING: Final = 6
BAND_OF: Final = {
    Standing.WELL: 0,
    Standing.DEGRADED: 1,
    Standing.POOR: 2,
    Standing.HALF: HALF,
    Standing.OUT: OUT,
    Standing.RESTING: RESTING,
}
BAND: Final = 1_000_000
PUSHED: Final = 100_000


Key = tuple[int, float, int]
"""Band, push and tier in one number; the load; which spot."""


class Spot:
    """A candidate of a plan, with its health and what does not change while the snapshot stands."""

    __slots__ = (
        "candidate",
        "cell",
        "domain",
        "has_cap",
        "index",
        "is_replica",
        "place",
        "price",
        "price_in",
        "price_out",
        "price_read",
        "seed",
        "tier",
        "weight",
    )

    def __init__(self, index: int, candidate: Candidate, cell: Health, price: float) -> None:
        self.index = index
        """Within its group."""
        self.candidate = candidate
        self.place = candidate.place
        self.cell = cell
        self.tier = candidate.tier
        self.price = price
        rates = candidate.endpoint.price.rates
        self.price_in = rates.get(Dimension.INPUT, 0)
        self.price_out = rates.get(Dimension.OUTPUT, 0)
        self.price_read = rates.get(Dimension.CACHE_READ, self.price_in)
        self.domain = domain_of(candidate)
        """Whose prompt cache it has."""
        self.has_cap = candidate.credential in candidate.provider.spend_caps
        self.is_replica = candidate.provider.profile.cache_scope == "replica"
        self.seed = crc32("\n".join(self.domain).encode())
        self.weight = 1.0
        """By price: the square of how much dearer it is than the cheapest, and its own weight."""

    @property
    def keeps_prompts(self) -> bool:
        """Whether coming back to it is worth anything."""
        scope = self.candidate.provider.profile.cache_scope
        return scope == "replica" or (scope == "account" and self.price_read < self.price_in)


class Group:
    """The candidates that are ordered among themselves: a fallback rank, or all."""

    __slots__ = ("by_tier", "one_tier", "sort", "spots", "totals")

    def __init__(self, spots: list[Spot], sort: SortBy | None) -> None:
        for index, spot in enumerate(spots):
            spot.index = index
        self.spots = spots
        self.sort = sort
        cheapest = max(min(spot.price for spot in spots), 1.0)
        for spot in spots:
            share = (cheapest / max(spot.price, cheapest)) ** 2
            spot.weight = max(share * spot.candidate.endpoint.weight, _LEAST_WEIGHT)
        self.one_tier = len({spot.tier for spot in spots}) == 1
        self.totals = list(accumulate(spot.weight for spot in spots))


class Bound:
    """A plan with its health."""

    __slots__ = ("generation", "groups", "keeps_prompts", "plan")

    def __init__(
        self, plan: Plan, health_of: Callable[[Candidate], Health], generation: int
    ) -> None:
        self.plan = plan
        self.generation = generation
        spots = [
            Spot(index, candidate, health_of(candidate), blended_price(candidate))
            for index, candidate in enumerate(plan.candidates)
        ]
        self.keeps_prompts = (
            len(spots) > 1
            and not plan.preferences.order
            and any(spot.keeps_prompts for spot in spots)
        )
        """Whether it matters to which of them a conversation comes back (decision 32)."""
        if plan.preferences.sort_across_models:
            self.groups = [Group(spots, plan.sorts[0])]
            return
        ranks: dict[int, list[Spot]] = {}
        for spot in spots:
            ranks.setdefault(spot.candidate.fallback_rank, []).append(spot)
        self.groups = [
            Group(found, plan.sorts[rank] if rank < len(plan.sorts) else None)
            for rank, found in sorted(ranks.items())
        ]


Domain = tuple[str, str, str, str]
"""Provider, region, the credential's cache domain, and the model's name there."""


def domain_of(candidate: Candidate) -> Domain:
    """Where the candidate's prompts are cached: what shares it finds them there."""
    provider, endpoint = candidate.provider, candidate.endpoint
    credential = candidate.credential or ""
    cache = provider.cache_domains.get(credential, credential)
    return provider.id, endpoint.region, cache, endpoint.upstream_model


def blended_price(candidate: Candidate) -> float:
    """Nano-dollars for a million tokens, three of input for one of output: what most requests are."""
    rates = candidate.endpoint.price.rates
    return (3 * rates.get(Dimension.INPUT, 0) + rates.get(Dimension.OUTPUT, 0)) / 4


@dataclass(slots=True)
class Order:
    """Every candidate once. `bands` in the same order; `why` is of the first."""

    spots: list[Spot]
    bands: list[int]
    why: Choice
    panic: bool = False
    """More than half of the requested model's endpoints are out."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a request decides the order."""

    stream: bool = True
    sticky: Domain | None = None
    """Where the conversation's prompts are cached."""
    cached_tokens: int = 0
    """About how many of them."""
    prefix: int | None = None
    """A number made of how the conversation begins, for servers with caches of their own."""


_ROUTINE: Final = (Asked(stream=False), Asked(stream=True))


def asked(stream: bool) -> Asked:
    return _ROUTINE[stream]
