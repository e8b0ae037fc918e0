"""Step 6, `route`: candidates in the order in which they are tried. A permutation, never a filter.

Within a fallback rank: first by band (how well they are), then by tier (what the request uses, the
caller's order, region, priority), then by policy: the load shared by price, latency and what is in
flight, or sorted as the request says.

Written for speed: it runs for every request. What a snapshot decides is in `Spot` and `Group`.
"""

from __future__ import annotations

from bisect import bisect
from itertools import accumulate
from typing import Final

from opengateway.domain.chat import Percentiles, SortBy
from opengateway.domain.routing import Choice, Plan
from opengateway.gateway.routing.front import front
from opengateway.gateway.routing.health import Health
from opengateway.gateway.routing.spots import (
    BAND,
    BAND_OF,
    FULL,
    HALF,
    PUSHED,
    RESTING,
    Asked,
    Bound,
    Group,
    Key,
    Order,
    Spot,
)
from opengateway.kit.chance import Chance

WORSE: Final = 1.5
"""The drawn endpoint is given up for the other one if its load is that much more."""
_UNKNOWN: Final = 1e6


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
        why = front(keys, group, plan, asked, now, chance, shares_load)
    elif keys[0][0] >= HALF * BAND:
        why = Choice.LAST_RESORT
    spots = group.spots
    panic = troubled > 0 and _is_panic(keys)
    return Order([spots[key[2]] for key in keys], [key[0] // BAND for key in keys], why, panic)


def _keys(
    group: Group, plan: Plan, asked: Asked, now: float, shares_load: bool
) -> tuple[list[Key], int]:
    """What the order goes by, in the order of the spots; and how many are not well."""
    most_s = plan.preferences.preferred_max_latency
    least_rate = plan.preferences.preferred_min_throughput
    sort, stream = group.sort, asked.stream
    keys: list[Key] = []
    troubled = 0
    for spot in group.spots:
        cell = spot.cell
        limit = cell.limit
        # Most endpoints are well, and nothing waits there: seen without a call.
        if cell.clear and not cell.waiting:
            rank = spot.tier
        else:
            rank = BAND_OF[cell.standing(now)] * BAND + spot.tier
        if limit.limit < _UNLIMITED or cell.credential_limit.limit < _UNLIMITED:
            rank = _with_room(rank, spot)
        if rank >= BAND:
            troubled += 1
        if (most_s or least_rate) and is_pushed(cell, most_s, least_rate):
            rank += PUSHED
        if rank >= RESTING * BAND:
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
    if rank < FULL * BAND and not spot.cell.has_room:
        return FULL * BAND + spot.tier
    return rank


def _draw(keys: list[Key], group: Group, now: float, chance: Chance, troubled: int) -> None:
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


def _draw_among(keys: list[Key], group: Group, now: float, chance: Chance) -> None:
    """The same among those of the best rank only."""
    best = min(keys)[0]
    if best >= RESTING * BAND:
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


def _stand_first(keys: list[Key], first: int, second: int, spots: list[Spot], now: float) -> None:
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


def _is_panic(keys: list[Key]) -> bool:
    gone = sum(1 for key in keys if key[0] >= HALF * BAND)
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
