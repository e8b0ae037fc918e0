"""`opengateway route explain`: what a zone would do with a request, without sending it.

The plan is made as the gateway makes it, from the zone file; health is what a gateway that ran here
kept on disk, if one did.
"""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import structs

from opengateway.compose.paths import Paths
from opengateway.compose.zone import load_zone, snapshot_of
from opengateway.domain.catalog import Snapshot
from opengateway.domain.chat import ChatFacts, ChatRequest, ProviderPreferences
from opengateway.domain.errors import CallerError
from opengateway.domain.money import nanos_to_usd
from opengateway.domain.principal import KeyKind, Principal
from opengateway.gateway.resolve import plan_chat
from opengateway.gateway.routing.explain import candidates_shown, excluded_shown, strategy
from opengateway.gateway.routing.health_table import HealthTable
from opengateway.gateway.routing.notes import restore
from opengateway.gateway.routing.router import Router
from opengateway.gateway.routing.spots import Order, blended_price
from opengateway.infra.health.file import HealthFile
from opengateway.kit.chance import seeded
from opengateway.kit.clock import Clock, SystemClock
from opengateway.kit.json import JsonObject

_NOBODY = Principal("", "", "route explain", KeyKind.INFERENCE, "", 0, "", 0)


def explain_zone(zone_file: Path, model: str, preferences: ProviderPreferences) -> JsonObject:
    """Has `error` where no endpoint would be left. Raises `OperatorError`."""
    zone = load_zone(zone_file, os.environ)
    snapshot = snapshot_of(zone, created_at_ns=0)
    router = router_at(Paths(zone.home).gateway_state, SystemClock())
    return explained(snapshot, model, preferences, router)


def router_at(gateway_state: Path, clock: Clock) -> Router:
    """One with the health that a gateway of this home kept on disk, if one did."""
    table = HealthTable(seeded(0))
    if (note := HealthFile(gateway_state).load()) is not None:
        restore(table, note, clock.monotonic(), clock.now_ns())
    return Router(clock, seeded(0), table, shares_load=False)


def explained(
    snapshot: Snapshot,
    model: str,
    preferences: ProviderPreferences,
    router: Router,
    team_id: str = "",
) -> JsonObject:
    """The plan of a bare request, in the order of health and tiers; chance plays no part."""
    request = ChatRequest(
        model=model,
        stream=True,
        include_usage=False,
        fields={},
        facts=ChatFacts(),
        input_bytes=0,
        preferences=preferences,
    )
    try:
        plan = plan_chat(request, structs.replace(_NOBODY, team_id=team_id), snapshot)
    except CallerError as error:
        lack = error.unavailability
        return {
            "requested": model,
            "zone": snapshot.zone,
            "error": {"status": error.status, "code": error.code, "message": error.message},
            "excluded_by": list(lack.excluded_by) if lack is not None else [],
            "alternatives": list(lack.alternatives) if lack is not None else [],
        }
    order = router.order(plan)
    return {
        "requested": model,
        "zone": snapshot.zone,
        "model": plan.candidates[0].model.id,
        "strategy": strategy(plan),
        "candidates": _priced(order),
        "excluded": excluded_shown(plan.excluded),
    }


def _priced(order: Order) -> list[JsonObject]:
    shown = candidates_shown(order)
    for row, spot in zip(shown, order.spots, strict=False):
        row["priority"] = spot.candidate.endpoint.priority
        row["usd_per_million"] = nanos_to_usd(int(blended_price(spot.candidate)))
    return shown


def lines(found: JsonObject) -> list[str]:
    """The same for people."""
    head = f"{found['requested']} in the zone {found['zone']}"
    if "error" in found:
        error = found["error"]
        told = [f"{head}: nobody can serve it", f"  {error['status']} {error['code']}"]
        told.append(f"  {error['message']}")
        told += [f"  excluded by {reason}" for reason in found["excluded_by"]]
        if found["alternatives"]:
            told.append(f"  near: {', '.join(found['alternatives'])}")
        return told
    told = [f"{head}: {found['model']}, by {found['strategy']}"]
    for number, row in enumerate(found["candidates"], 1):
        latency = row["first_token_ms"]
        told.append(
            f"  {number}. {row['endpoint']}  {row['band']}"
            f"  expected {row['expected']:.3f}  tier {row['tier']}  priority {row['priority']}"
            f"  {row['usd_per_million']} USD/M"
            + (f"  first token {latency} ms" if latency is not None else "")
            + (f"  out: {', '.join(row['out_for'])}" if "out_for" in row else "")
        )
    told += [f"  -  {row['endpoint']}  left out: {row['by']}" for row in found["excluded"]]
    return told
