"""Putting together the operator's desk: what the zone file fixes, and how providers are tested."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from opengateway.catalog.loader import load_catalogue
from opengateway.compose.components import EditionName
from opengateway.compose.zone import Zone
from opengateway.control.providers.tools import DeskTools, ZoneOffer
from opengateway.control.spending import SpendingTools
from opengateway.domain.catalog import Endpoint, Snapshot
from opengateway.gateway.pricing import priced_for_team
from opengateway.kit.addresses import OutboundRules
from opengateway.kit.clock import Clock
from opengateway.kit.ids import NewId
from opengateway.ports.provider_probe import ProviderProbe


@dataclass(frozen=True, slots=True)
class DeskPlan:
    """What a zone says, resolved. `probe` makes the prober within the loop that runs."""

    offer: ZoneOffer = field(default_factory=ZoneOffer)
    rules: OutboundRules = field(default_factory=OutboundRules)
    probe: Callable[[Clock, NewId], ProviderProbe] | None = None


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
        ),
        rules=OutboundRules(zone.outbound.allow, walled=zone.edition is EditionName.AIRGAP),
        probe=probe,
    )


def desk_tools(plan: DeskPlan, spending: SpendingTools, clock: Clock, new_id: NewId) -> DeskTools:
    return DeskTools(
        publisher=spending.publisher,
        zone=plan.offer,
        catalogue=load_catalogue(),
        rules=plan.rules,
        probe=None if plan.probe is None else plan.probe(clock, new_id),
        priced=_priced,
    )


def _priced(snapshot: Snapshot, team_id: str, model_id: str, endpoint: Endpoint) -> Endpoint:
    """As the gateway prices it (gateway/pricing)."""
    prices = snapshot.team_prices.get(team_id)
    return endpoint if prices is None else priced_for_team(prices, model_id, endpoint)
