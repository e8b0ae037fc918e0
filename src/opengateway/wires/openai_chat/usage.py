"""Token counts: from a vendor's usage object to disjoint dimensions, and back.

Vendors put the same counts in different places (reference: providers, B.7 and C.2). Billing and
what the caller sees are read from one object, so that they cannot differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opengateway.domain.catalog import Profile
from opengateway.domain.usage import Dimension, Usage
from opengateway.kit.json import JsonObject

_MAX_TOKENS = 1 << 50
"""No count is larger: what is, is noise, and would not fit a 64-bit ledger once priced."""


def usage_of(reported: Mapping[str, Any], profile: Profile) -> Usage | None:
    """The quantities that `reported` names, or None where it names none.

    Never negative, and never more in sum than the vendor's totals: a part that exceeds its whole
    is cut down to it.
    """
    prompt = _first(reported, "prompt_tokens", "input_tokens")
    completion = _first(reported, "completion_tokens", "output_tokens")
    read, written, audio_in = _prompt_parts(reported)
    reasoning, audio_out = _completion_parts(reported)
    if profile.usage_may_exclude_cache and read > prompt:
        prompt += read
    if profile.usage_excludes_reasoning:
        completion += reasoning
    read = min(read, prompt)
    written = min(written, prompt - read)
    audio_in = min(audio_in, prompt - read - written)
    reasoning = min(reasoning, completion)
    audio_out = min(audio_out, completion - reasoning)
    quantities = {
        Dimension.INPUT: prompt - read - written - audio_in,
        Dimension.CACHE_READ: read,
        Dimension.CACHE_WRITE: written,
        Dimension.AUDIO_INPUT: audio_in,
        Dimension.OUTPUT: completion - reasoning - audio_out,
        Dimension.REASONING: reasoning,
        Dimension.AUDIO_OUTPUT: audio_out,
    }
    named = {dimension: count for dimension, count in quantities.items() if count}
    return Usage(named) if named else None


def _prompt_parts(reported: Mapping[str, Any]) -> tuple[int, int, int]:
    """Tokens of the prompt that were read from a cache, written to one, and audio."""
    details = _object(
        reported, "prompt_tokens_details", "prompt_token_details", "input_tokens_details"
    )
    # One fact under several names: the largest is the one that was filled in.
    read = max(
        _count(details.get("cached_tokens")),
        _count(reported.get("prompt_cache_hit_tokens")),  # DeepSeek
        _count(reported.get("cached_tokens")),  # Moonshot, Hugging Face
        _count(reported.get("num_cached_tokens")),  # Mistral
    )
    written = max(
        _count(details.get("cache_write_tokens")),
        _count(details.get("cache_creation_tokens")),
        _count(reported.get("cache_creation_input_tokens")),
    )
    return read, written, _count(details.get("audio_tokens"))


def _completion_parts(reported: Mapping[str, Any]) -> tuple[int, int]:
    """Tokens of the completion that were reasoning, and audio."""
    details = _object(reported, "completion_tokens_details", "output_tokens_details")
    reasoning = max(
        _count(details.get("reasoning_tokens")),
        _count(reported.get("reasoning_tokens")),  # Perplexity
    )
    return reasoning, _count(details.get("audio_tokens"))


def for_caller(reported: Mapping[str, Any], usage: Usage | None) -> JsonObject:
    """The vendor's object as it is, and what OpenAI's clients look for where it lacks that."""
    shown = dict(reported)
    if usage is None:
        return shown
    for name, value in usage_object(usage).items():
        if not isinstance(shown.get(name), type(value)):
            shown[name] = value
    for name, whole in (
        ("prompt_tokens", usage.input_tokens),
        ("completion_tokens", usage.output_tokens),
    ):
        if _count(shown.get(name)) < whole:  # it leaves a part out of its own total
            shown[name] = whole
    parts = _count(shown["prompt_tokens"]) + _count(shown["completion_tokens"])
    shown["total_tokens"] = max(parts, _count(shown["total_tokens"]))
    read = usage.of(Dimension.CACHE_READ)
    details = shown["prompt_tokens_details"]
    if read and not _count(details.get("cached_tokens")):
        shown["prompt_tokens_details"] = {**details, "cached_tokens": read}
    return shown


def usage_object(usage: Usage) -> JsonObject:
    """OpenAI's usage object: totals include their parts."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.of(Dimension.CACHE_READ),
            "cache_write_tokens": usage.of(Dimension.CACHE_WRITE, Dimension.CACHE_WRITE_1H),
            "audio_tokens": usage.of(Dimension.AUDIO_INPUT),
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.of(Dimension.REASONING),
            "audio_tokens": usage.of(Dimension.AUDIO_OUTPUT),
        },
    }


def _leaves_out(reported: Mapping[str, Any], usage: Usage) -> bool:
    """A total without one of its parts, or thoughts that stand where clients do not look."""
    if _count(reported.get("completion_tokens")) < usage.output_tokens:
        return True
    thought = usage.of(Dimension.REASONING)
    return bool(thought) and not _object(reported, "completion_tokens_details")


def is_whole(reported: Mapping[str, Any], usage: Usage | None) -> bool:
    """Whether OpenAI's clients find all they look for, so that nothing need be added."""
    if usage is not None and _leaves_out(reported, usage):
        return False
    totals = ("prompt_tokens", "completion_tokens", "total_tokens")
    if not all(isinstance(reported.get(name), int) for name in totals):
        return False
    names = ("prompt_tokens_details", "completion_tokens_details")
    if any(name in reported and reported[name] is None for name in names):
        return False
    details = _object(reported, "prompt_tokens_details")
    return bool(_count(details.get("cached_tokens"))) or not _prompt_parts(reported)[0]


def _object(reported: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    for name in names:
        if isinstance(value := reported.get(name), dict):
            return value
    return {}


def _first(reported: Mapping[str, Any], *names: str) -> int:
    for name in names:
        if count := _count(reported.get(name)):
            return count
    return 0


def _count(value: object) -> int:
    """A token count, 0 for anything that is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    if not 0 < value <= _MAX_TOKENS:  # NaN fails this too
        return 0
    return int(value)
