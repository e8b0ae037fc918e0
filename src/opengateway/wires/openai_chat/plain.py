"""The answer that needs no mending: recognised by its types, and only renamed.

Most answers are just what OpenAI's clients look for. Reading one into types that say exactly that
costs a fifth of walking through it; whatever is missing, of another type or unknown makes the
types refuse it, and it goes the long way (`reply`). A test holds both ways to the same result.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, Literal

import msgspec

from opengateway.domain.catalog import Profile
from opengateway.domain.chat import ChatReply, Meter
from opengateway.domain.usage import Dimension, Usage
from opengateway.kit.json import DecodeError, Raw, dumps, loads_raw_object

_MAX_TOKENS: Final = 1 << 50


class _Strict(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    pass


class _Message(_Strict):
    role: Literal["assistant"]
    content: str
    refusal: None
    annotations: list[Any] = []


class _Choice(_Strict):
    index: Literal[0]
    message: _Message
    finish_reason: Literal["stop", "length"]
    logprobs: None


class _InputParts(_Strict):
    cached_tokens: int = 0
    audio_tokens: int = 0


class _OutputParts(_Strict):
    reasoning_tokens: int = 0
    audio_tokens: int = 0
    accepted_prediction_tokens: int = 0
    rejected_prediction_tokens: int = 0


class _Usage(_Strict):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: _InputParts | None = None
    completion_tokens_details: _OutputParts | None = None


class _Answer(_Strict):
    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[_Choice]
    usage: _Usage
    system_fingerprint: str = ""
    service_tier: Literal["auto", "default", "flex", "scale", "priority", "fast"] | None = None


_decode: Final = msgspec.json.Decoder(_Answer).decode


def plain_reply(body: bytes, profile: Profile, model_id: str) -> ChatReply | None:
    """The reply, or None for an answer that is to be looked at more closely."""
    if profile.finish_map or profile.usage_excludes_reasoning:
        return None
    try:
        answer = _decode(body)
        fields = loads_raw_object(body)
        if not body.isascii():
            body.decode()  # what is not decoded above is checked for JSON's grammar only
    except (DecodeError, ValueError, RecursionError):
        return None
    usage = _usage(answer.usage)
    if usage is None or not answer.id or len(answer.choices) != 1:
        return None
    choice = answer.choices[0]
    characters = len(choice.message.content)
    meter = Meter(
        usage=usage,
        characters=characters,
        finish_reason=choice.finish_reason,
        native_finish_reason=choice.finish_reason,
        upstream_id=answer.id,
        has_content=characters > 0,
        kept=None,
    )
    fields["model"] = _quoted(model_id)
    return ChatReply(dumps(fields), meter)


def _usage(told: _Usage) -> Usage | None:
    """None where the counts do not add up as OpenAI's do."""
    prompt, completion = told.prompt_tokens, told.completion_tokens
    parts, made = told.prompt_tokens_details, told.completion_tokens_details
    if not (0 <= prompt <= _MAX_TOKENS and 0 <= completion <= _MAX_TOKENS):
        return None
    read = audio_in = reasoning = audio_out = 0
    if parts is not None:
        read, audio_in = parts.cached_tokens, parts.audio_tokens
    if made is not None:
        reasoning, audio_out = made.reasoning_tokens, made.audio_tokens
    fresh, said = prompt - read - audio_in, completion - reasoning - audio_out
    if min(read, audio_in, reasoning, audio_out, fresh, said) < 0 or not prompt + completion:
        return None
    quantities = {}
    if fresh:
        quantities[Dimension.INPUT] = fresh
    if read:
        quantities[Dimension.CACHE_READ] = read
    if audio_in:
        quantities[Dimension.AUDIO_INPUT] = audio_in
    if said:
        quantities[Dimension.OUTPUT] = said
    if reasoning:
        quantities[Dimension.REASONING] = reasoning
    if audio_out:
        quantities[Dimension.AUDIO_OUTPUT] = audio_out
    return Usage(quantities)


@lru_cache(maxsize=4096)
def _quoted(model_id: str) -> Raw:
    return Raw(dumps(model_id))
