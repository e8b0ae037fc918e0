"""The surfaces beside chat, as the data app takes them: path, and services with their own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from opengateway.dialects.openai_chat.routing_note import (
    COMPLETION_CHUNK,
    NamedRoutingNotes,
    OpenAIRoutingNotes,
)
from opengateway.dialects.openai_operations import DIALECTS
from opengateway.domain.operations import Operation
from opengateway.gateway.services import GatewayServices
from opengateway.ports.dialect import RoutingNotes
from opengateway.providers.operations import operation_wires

PATHS: Final[Mapping[Operation, str]] = {
    Operation.EMBEDDINGS: "/v1/embeddings",
    Operation.RERANK: "/v1/rerank",
    Operation.IMAGES: "/v1/images/generations",
    Operation.SPEECH: "/v1/audio/speech",
    Operation.TRANSCRIPTIONS: "/v1/audio/transcriptions",
    Operation.TRANSLATIONS: "/v1/audio/translations",
    Operation.MODERATIONS: "/v1/moderations",
    Operation.COMPLETIONS: "/v1/completions",
}


_NAMED: Final = NamedRoutingNotes()
_NOTES: Final[Mapping[Operation, RoutingNotes]] = {
    Operation.COMPLETIONS: OpenAIRoutingNotes(COMPLETION_CHUNK)
}


def operation_services(services: GatewayServices) -> dict[str, GatewayServices]:
    """By path: the same gateway, which decodes and asks as that operation does."""
    return {
        path: replace(
            services,
            chat_dialect=DIALECTS[operation],
            wires=operation_wires(operation),
            routing_notes=_NOTES.get(operation, _NAMED),
        )
        for operation, path in PATHS.items()
    }
