"""Whatever a caller sends to whatever provider: each change is told, or declared by the profile.

Requests that no recording holds: other members, other forms of message, other models, at every provider of
the wire that the catalogue knows. What leaves is compared with what came, member by member.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from opengateway.catalog.loader import load_catalogue
from opengateway.checks.replay import endpoint_for, provider_of
from opengateway.checks.replay_intent import changes_between, declared
from opengateway.dialects.openai_chat import decode
from opengateway.domain.catalog import Profile, Wire
from opengateway.domain.errors import InvalidRequest
from opengateway.wires.openai_chat import OpenAIChatWire

WIRE = OpenAIChatWire()
CATALOGUE = load_catalogue()
PROVIDERS = sorted(
    name
    for name, known in CATALOGUE.providers.items()
    if known.wire is Wire.OPENAI and known.profile.operations.chat
)
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
CALL = {"id": "call_abc", "type": "function", "function": {"name": "f", "arguments": "{}"}}
ALWAYS = {
    ("stream_options", "added"),  # usage is asked for always
    ("user", "changed"), ("prompt_cache_key", "changed"), ("safety_identifier", "changed"),
    ("metadata", "removed"), ("store", "changed"),
}  # fmt: skip


def loop(**members: Any) -> list[dict[str, Any]]:
    return [
        {"role": "user", "content": "x"},
        {"role": "assistant", "tool_calls": [CALL], **members},
        {"role": "tool", "tool_call_id": "call_abc", "content": "1"},
    ]


def user(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


ASKED: dict[str, dict[str, Any]] = {
    "nulls": dict.fromkeys(("max_tokens", "temperature", "tools", "user", "seed", "n", "stop")),
    "no tools": {"tools": []},
    "vendor's effort": {"reasoning_effort": "default"},
    "vendor's tool": {"tools": [{"type": "browser_search"}]},
    "call without text": {"messages": loop(content=None)},
    "call with empty text": {"messages": loop(content="")},
    "call alone": {"messages": loop()},
    "numbered call": {"messages": loop(content="", tool_calls=[{**CALL, "index": 0}])},
    "reasoning": {"messages": loop(content="", reasoning="t")},
    "reasoning_content": {"messages": loop(content="", reasoning_content="t")},
    "details": {"messages": loop(content="", reasoning_details=[{"type": "reasoning.text"}])},
    "thoughts as parts": {
        "messages": [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "t"}]},
                {"type": "text", "text": "a"}]},
            {"role": "user", "content": "b"},
        ]
    },
    "begun answer": {
        "messages": [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": "a", "prefix": True},
        ]
    },
    "document": {"messages": user({"type": "document_url", "document_url": "https://x/y.pdf"})},
    "film": {"messages": user({"type": "video_url", "video_url": {"url": "https://x/y.mp4"}})},
    "sound": {"messages": user({"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}})},
    "image": {"messages": user({"type": "image_url", "image_url": {"url": "https://x/y.png"}})},
    "unknown part": {"messages": user({"type": "weird", "weird": 1})},
    "marked part": {
        "messages": user({"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}})
    },
    "hollow members": {
        "messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b", "refusal": None, "annotations": [], "audio": None},
            {"role": "user", "content": "c"},
        ]
    },
    "late system": {
        "messages": [
            {"role": "user", "content": "a"},
            {"role": "system", "content": "b"},
            {"role": "user", "content": "c"},
        ]
    },
    "developer": {
        "messages": [{"role": "developer", "content": "a"}, {"role": "user", "content": "c"}]
    },
    "two turns": {"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]},
    "name": {"messages": [{"role": "user", "content": "a", "name": "bob"}]},
    "log probabilities": {"logprobs": True, "top_logprobs": 20},
    "limit": {"max_tokens": 9},
    "new limit": {"max_completion_tokens": 9},
    "both limits": {"max_tokens": 9, "max_completion_tokens": 8},
    "hot": {"temperature": 2},
    "cold": {"temperature": 0.0},
    "required": {"tools": [TOOL], "tool_choice": "required"},
    "named": {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}},
    "none": {"tools": [TOOL], "tool_choice": "none"},
    "one at a time": {"tools": [TOOL], "parallel_tool_calls": False},
    "object": {"response_format": {"type": "json_object"}},
    "schema": {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "x", "schema": {"type": "object", "$schema": "y"}},
        }
    },
    "stops": {"stop": ["a", "b", "c", "d"]},
    "effort": {"reasoning_effort": "high"},
    "least effort": {"reasoning_effort": "minimal"},
    "no effort": {"reasoning_effort": "none"},
    "reasoning object": {"reasoning": {"effort": "low"}},
    "sampling": {"seed": 3, "presence_penalty": 0.1, "frequency_penalty": 0.2, "top_p": 0.3},
    "bias": {"logit_bias": {"5": 1}},
    "labels": {"user": "u", "safety_identifier": "s", "prompt_cache_key": "k", "metadata": {"a": "b"}},
    "store": {"store": True},
    "newest": {"verbosity": "low", "modalities": ["text"], "service_tier": "auto"},
    "foreign": {"top_k": 4, "min_p": 0.1, "guided_json": {}, "thinking": {"type": "disabled"}},
    "choices": {"n": 2},
    "streamed": {"stream": True},
    "streamed with usage": {"stream": True, "stream_options": {"include_usage": True}},
    "streamed call": {"stream": True, "tools": [TOOL]},
}  # fmt: skip


def models_of(name: str) -> list[str]:
    """One for each rule of the profile, and one that no rule knows."""
    rules = [rule.prefix for rule in CATALOGUE.providers[name].profile.models]
    return ["unknown-model", *(f"{prefix}-x" for prefix in rules if prefix)]


OF_EMULATION = ("messages", "response_format", "tools", "tool_choice")
"""What says otherwise what `x-opengateway-emulated-params` tells of."""


def untold(name: str, model: str, members: dict[str, Any]) -> list[tuple[str, str]]:
    """What changed, was not told, and follows from nothing."""
    provider = provider_of(name)
    body = {"model": model, "messages": [{"role": "user", "content": "hi json"}], **members}
    try:
        call = WIRE.request(
            decode(json.dumps(body).encode(), {}), endpoint_for(provider, model), provider, "team_1"
        )
    except InvalidRequest as error:
        return [] if error.param else [("a refusal", "without a name")]
    bent = declared(provider.profile, model)
    return [
        (member, change)
        for member, change, old, new in changes_between(body, json.loads(call.body))
        if member.split(".")[0] not in call.dropped
        and not (call.emulated and member.split(".")[0] in OF_EMULATION)
        and member not in call.dropped
        and (member, change) not in ALWAYS
        and not bent.covers(member, change, old, new)
    ]


@pytest.mark.parametrize("name", PROVIDERS)
def test_each_change_is_told_or_declared(name: str) -> None:
    found = {
        (model, asked): changes
        for model in models_of(name)
        for asked, members in ASKED.items()
        if (changes := untold(name, model, members))
    }
    assert not found


def test_a_profile_declares_no_more_than_it_says() -> None:
    plain = Profile(developer_role=True, reasoning_in="keep", tool_choice_allowed=True)
    bent = declared(plain, "m")
    for change in (("max_tokens", "removed"), ("messages[].role", "changed"), ("tools", "changed")):
        assert not bent.covers(*change)
    assert declared(Profile(rename={"seed": "random_seed"}), "m").covers("random_seed", "added")
