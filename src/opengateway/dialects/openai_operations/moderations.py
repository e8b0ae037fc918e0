"""`POST /v1/moderations`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from opengateway.dialects.openai_chat import complaints as bad
from opengateway.dialects.openai_operations.decode import (
    NO_OUTPUT,
    read_json,
    refuse_stream,
    request_of,
)
from opengateway.dialects.openai_operations.shapes import Moderations
from opengateway.domain.catalog import ModelKind
from opengateway.domain.chat import ChatRequest
from opengateway.domain.operations import Demand, Operation

_KINDS: Final = (ModelKind.MODERATION,)


def decode(body: bytes, headers: Mapping[str, str]) -> ChatRequest:
    """Raises `InvalidRequest`."""
    fields, params = read_json(body, Moderations, "'input'")
    refuse_stream(params, "moderations")
    items = [params.input] if isinstance(params.input, str) else params.input
    modalities: set[str] = set()
    sizes = [_size(item, at, modalities) for at, item in enumerate(items)]
    demand = Demand(Operation.MODERATIONS, text_bytes=sum(sizes))
    facts = msgspec.structs.replace(NO_OUTPUT, modalities=frozenset(modalities))
    return request_of(params, fields, headers, demand, _KINDS, input_bytes=max(sizes), facts=facts)


def _size(item: Any, at: int, modalities: set[str]) -> int:
    """Bytes of text; images are not billed by their size."""
    if isinstance(item, str):
        return len(item.encode())
    kind = item.get("type") if isinstance(item, dict) else None
    if kind == "text" and isinstance(item.get("text"), str):
        return len(item["text"].encode())
    if kind == "image_url" and isinstance(item.get("image_url"), dict):
        modalities.add("image")
        return 0
    raise bad.wrong(
        bad.INVALID_TYPE,
        f"input[{at}]",
        f"'input[{at}]' must be a string, or a part of type 'text' or 'image_url'",
    )
