"""The router of a gateway process, and what keeps its health: gossip and the copy on disk."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opengateway.compose.zone import Zone
from opengateway.gateway.routing.health_table import HealthTable
from opengateway.gateway.routing.router import Router
from opengateway.gateway.routing.upkeep import HealthUpkeep
from opengateway.http.metrics_app import Sample
from opengateway.infra.health.file import HealthFile
from opengateway.infra.health.memory import MemoryHealthGossip
from opengateway.kit import log
from opengateway.kit.chance import random_bytes, seeded
from opengateway.kit.clock import Clock
from opengateway.ports.health_gossip import HealthGossip

_DEADLINE_S = 1.0
"""Of a round of gossip: nobody waits for it."""


@dataclass(frozen=True, slots=True)
class RoutingParts:
    """`upkeep.run()` runs beside the server; `aclose` after it."""

    router: Router
    upkeep: HealthUpkeep
    gossip: HealthGossip
    closers: tuple[Callable[[], Coroutine[Any, Any, None]], ...]

    async def aclose(self) -> None:
        self.upkeep.keep()
        await self.gossip.leave()
        for close in self.closers:
            await close()


def new_routing(zone: Zone, folder: Path, *, gateway_id: str, clock: Clock) -> RoutingParts:
    """Make it within the running loop. `folder` has the copy on disk, which is read here."""
    logger = log.get_logger("gateway")

    def on_alarm(provider: str, credential: str, error_class: str) -> None:
        logger.error(
            "credential_refused", provider=provider, credential=credential, error_class=error_class
        )

    def tell(event: str, detail: str) -> None:
        logger.error(event, detail=detail)

    # Seeded by the kernel: each draw from the kernel would cost as much as the rest of an order.
    chance = seeded(int.from_bytes(random_bytes(16), "big"))
    table = HealthTable(chance, on_alarm)
    gossip, closers = _gossip(zone, gateway_id, clock)
    file = HealthFile(folder)
    upkeep = HealthUpkeep(table, gossip, file.save, clock, tell)
    upkeep.restore(file.load())
    return RoutingParts(Router(clock, chance, table), upkeep, gossip, closers)


def _gossip(
    zone: Zone, gateway_id: str, clock: Clock
) -> tuple[HealthGossip, tuple[Callable[[], Coroutine[Any, Any, None]], ...]]:
    if not zone.stores.shared_state:
        return MemoryHealthGossip(gateway_id, clock), ()
    # Loaded only where it is chosen: redis is 30 ms of a start.
    from opengateway.infra.health.valkey import ValkeyHealthGossip
    from opengateway.infra.shared_state.valkey import Valkey

    shared = Valkey(zone.stores.shared_state, clock, deadline_s=_DEADLINE_S)
    return ValkeyHealthGossip(shared, zone.name, gateway_id, clock), (shared.aclose,)


def routing_samples(router: Router) -> Iterator[Sample]:
    """What only this process knows of routing."""
    for (scope, error_class), count in sorted(router.health.opened.items()):
        yield (
            "opengateway_health_opened_total",
            "counter",
            "How often a scope went out, by the class of trouble",
            {"scope": scope, "class": error_class},
            count,
        )
    out = [breaker for breaker in router.health.breakers() if breaker.out]
    for kind in ("fault", "rest", "credential"):
        yield (
            "opengateway_health_out",
            "gauge",
            "Scopes that are out now, or half open",
            {"kind": kind},
            sum(1 for breaker in out if breaker.kind.value == kind),
        )
    for (provider, region, standing), count in sorted(
        router.health.standings(router.now()).items()
    ):
        yield (
            "opengateway_endpoint_standing",
            "gauge",
            "Endpoints that were used lately, by how well they are",
            {"provider": provider, "region": region, "standing": standing},
            count,
        )
    yield (
        "opengateway_retries_refused_total",
        "counter",
        "Attempts that were not made for want of retry budget",
        {},
        router.budget.refused,
    )
    yield (
        "opengateway_waiting_for_room",
        "gauge",
        "Requests before endpoints that have no room",
        {},
        len(router.waiting),
    )
    yield (
        "opengateway_shed_total",
        "counter",
        "Requests turned away because too many waited",
        {},
        router.waiting.shed,
    )
