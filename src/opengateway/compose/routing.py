"""The router of a gateway process, and what keeps its health: gossip and the copy on disk."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opengateway.compose.zone import Zone
from opengateway.gateway.routing.health_table import HealthTable
from opengateway.gateway.routing.router import Router
from opengateway.gateway.routing.upkeep import HealthUpkeep, PinUpkeep
from opengateway.http.metrics_app import Sample
from opengateway.infra.health.file import HealthFile
from opengateway.infra.health.memory import MemoryHealthGossip
from opengateway.kit import log
from opengateway.kit.chance import random_bytes, seeded
from opengateway.kit.clock import Clock
from opengateway.ports.health_gossip import HealthGossip
from opengateway.ports.pins import PinStore

_DEADLINE_S = 1.0
"""Of a round of gossip: nobody waits for it."""


_Closer = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class RoutingParts:
    """`upkeep.run()` and `pin_upkeep.run()` run beside the server; `aclose` after it."""

    router: Router
    upkeep: HealthUpkeep
    pin_upkeep: PinUpkeep
    gossip: HealthGossip
    closers: tuple[_Closer, ...]

    async def aclose(self) -> None:
        self.upkeep.keep()
        await self.pin_upkeep.once()
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
    table.who = gateway_id
    gossip, pins, closers = _shared(zone, gateway_id, clock)
    router = Router(clock, chance, table, pins=pins)
    file = HealthFile(folder)
    upkeep = HealthUpkeep(table, gossip, file.save, clock, tell)
    upkeep.restore(file.load())
    return RoutingParts(router, upkeep, PinUpkeep(router), gossip, closers)


def _shared(
    zone: Zone, gateway_id: str, clock: Clock
) -> tuple[HealthGossip, PinStore | None, tuple[_Closer, ...]]:
    """What the zone's gateways tell each other by. A single one needs no store for pins."""
    if not zone.stores.shared_state:
        return MemoryHealthGossip(gateway_id, clock), None, ()
    # Loaded only where it is chosen: redis is 30 ms of a start.
    from opengateway.infra.health.valkey import ValkeyHealthGossip
    from opengateway.infra.pins.valkey import ValkeyPinStore
    from opengateway.infra.shared_state.valkey import Valkey

    shared = Valkey(zone.stores.shared_state, clock, deadline_s=_DEADLINE_S)
    # Requests wait for a pin, and for its store no longer than its own deadline.
    quick = Valkey(zone.stores.shared_state, clock)
    return (
        ValkeyHealthGossip(shared, zone.name, gateway_id, clock),
        ValkeyPinStore(quick, zone.name),
        (shared.aclose, quick.aclose),
    )


def _standings(router: Router) -> Iterator[Sample]:
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
    yield from _standings(router)
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
    yield (
        "opengateway_conversations",
        "gauge",
        "Conversations whose place is known",
        {},
        len(router.stickiness),
    )
    yield (
        "opengateway_conversations_moved_total",
        "counter",
        "Conversations that went on somewhere else",
        {},
        router.stickiness.moved,
    )
