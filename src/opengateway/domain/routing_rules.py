"""The clocks and bounds of routing, and the ceilings that nobody widens."""

from __future__ import annotations

import msgspec


class MaxPrice(msgspec.Struct, frozen=True):
    """The most that may be paid, in nano-dollars: per million tokens, per request, per image."""

    prompt: int | None = None
    completion: int | None = None
    request: int | None = None
    image: int | None = None


class RoutingPolicy(msgspec.Struct, frozen=True):
    """A ceiling on where requests may go: a zone's or a team's. Requests narrow it, never widen.

    `only` and `ignore` name providers, or one region of them (`azure/eastus`). Empty: no bound.
    """

    only: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    """ISO 3166-1 alpha-2. An endpoint whose country nobody knows is outside of them."""
    deny_data_collection: bool = False
    zdr: bool = False
    max_price: MaxPrice | None = None


class Routing(msgspec.Struct, frozen=True):
    """The clocks and bounds of an attempt, in seconds (decision 23); the zone's own ceiling."""

    connect_s: float = 5.0
    first_token_stream_s: float = 30.0
    first_token_reasoning_s: float = 120.0
    first_token_unary_s: float = 300.0
    idle_s: float = 60.0
    idle_reasoning_s: float = 120.0
    deadline_s: float = 600.0
    max_attempts: int = 4
    policy: RoutingPolicy = RoutingPolicy()
    prefer_regions: tuple[str, ...] = ()
    """Regions whose endpoints go before others that are as healthy."""
