"""`POST /v1/images/generations`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from opengateway.dialects.openai_chat import complaints as bad
from opengateway.dialects.openai_operations.decode import read_json, refuse_stream, request_of
from opengateway.dialects.openai_operations.shapes import Images
from opengateway.domain.catalog import ModelKind
from opengateway.domain.chat import ChatRequest
from opengateway.domain.operations import Demand, Operation

_KINDS: Final = (ModelKind.IMAGE,)
_TOKENS: Final = 6240
"""Of the dearest of OpenAI's usual sizes (high, 1024x1536)."""
_TOKENS_PER_PIXEL: Final = 0.0045
"""At high quality a square of 1,024 comes to 4,160."""


def decode(body: bytes, headers: Mapping[str, str]) -> ChatRequest:
    """Raises `InvalidRequest`."""
    fields, params = read_json(body, Images, "'model' and 'prompt'")
    refuse_stream(params, "images")
    if params.partial_images:
        raise bad.wrong(
            bad.UNSUPPORTED,
            "partial_images",
            "'partial_images' needs a stream, and images are not streamed here; leave it out",
        )
    made = params.n or 1
    size = len(params.prompt.encode())
    demand = Demand(
        Operation.IMAGES,
        text_bytes=size,
        images=made,
        output_tokens=made * _tokens_of(params.size),
    )
    return request_of(params, fields, headers, demand, _KINDS, input_bytes=size)


def _tokens_of(size: str | None) -> int:
    if size is None or size == "auto":
        return _TOKENS
    width, _, height = size.partition("x")
    return max(_TOKENS, math.ceil(int(width) * int(height) * _TOKENS_PER_PIXEL))
