"""`POST /v1/completions`, the legacy surface: a text that is gone on with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opengateway.dialects.openai_chat import complaints as bad
from opengateway.dialects.openai_operations.decode import read_json, request_of, texts_or_tokens
from opengateway.dialects.openai_operations.shapes import Completions
from opengateway.domain.catalog import ModelKind
from opengateway.domain.chat import ChatFacts, ChatRequest
from opengateway.domain.operations import Demand, Operation

_KINDS: Final = (ModelKind.COMPLETION, ModelKind.CHAT)
DEFAULT_TOKENS: Final = 16
"""What the legacy surface makes where nobody says how much (OpenAI)."""


def decode(body: bytes, headers: Mapping[str, str]) -> ChatRequest:
    """Raises `InvalidRequest`."""
    fields, params = read_json(body, Completions, "'model' and 'prompt'")
    given = texts_or_tokens(params.prompt, "prompt", may_be_empty=True)
    if params.stream_options is not None and not params.stream:
        raise bad.wrong(
            bad.INVALID_VALUE,
            "stream_options",
            "'stream_options' is only allowed with 'stream': true; set it or leave the options out",
        )
    wanted = DEFAULT_TOKENS if params.max_tokens is None else params.max_tokens
    choices = params.n or 1
    echoed = (given.text_bytes + given.tokens) * choices if params.echo else 0
    stop = params.stop
    facts = ChatFacts(
        n=choices,
        max_output_tokens=max(1, wanted),
        temperature=params.temperature,
        stop_count=0 if stop is None else 1 if isinstance(stop, str) else len(stop),
    )
    demand = Demand(
        Operation.COMPLETIONS,
        text_bytes=given.text_bytes,
        tokens=given.tokens,
        output_tokens=wanted * given.number * max(choices, params.best_of or 1) + echoed,
    )
    options = params.stream_options
    return request_of(
        params,
        fields,
        headers,
        demand,
        _KINDS,
        input_bytes=given.longest,
        facts=facts,
        include_usage=options is not None and bool(options.include_usage),
    )
