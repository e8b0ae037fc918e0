"""The surfaces of a gateway, put together from dialects, wires and stores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from opengateway.compose.operations import operation_services
from opengateway.compose.wires import (
    MESSAGES_COUNTING,
    messages_wires,
    responses_counting,
    responses_wires,
)
from opengateway.dialects import anthropic_messages, openai_responses
from opengateway.dialects.openai_chat.routing_note import NamedRoutingNotes
from opengateway.gateway.responses import ResponseKeeper
from opengateway.gateway.responses_surface import ResponsesCounting, ResponsesSurface
from opengateway.gateway.services import GatewayServices
from opengateway.gateway.token_count import TokenCounting
from opengateway.http.surfaces import COUNT_MESSAGES, COUNT_RESPONSES, MESSAGES, Surfaces
from opengateway.ports.response_store import ResponseStore
from opengateway.ports.secret_box import SecretBox


def new_surfaces(
    services: GatewayServices, store: ResponseStore, box: SecretBox, keeps: Callable[[str], bool]
) -> Surfaces:
    """`keeps`: whether a team lets its responses be kept."""
    services = replace(services, keepsakes=None)  # the callers of these carry thoughts themselves
    responses = replace(
        services,
        chat_dialect=openai_responses.DIALECT,
        wires=responses_wires(services.clock, services.new_id),
        routing_notes=NamedRoutingNotes(),
    )
    messages = replace(
        services,
        chat_dialect=anthropic_messages.DIALECT,
        wires=messages_wires(services.new_id),
        routing_notes=NamedRoutingNotes(),
    )
    keeper = ResponseKeeper(store, box, keeps)
    plain, keeping = (
        TokenCounting(responses, responses_counting(services.clock, keeps=kept))
        for kept in (False, True)
    )
    return Surfaces(
        conversations={**operation_services(services), MESSAGES: messages},
        responses=ResponsesSurface(
            responses, replace(responses, chat_dialect=openai_responses.KEEPING), keeper
        ),
        counting={
            COUNT_MESSAGES: TokenCounting(messages, MESSAGES_COUNTING),
            COUNT_RESPONSES: ResponsesCounting(plain, keeping, keeper),
        },
    )
