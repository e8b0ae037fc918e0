"""Who goes before the order: a trial, the conversation's own endpoint, an exploration."""

from __future__ import annotations

from typing import Final

from opengateway.domain.chat import SortBy
from opengateway.domain.routing import Choice, Plan
from opengateway.gateway.routing.health import Health
from opengateway.gateway.routing.spots import BAND, HALF, Asked, Domain, Group, Key, Spot
from opengateway.kit.chance import Chance

EXPLORE: Final = 0.01
EXPLORE_PRICE: Final = 1.5
"""Nobody pays more than half as much again so that we learn something."""
_STICKY_BELOW: Final = 2
"""The band from which on a warm cache is given up: what is degraded still answers most requests."""
_SLOWER: Final = 3.0
_SLOWER_S: Final = 1.0
"""A first token that comes so many times, and so much, later is worse than a cold cache."""
_USUAL_CACHED: Final = 4_096
_USUAL_OUTPUT: Final = 400
"""Tokens of a turn, where nothing is known of them."""
_CROWDED: Final = 2
_FULLER: Final = 1.25
_BITS: Final = (1 << 64) - 1


def front(
    keys: list[Key],
    group: Group,
    plan: Plan,
    asked: Asked,
    now: float,
    chance: Chance,
    shares_load: bool,
) -> Choice:
    """Who goes before the order: a trial, the conversation's own endpoint, an exploration."""
    best_band = keys[0][0] // BAND
    preferences = plan.preferences
    listed = bool(preferences.order)
    if best_band < HALF and (place := _trial(keys, group, asked, now, listed)) is not None:
        keys.insert(0, keys.pop(place))
        return Choice.TRIAL
    if asked.sticky is not None and not listed:
        place = _own(keys, group, asked, asked.sticky)
        if place is None:
            return Choice.ORDER if best_band < HALF else Choice.LAST_RESORT
        keys.insert(0, keys.pop(place))
        return Choice.STICKY
    if asked.prefix is not None and not listed and best_band < HALF:
        place = _by_prefix(keys, group, asked.prefix)
        if place is not None:
            keys.insert(0, keys.pop(place))
            return Choice.STICKY
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


def _own(keys: list[Key], group: Group, asked: Asked, domain: Domain) -> int | None:
    """Where the conversation's prompts are, if that is well enough, and worth it."""
    spots = group.spots
    best = spots[keys[0][2]]
    for place, (rank, _, at) in enumerate(keys):
        if rank >= _STICKY_BELOW * BAND:
            return None
        spot = spots[at]
        if spot.domain == domain:
            return place if place == 0 or _is_worth_it(spot, best, asked) else None
    return None


def saving_nanos(spot: Spot, other: Spot, cached_tokens: int) -> float:
    """What going to `spot`, which has that much in its cache, saves against `other`, which has not:
    for a turn of as much output as is usual."""
    cold = other.price_in * cached_tokens + other.price_out * _USUAL_OUTPUT
    warm = spot.price_read * cached_tokens + spot.price_out * _USUAL_OUTPUT
    return (cold - warm) / 1e6


def _is_worth_it(spot: Spot, best: Spot, asked: Asked) -> bool:
    if spot.domain == best.domain:
        return True
    mine, others = spot.cell, best.cell
    if spot.is_replica:
        if mine.limit.in_flight > _CROWDED * (others.limit.in_flight + 2):
            return False
    elif saving_nanos(spot, best, asked.cached_tokens or _USUAL_CACHED) < 0:
        return False
    slow, quick = mine.first.mean, others.first.mean
    return slow is None or quick is None or slow < _SLOWER * quick + _SLOWER_S


def _by_prefix(keys: list[Key], group: Group, prefix: int) -> int | None:
    """Of servers with caches of their own: the same for the same beginning, as long as it is not
    much fuller than the others (rendezvous hashing, with bounded loads)."""
    best_rank = keys[0][0]
    found: list[tuple[int, int, int]] = []
    in_flight = 0
    for place, (rank, _, at) in enumerate(keys):
        if rank != best_rank:
            break
        spot = group.spots[at]
        if not spot.is_replica:
            return None
        running = spot.cell.limit.in_flight
        in_flight += running
        found.append((_mixed(prefix ^ spot.seed), running, place))
    if len(found) < 2:
        return None
    most = _FULLER * (in_flight + 1) / len(found)
    for _, running, place in sorted(found, reverse=True):
        if running < most:
            return place
    return None


def _mixed(number: int) -> int:
    """Every bit of it depends on every bit (the finalizer of splitmix64)."""
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9 & _BITS
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB & _BITS
    return number ^ (number >> 31)


def _trial(keys: list[Key], group: Group, asked: Asked, now: float, listed: bool) -> int | None:
    """An endpoint that is half open and may be tried, for a request that could go elsewhere.

    Where the caller says what goes first, only one that would have gone first if it were well.
    """
    if keys[-1][0] < HALF * BAND:
        return None
    rules = listed or group.sort is not None
    best_tier, best_load, _ = keys[0]
    for place, (rank, load, at) in enumerate(keys):
        if rank // BAND != HALF:
            continue
        if rules and (rank % BAND, load) > (best_tier % BAND, best_load):
            continue
        if asked.sticky is not None and not _overdue(group.spots[at].cell, now):
            continue  # a warm cache is not left for a look
        if group.spots[at].cell.may_try(now):
            return place
    return None


def _overdue(cell: Health, now: float) -> bool:
    """Half open for seconds, and nobody without a conversation came to try it."""
    return now - cell.out_until() > 3.0


def _explore(keys: list[Key], group: Group, now: float) -> bool:
    """The one that was asked longest ago goes first, if it is not dear."""
    spots = group.spots
    most = EXPLORE_PRICE * spots[keys[0][2]].price
    found = -1
    oldest = now
    for place in range(1, len(keys)):
        rank, _, at = keys[place]
        cell = spots[at].cell
        if rank < 2 * BAND and cell.used_at < oldest and spots[at].price <= most:
            found, oldest = place, cell.used_at
    if found < 0:
        return False
    keys.insert(0, keys.pop(found))
    return True
