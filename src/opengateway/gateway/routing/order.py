"""Step 6, `route`: candidates in the order in which they are tried. A permutation, never a filter.

Within a fallback rank: first by band (how well they are), then by tier (what the request uses, the
caller's order, region, priority), then by policy: the load shared by price, latency and what is in
flight, or sorted as the request says.

Written for speed: it runs for every request. What a snapshot decides is in `Spot` and `Group`.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from opengateway.domain.chat import Percentiles, SortBy
from opengateway.domain.routing import Candidate, Choice, Plan
from opengateway.domain.usage import Dimension
from opengateway.gateway.routing.health import Health, Standing
from opengateway.kit.chance import Chance

EXPLORE: Final = 0.01
EXPLORE_PRICE: Final = 1.5
"""Nobody pays more than half as much again so that we learn something."""
WORSE: Final = 1.5
"""The drawn endpoint is given up for the other one if its load is that much more."""
_UNKNOWN: Final = 1e6
_LEAST_WEIGHT: Final = 1e-4

# Bands: a `Standing`, with those that have no room between those that are well or not quite and
# those that are out.
FULL: Final = 3
HALF: Final = 4
OUT: Final = 5
RESTING: Final = 6
_BAND_OF: Final = {
    Standing.WELL: 0,
    Standing.DEGRADED: 1,
    Standing.POOR: 2,
    Standing.HALF: HALF,
    Standing.OUT: OUT,
    Standing.RESTING: RESTING,
}
_BAND: Final = 1_000_000
_PUSHED: Final = 100_000


class Spot:
    """A candidate of a plan, with its health and what does not change while the snapshot stands."""

    __slots__ = ("candidate", "cell", "index", "place", "price", "tier", "weight")

    def __init__(self, index: int, candidate: Candidate, cell: Health, price: float) -> None:
        self.index = index
        """Within its group."""
        self.candidate = candidate
        self.place = candidate.place
        self.cell = cell
        self.tier = candidate.tier
        self.price = price
        self.weight = 1.0
        """By price: the square of how much dearer it is than the cheapest, and its own weight."""


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

    __slots__ = ("generation", "groups", "plan")

    def __init__(
        self, plan: Plan, health_of: Callable[[Candidate], Health], generation: int
    ) -> None:
        self.plan = plan
        self.generation = generation
        spots = [
            Spot(index, candidate, health_of(candidate), blended_price(candidate))
            for index, candidate in enumerate(plan.candidates)
        ]
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
    sticky: Candidate | None = None


_ROUTINE: Final = (Asked(stream=False), Asked(stream=True))


def asked(stream: bool) -> Asked:
    return _ROUTINE[stream]


def arrange(
    bound: Bound, asked: Asked, now: float, chance: Chance, *, shares_load: bool = True
) -> Order:
    """The order of a request. Draws from `chance`; without `shares_load`, as the plan has it."""
    spots: list[Spot] = []
    bands: list[int] = []
    why = Choice.ORDER
    panic = False
    for group in bound.groups:
        found = _ranked(group, bound.plan, asked, now, chance, shares_load)
        if not spots:
            why, panic = found.why, found.panic
            spots, bands = found.spots, found.bands
        else:
            spots += found.spots
            bands += found.bands
    return Order(spots, bands, why, panic)


def _ranked(
    group: Group, plan: Plan, asked: Asked, now: float, chance: Chance, shares_load: bool
) -> Order:
    keys, troubled = _keys(group, plan, asked, now, shares_load)
    why = Choice.ORDER
    if len(keys) > 1:
        if shares_load and group.sort is None:
            _draw(keys, group, now, chance, troubled)
        keys.sort()
        why = _front(keys, group, plan, asked, now, chance, shares_load)
    elif keys[0][0] >= HALF * _BAND:
        why = Choice.LAST_RESORT
    spots = group.spots
    panic = troubled > 0 and _is_panic(keys)
    return Order([spots[key[2]] for key in keys], [key[0] // _BAND for key in keys], why, panic)


_Key = tuple[int, float, int]
"""Band, push and tier in one number; the load; which spot."""


def _keys(
    group: Group, plan: Plan, asked: Asked, now: float, shares_load: bool
) -> tuple[list[_Key], int]:
    """What the order goes by, in the order of the spots; and how many are not well."""
    most_s = plan.preferences.preferred_max_latency
    least_rate = plan.preferences.preferred_min_throughput
    sort, stream = group.sort, asked.stream
    keys: list[_Key] = []
    troubled = 0
    for spot in group.spots:
        cell = spot.cell
        limit = cell.limit
        # Most endpoints are well, and nothing waits there: seen without a call.
        if cell.clear and not cell.waiting:
            rank = spot.tier
        else:
            rank = _BAND_OF[cell.standing(now)] * _BAND + spot.tier
        if limit.limit < _UNLIMITED or cell.credential_limit.limit < _UNLIMITED:
            rank = _with_room(rank, spot)
        if rank >= _BAND:
            troubled += 1
        if (most_s or least_rate) and is_pushed(cell, most_s, least_rate):
            rank += _PUSHED
        if rank >= RESTING * _BAND:
            load = cell.rests_until()
        elif sort is not None:
            load = sort_key(spot, sort, stream)
        elif not shares_load:
            load = 0.0
        elif (mean := (cell.first if stream else cell.whole).mean) is not None:
            load = (limit.in_flight + 1) * mean / spot.weight
        else:
            # Nothing is known: it is asked once, and not flooded.
            load = limit.in_flight * _UNKNOWN / spot.weight
        keys.append((rank, load, spot.index))
    return keys, troubled


_UNLIMITED: Final = float("inf")


def _with_room(rank: int, spot: Spot) -> int:
    if rank < FULL * _BAND and not spot.cell.has_room:
        return FULL * _BAND + spot.tier
    return rank


def _draw(keys: list[_Key], group: Group, now: float, chance: Chance, troubled: int) -> None:
    """Two of the best are drawn, each by its weight; the less loaded will stand first."""
    random, spots = chance.random, group.spots
    if troubled or not group.one_tier or len(group.totals) != len(keys):
        _draw_among(keys, group, now, chance)
        return
    totals = group.totals
    last = len(totals) - 1
    first = bisect(totals, random() * totals[-1], 0, last)
    cell = spots[first].cell
    if not cell.clear and random() >= cell.weight(now):
        _draw_among(keys, group, now, chance)
        return
    second = bisect(totals, random() * totals[-1], 0, last)
    if second == first:
        second = (first + 1 + int(random() * last)) % len(totals)
    _stand_first(keys, first, second, spots, now)


def _draw_among(keys: list[_Key], group: Group, now: float, chance: Chance) -> None:
    """The same among those of the best rank only."""
    best = min(keys)[0]
    if best >= RESTING * _BAND:
        return
    tied = [place for place, key in enumerate(keys) if key[0] == best]
    if len(tied) < 2:
        return
    spots = group.spots
    totals = list(accumulate(spots[place].weight * spots[place].cell.weight(now) for place in tied))
    last = len(tied) - 1
    first = bisect(totals, chance.random() * totals[-1], 0, last)
    second = bisect(totals, chance.random() * totals[-1], 0, last)
    if second == first:
        second = (first + 1 + int(chance.random() * last)) % len(tied)
    _stand_first(keys, tied[first], tied[second], spots, now)


def _stand_first(keys: list[_Key], first: int, second: int, spots: list[Spot], now: float) -> None:
    """The first drawn, unless it is clearly the more loaded: by more where the other is dearer.

    What starts slowly is idle because it is meant to be.
    """
    one, other = spots[first], spots[second]
    limit = WORSE * keys[second][1] * other.weight
    if one.weight > other.weight:
        limit *= one.weight / other.weight
    if keys[first][1] * one.weight > limit and (other.cell.clear or other.cell.weight(now) >= 1.0):
        first = second
    rank, _, index = keys[first]
    keys[first] = rank, -1.0, index


def _front(
    keys: list[_Key],
    group: Group,
    plan: Plan,
    asked: Asked,
    now: float,
    chance: Chance,
    shares_load: bool,
) -> Choice:
    """Who goes before the order: a trial, the conversation's own endpoint, an exploration."""
    best_band = keys[0][0] // _BAND
    preferences = plan.preferences
    listed = bool(preferences.order)
    if best_band < HALF and (place := _trial(keys, group, asked, now, listed)) is not None:
        keys.insert(0, keys.pop(place))
        return Choice.TRIAL
    if asked.sticky is not None and not listed:
        wanted = asked.sticky
        for place, (rank, _, at) in enumerate(keys):
            if rank >= _BAND:
                break
            candidate = group.spots[at].candidate
            if (
                candidate.endpoint.id == wanted.endpoint.id
                and candidate.endpoint.region == wanted.endpoint.region
                and candidate.credential == wanted.credential
            ):
                keys.insert(0, keys.pop(place))
                return Choice.STICKY
        return Choice.ORDER
    if best_band >= HALF:
        return Choice.LAST_RESORT
    if (
        shares_load
        and not listed
        and group.sort is not SortBy.PRICE
        and chance.random() < EXPLORE
        and _explore(keys, group, now)
    ):
        return Choice.EXPLORE
    return Choice.ORDER


def _trial(keys: list[_Key], group: Group, asked: Asked, now: float, listed: bool) -> int | None:
    """An endpoint that is half open and may be tried, for a request that could go elsewhere.

    Where the caller says what goes first, only one that would have gone first if it were well.
    """
    if keys[-1][0] < HALF * _BAND:
        return None
    rules = listed or group.sort is not None
    best_tier, best_load, _ = keys[0]
    for place, (rank, load, at) in enumerate(keys):
        if rank // _BAND != HALF:
            continue
        if rules and (rank % _BAND, load) > (best_tier % _BAND, best_load):
            continue
        if asked.sticky is not None and not _overdue(group.spots[at].cell, now):
            continue  # a warm cache is not left for a look
        if group.spots[at].cell.may_try(now):
            return place
    return None


def _overdue(cell: Health, now: float) -> bool:
    """Half open for seconds, and nobody without a conversation came to try it."""
    return now - cell.out_until() > 3.0


def _explore(keys: list[_Key], group: Group, now: float) -> bool:
    """The one that was asked longest ago goes first, if it is not dear."""
    spots = group.spots
    most = EXPLORE_PRICE * spots[keys[0][2]].price
    found = -1
    oldest = now
    for place in range(1, len(keys)):
        rank, _, at = keys[place]
        cell = spots[at].cell
        if rank < 2 * _BAND and cell.used_at < oldest and spots[at].price <= most:
            found, oldest = place, cell.used_at
    if found < 0:
        return False
    keys.insert(0, keys.pop(found))
    return True


def _is_panic(keys: list[_Key]) -> bool:
    gone = sum(1 for key in keys if key[0] >= HALF * _BAND)
    return gone * 2 > len(keys)


def sort_key(spot: Spot, sort: SortBy, stream: bool) -> float:
    """Less is first. What nobody measured yet is asked first, once."""
    cell = spot.cell
    match sort:
        case SortBy.PRICE:
            return spot.price
        case SortBy.LATENCY:
            found = (cell.first if stream else cell.whole).quantile(50)
        case SortBy.THROUGHPUT:
            found = cell.pace.quantile(50)
    if found is not None:
        return found
    return 0.0 if cell.limit.in_flight == 0 else _UNKNOWN


def is_pushed(cell: Health, most_s: Percentiles, least_rate: Percentiles) -> bool:
    """Whether what was measured misses a preference. What nobody measured misses none."""
    for percentile, bound in most_s:
        found = cell.first.quantile(percentile)
        if found is not None and found > bound:
            return True
    for percentile, bound in least_rate:
        # So many of 100 tokens come at least that fast: of the time for one, the same quantile.
        found = cell.pace.quantile(percentile)
        if found is not None and found * bound > 1.0:
            return True
    return False
