"""Each operation as the pipeline takes it (`ports.dialect.ChatDialect`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from opengateway.dialects.openai_chat.dialect import DONE, KEEP_ALIVE, error_body, error_event
from opengateway.dialects.openai_operations import (
    completions,
    embeddings,
    images,
    moderations,
    rerank,
    speech,
    transcriptions,
)
from opengateway.domain.chat import ChatRequest
from opengateway.domain.errors import ShownError
from opengateway.domain.operations import Operation
from opengateway.ports.dialect import ChatDialect

Decode = Callable[[bytes, Mapping[str, str]], ChatRequest]


class OperationDialect:
    """One operation's public shape. Errors are OpenAI's envelope everywhere. Holds nothing."""

    __slots__ = ("_decode", "name")

    end_marker: Final = DONE
    keep_alive: Final = KEEP_ALIVE

    def __init__(self, name: str, decode: Decode) -> None:
        self.name = name
        self._decode = decode

    def decode(self, body: bytes, headers: Mapping[str, str]) -> ChatRequest:
        return self._decode(body, headers)

    def shown(self, error: ShownError) -> ShownError:
        return error

    def error_body(self, error: ShownError) -> bytes:
        return error_body(error)

    def error_event(self, error: ShownError) -> bytes:
        return error_event(error)


_DECODE: Final[Mapping[Operation, Decode]] = {
    Operation.EMBEDDINGS: embeddings.decode,
    Operation.RERANK: rerank.decode,
    Operation.IMAGES: images.decode,
    Operation.SPEECH: speech.decode,
    Operation.TRANSCRIPTIONS: transcriptions.decode_transcription,
    Operation.TRANSLATIONS: transcriptions.decode_translation,
    Operation.MODERATIONS: moderations.decode,
    Operation.COMPLETIONS: completions.decode,
}

DIALECTS: Final[Mapping[Operation, ChatDialect]] = MappingProxyType(
    {
        operation: OperationDialect(f"openai_{operation.value}", decode)
        for operation, decode in _DECODE.items()
    }
)
