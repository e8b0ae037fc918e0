"""Putting together the operator's desk: what the zone file fixes, and how providers are tested."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from opengateway.catalog.loader import load_catalogue
from opengateway.compose.components import EditionName, SlotName
from opengateway.compose.paths import Paths
from opengateway.compose.route_explain import explained, router_at
from opengateway.compose.zone import Zone
from opengateway.control.providers.tools import DeskTools, GatewayView, ZoneOffer
from opengateway.control.spending import SpendingTools
from opengateway.domain.catalog import Endpoint, Snapshot
from opengateway.domain.chat import ProviderPreferences
from opengateway.gateway.models import endpoints_of, models_of
from opengateway.gateway.pricing import priced_for_team
from opengateway.kit.addresses import OutboundRules
from opengateway.kit.clock import Clock
from opengateway.kit.ids import NewId
from opengateway.kit.json import JsonObject
from opengateway.ports.provider_probe import ProviderProbe


@dataclass(frozen=True, slots=True)
class DeskPlan:
    """What a zone says, resolved. `probe` makes the prober within the loop that runs."""

    offer: ZoneOffer = field(default_factory=ZoneOffer)
    rules: OutboundRules = field(default_factory=OutboundRules)
    probe: Callable[[Clock, NewId], ProviderProbe] | None = None
    gateway_state: Path | None = None
    """Where a gateway of this home keeps what it knows of endpoints' health."""


def desk_of(zone: Zone) -> DeskPlan:
    def probe(clock: Clock, new_id: NewId) -> ProviderProbe:
        from opengateway.compose.probe import Prober

        return Prober(zone, clock, new_id)

    return DeskPlan(
        offer=ZoneOffer(
            providers=zone.providers,
            credentials={p: tuple(found) for p, found in zone.secrets.items()},
            models=frozenset(zone.models),
            policy=zone.routing.policy,
            edition=zone.edition.value,
            components={s.value: getattr(zone.components, s.value).use for s in SlotName},
        ),
        rules=OutboundRules(zone.outbound.allow, walled=zone.edition is EditionName.AIRGAP),
        probe=probe,
        gateway_state=Paths(zone.home).gateway_state,
    )


def desk_tools(plan: DeskPlan, spending: SpendingTools, clock: Clock, new_id: NewId) -> DeskTools:
    return DeskTools(
        publisher=spending.publisher,
        zone=plan.offer,
        catalogue=load_catalogue(),
        rules=plan.rules,
        probe=None if plan.probe is None else plan.probe(clock, new_id),
        priced=_priced,
        gateway=_gateway_view(plan, clock),
    )


def _gateway_view(plan: DeskPlan, clock: Clock) -> GatewayView | None:
    state = plan.gateway_state
    if state is None:
        return None

    def explain(
        snapshot: Snapshot, team_id: str, model: str, preferences: ProviderPreferences
    ) -> JsonObject:
        return explained(snapshot, model, preferences, router_at(state, clock), team_id)

    return GatewayView(models=models_of, endpoints=endpoints_of, explained=explain)


def _priced(snapshot: Snapshot, team_id: str, model_id: str, endpoint: Endpoint) -> Endpoint:
    """As the gateway prices it (gateway/pricing)."""
    prices = snapshot.team_prices.get(team_id)
    return endpoint if prices is None else priced_for_team(prices, model_id, endpoint)
