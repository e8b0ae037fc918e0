"""`POST /v1/embeddings`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opengateway.dialects.openai_operations.decode import (
    read_json,
    refuse_stream,
    request_of,
    texts_or_tokens,
)
from opengateway.dialects.openai_operations.shapes import Embeddings
from opengateway.domain.catalog import ModelKind
from opengateway.domain.chat import ChatRequest
from opengateway.domain.operations import Demand, Operation

_KINDS: Final = (ModelKind.EMBEDDING,)


def decode(body: bytes, headers: Mapping[str, str]) -> ChatRequest:
    """Raises `InvalidRequest`."""
    fields, params = read_json(body, Embeddings, "'model' and 'input'")
    refuse_stream(params, "embeddings")
    given = texts_or_tokens(params.input, "input")
    demand = Demand(
        Operation.EMBEDDINGS,
        text_bytes=given.text_bytes,
        tokens=given.tokens,
        documents=given.number,
    )
    return request_of(params, fields, headers, demand, _KINDS, input_bytes=given.longest)
