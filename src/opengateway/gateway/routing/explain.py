"""Why a request went where it went: for its record, for `debug.routing`, and for operators."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from opengateway.domain.chat import ProviderPreferences, SortBy
from opengateway.domain.money import nanos_to_usd
from opengateway.domain.records import AttemptRecord, RoutingRecord
from opengateway.domain.routing import Exclusion, Plan
from opengateway.gateway.routing.front import saving_nanos
from opengateway.gateway.routing.route import Route
from opengateway.gateway.routing.spots import FULL, HALF, OUT, RESTING, Order
from opengateway.kit.json import JsonObject

_TOLD: Final = 32
"""Candidates and exclusions that are told; a plan may have more."""
_BANDS = {
    0: "well",
    1: "degraded",
    2: "poor",
    FULL: "full",
    HALF: "half_open",
    OUT: "out",
    RESTING: "resting",
}


def strategy(plan: Plan) -> str:
    """What the order goes by: `order`, a sort, or `availability`, which shares the load."""
    preferences: ProviderPreferences = plan.preferences
    if preferences.order:
        return "order"
    sort: SortBy | None = plan.sorts[0] if plan.sorts else None
    return sort.value if sort is not None else "availability"


def routing_record(route: Route) -> RoutingRecord | None:
    """For the journal. None where there was nothing to choose and nothing left out.

    Without scores where every endpoint was well: they would all say the same.
    """
    spots = route.order.spots
    excluded = route.plan.excluded
    if len(spots) == 1 and not excluded and not route.sticky and not route.late_excluded:
        return None
    if len(spots) > _TOLD:
        spots = spots[:_TOLD]
    troubled = [spot for spot in spots if not spot.cell.clear]
    return RoutingRecord(
        strategy=strategy(route.plan),
        order=[spot.place for spot in spots],
        scores=[round(spot.cell.expected, 3) for spot in spots] if troubled else [],
        excluded=_excluded_words(route) if excluded or route.late_excluded else [],
        sticky=route.sticky,
    )


@lru_cache(maxsize=1024)
def _static_words(plan: Plan) -> tuple[str, ...]:
    """The same for every request of a plan."""
    return tuple(f"{e.place} {e.reason}" for e in plan.excluded[:_TOLD])


def _excluded_words(route: Route) -> list[str]:
    found = list(_static_words(route.plan))
    late = route.late_excluded[: _TOLD - len(found)]
    return found + [f"{candidate.place} require_parameters:{why}" for candidate, why in late]


def routing_note(
    route: Route,
    attempts: Sequence[AttemptRecord],
    *,
    zone: str,
    deadline_left_s: float,
    dropped: Sequence[str] = (),
) -> JsonObject:
    """What `debug.routing` shows the caller, as `extra.routing` (reference: product, d7)."""
    plan = route.plan
    late = [
        {
            "endpoint": candidate.place,
            "model": candidate.model.id,
            "by": f"require_parameters:{why}",
        }
        for candidate, why in route.late_excluded[:_TOLD]
    ]
    return {
        "requested": route.chat.model,
        "strategy": strategy(plan),
        "zone": zone,
        "attempt": len(attempts),
        "deadline_left_ms": max(0, int(deadline_left_s * 1000)),
        "sticky": _sticky_shown(route),
        "candidates": {
            "total": len(plan.candidates) + len(plan.excluded),
            "order": candidates_shown(route.order),
            "excluded": [*excluded_shown(plan.excluded), *late],
        },
        "attempts": [_attempt_shown(attempt) for attempt in attempts],
        "params": {"dropped": list(dropped)},
    }


def _sticky_shown(route: Route) -> JsonObject:
    """With what the warm cache was expected to save, against the best of the others."""
    conversation, pin = route.conversation, route.pin
    shown: JsonObject = {"result": route.sticky or "none"}
    if conversation is None:
        return shown
    shown["key_source"] = conversation.source
    if pin is None:
        return shown
    shown["cached_tokens"] = pin.tokens
    own = next((spot for spot in route.order.spots if spot.domain == pin.domain), None)
    other = next((spot for spot in route.order.spots if spot.domain != pin.domain), None)
    if own is not None and other is not None:
        shown["expected_saving_usd"] = nanos_to_usd(int(saving_nanos(own, other, pin.tokens)))
    return shown


def candidates_shown(order: Order) -> list[JsonObject]:
    """In the order in which they would have been tried, with what that goes by."""
    return [
        {
            "endpoint": spot.place,
            "model": spot.candidate.model.id,
            "band": _BANDS[band],
            "expected": round(spot.cell.expected, 3),
            "tier": spot.candidate.tier,
            "in_flight": spot.cell.limit.in_flight,
            "first_token_ms": _ms(spot.cell.first.quantile(50)),
            **({"out_for": list(spot.cell.reasons)} if spot.cell.reasons else {}),
        }
        for spot, band in zip(order.spots[:_TOLD], order.bands[:_TOLD], strict=True)
    ]


def excluded_shown(excluded: Sequence[Exclusion]) -> list[JsonObject]:
    return [{"endpoint": e.place, "model": e.model_id, "by": e.reason} for e in excluded[:_TOLD]]


def _attempt_shown(attempt: AttemptRecord) -> JsonObject:
    shown: JsonObject = {
        "provider": attempt.provider,
        "region": attempt.region,
        "status": attempt.status,
        "why": attempt.why,
        "ms": round(attempt.ended_ms - attempt.started_ms),
    }
    if attempt.status == "failed":
        shown["error_type"] = attempt.error_class
    elif attempt.first_byte_ms is not None:
        shown["ttft_ms"] = round(attempt.first_byte_ms - attempt.started_ms)
    return shown


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
