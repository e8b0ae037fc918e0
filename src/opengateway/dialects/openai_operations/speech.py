"""`POST /v1/audio/speech`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from opengateway.dialects.openai_chat import complaints as bad
from opengateway.dialects.openai_operations.decode import read_json, refuse_stream, request_of
from opengateway.dialects.openai_operations.shapes import Speech
from opengateway.domain.catalog import ModelKind
from opengateway.domain.chat import ChatRequest
from opengateway.domain.operations import Demand, Operation

_KINDS: Final = (ModelKind.SPEECH,)
_AUDIO_TOKENS_PER_CHARACTER: Final = 8
"""At 21 tokens a second (OpenAI), and 3 characters a second of slow Japanese."""


def decode(body: bytes, headers: Mapping[str, str]) -> ChatRequest:
    """Raises `InvalidRequest`."""
    fields, params = read_json(body, Speech, "'model', 'input' and 'voice'")
    refuse_stream(params, "speeches")
    if params.stream_format == "sse":
        raise bad.wrong(
            bad.UNSUPPORTED,
            "stream_format",
            "speeches are not sent as events here; leave 'stream_format' out",
        )
    characters = len(params.input)
    read = len(params.input.encode()) + len((params.instructions or "").encode())
    slower = max(1.0, 1 / (params.speed or 1.0))
    demand = Demand(
        Operation.SPEECH,
        text_bytes=read,
        characters=characters,
        audio_tokens=math.ceil(characters * _AUDIO_TOKENS_PER_CHARACTER * slower) + 64,
    )
    return request_of(params, fields, headers, demand, _KINDS, input_bytes=read)
