"""A team's routing policy over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from opengateway.control.access import permits
from opengateway.control.actor import CurrentActor
from opengateway.control.conditions import IfMatch, show_version
from opengateway.control.providers.tools import Desk
from opengateway.control.scope import Scope
from opengateway.control.team_routing.schemas import RoutingPolicyBody, RoutingPolicyView
from opengateway.control.team_routing.service import TeamRouting

router = APIRouter(prefix="/teams/{team_id}/routing", tags=["teams"])


async def _service(scope: Scope, actor: CurrentActor, desk: Desk) -> TeamRouting:
    return TeamRouting(scope, actor, desk)


Service = Annotated[TeamRouting, Depends(_service)]


@router.get("", openapi_extra=permits("routing.read"))
async def get_routing_policy(
    team_id: str, service: Service, response: Response
) -> RoutingPolicyView:
    """Where the team's requests may go at all."""
    team, policy = await service.get(team_id)
    show_version(response, team.version)
    return RoutingPolicyView.of(policy, service.served(policy), team.version)


@router.put("", openapi_extra=permits("routing.write"))
async def set_routing_policy(
    team_id: str,
    wanted: RoutingPolicyBody,
    service: Service,
    response: Response,
    if_match: IfMatch = None,
) -> RoutingPolicyView:
    """Set the ceiling, whole. Requests and keys may narrow it, never widen it; the zone's holds beside
    it. Gateways follow within seconds."""
    policy = wanted.policy()
    team = await service.put(team_id, policy, if_match=if_match)
    show_version(response, team.version)
    return RoutingPolicyView.of(policy, service.served(policy), team.version)
