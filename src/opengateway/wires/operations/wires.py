"""The operations of the common wire, each by its name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from opengateway.domain.operations import Operation
from opengateway.ports.provider import ChatWire
from opengateway.wires.operations.completions import CompletionsWire
from opengateway.wires.operations.embeddings import EmbeddingsWire
from opengateway.wires.operations.images import ImagesWire
from opengateway.wires.operations.moderations import ModerationsWire
from opengateway.wires.operations.rerank import RerankWire
from opengateway.wires.operations.speech import SpeechWire
from opengateway.wires.operations.transcription import TranscriptionWire
from opengateway.wires.operations.whole import AbsentWire

_TRANSCRIPTION: Final = TranscriptionWire()

OPENAI_OPERATIONS: Final[Mapping[Operation, ChatWire]] = MappingProxyType(
    {
        Operation.EMBEDDINGS: EmbeddingsWire(),
        Operation.RERANK: RerankWire(),
        Operation.IMAGES: ImagesWire(),
        Operation.SPEECH: SpeechWire(),
        Operation.TRANSCRIPTIONS: _TRANSCRIPTION,
        Operation.TRANSLATIONS: _TRANSCRIPTION,
        Operation.MODERATIONS: ModerationsWire(),
        Operation.COMPLETIONS: CompletionsWire(),
    }
)
ABSENT: Final[ChatWire] = AbsentWire()
