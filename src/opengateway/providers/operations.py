"""The operations beside chat: which wire speaks which. Explicit, as the registry of chat is."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from opengateway.domain.catalog import Wire
from opengateway.domain.operations import Operation
from opengateway.ports.provider import ChatWire
from opengateway.wires.cohere import CohereEmbedWire, CohereRerankWire
from opengateway.wires.gemini.embeddings import GeminiEmbeddingsWire
from opengateway.wires.operations import ABSENT, OPENAI_OPERATIONS

_SPOKEN: Final[Mapping[Operation, Mapping[Wire, ChatWire]]] = {
    Operation.EMBEDDINGS: {
        Wire.COHERE: CohereEmbedWire(),
        Wire.GEMINI: GeminiEmbeddingsWire(),
    },
    Operation.RERANK: {Wire.COHERE: CohereRerankWire()},
}


def operation_wires(operation: Operation) -> Mapping[Wire, ChatWire]:
    """Every wire: those without the operation say so before anything is sent."""
    wires = dict.fromkeys(Wire, ABSENT)
    wires[Wire.OPENAI] = OPENAI_OPERATIONS[operation]
    return MappingProxyType({**wires, **_SPOKEN.get(operation, {})})
