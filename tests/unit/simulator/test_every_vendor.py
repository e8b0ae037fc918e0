"""What the mappers send, the vendors' own strictness takes: two accounts of each vendor must agree.

The simulator's personas and the catalogue's profiles are written apart. Whatever a caller asks for is
either refused by us, with the member's name, or taken by the vendor and answered.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from simulated import Got, Running, running, send

from openai_chat_wire import chat, endpoint, new_stream, provider
from opengateway.catalog.loader import load_catalogue
from opengateway.checks.caller_view import see_reply, see_stream
from opengateway.domain.catalog import Wire
from opengateway.domain.chat import ChatRequest
from opengateway.domain.errors import ErrorClass, InvalidRequest
from opengateway.simulator.personas import load_personas, render_error
from opengateway.simulator.settings import SimulatorSettings
from opengateway.wires.openai_chat import OpenAIChatWire

WIRE = OpenAIChatWire()


@pytest.fixture(scope="module")
def simulator() -> Iterator[Running]:
    with running(SimulatorSettings(gap_s=0)) as started:
        yield started


VENDORS = sorted(
    name
    for name, known in load_catalogue().providers.items()
    if known.wire is Wire.OPENAI
    and known.profile.operations.chat
    and name in load_personas()
    and not known.profile.path_prefix
)


def tool(name: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"x": {"type": "string"}}, "$schema": "y"}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


NAMED = {"type": "function", "function": {"name": "b"}}
CALLED = {"id": "call_1", "type": "function", "function": {"name": "a", "arguments": "{}"}}
LOOP = [
    {"role": "user", "content": "x"},
    {"role": "assistant", "content": None, "reasoning_content": "t", "tool_calls": [CALLED]},
    {"role": "tool", "tool_call_id": "call_1", "content": "42"},
]
FORM = {"name": "x", "schema": {"type": "object", "properties": {"a": {"type": "string"}}}}
ASKED: dict[str, dict[str, Any]] = {
    "nothing": {},
    "sampling": {"temperature": 0, "top_p": 0.9, "seed": 7},
    "hot": {"temperature": 2},
    "penalties": {"presence_penalty": 1, "frequency_penalty": -1, "logit_bias": {"5": 1}},
    "limits": {"max_tokens": 50, "stop": ["zzz"]},
    "new limit": {"max_completion_tokens": 50},
    "four stops": {"stop": ["q1", "q2", "q3", "q4"]},
    "choices": {"n": 3},
    "log probabilities": {"logprobs": True, "top_logprobs": 15},
    "tools": {"tools": [tool("a"), tool("b")], "parallel_tool_calls": False},
    "demanded": {"tools": [tool("a")], "tool_choice": "required"},
    "named": {"tools": [tool("a"), tool("b")], "tool_choice": NAMED},
    "none": {"tools": [tool("a")], "tool_choice": "none"},
    "loop": {"messages": LOOP, "tools": [tool("a")]},
    "object": {
        "response_format": {"type": "json_object"},
        "messages": [{"role": "user", "content": "as json"}],
    },
    "schema": {
        "response_format": {"type": "json_schema", "json_schema": FORM},
        "messages": [{"role": "user", "content": "as json"}],
    },
    "effort": {"reasoning_effort": "xhigh"},
    "no effort": {"reasoning_effort": "none"},
    "labels": {"user": "u", "metadata": {"a": "b"}, "safety_identifier": "s", "store": True},
    "caches": {"prompt_cache_key": "k", "prompt_cache_retention": "24h"},
    "newest": {"verbosity": "low", "service_tier": "default", "modalities": ["text"]},
    "developer": {
        "messages": [{"role": "developer", "content": "d"}, {"role": "user", "content": "u"}]
    },
    "two turns": {
        "messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]
    },
}  # fmt: skip


def asked_of(simulator: Running, vendor: str, request: ChatRequest, model: str) -> Got:
    place = endpoint(model, reasoning=model == "sim-reasoner")
    made = WIRE.request(request, place, provider(vendor), "team_a")
    return send(
        simulator,
        "POST",
        f"/{vendor if vendor == 'azure' else f'as/{vendor}'}"
        f"{'/openai' if vendor == 'azure' else ''}/v1{made.path}",
        made.body,
        headers={"authorization": "Bearer k", "api-key": "k", **made.headers},
    )


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("model", ["sim-chat", "sim-reasoner"])
def test_whatever_is_asked_is_taken_and_answered_or_refused_by_us(
    simulator: Running, vendor: str, model: str
) -> None:
    faults = []
    for name, members in ASKED.items():
        for stream in (False, True):
            request = chat(**members, stream=stream)
            try:
                got = asked_of(simulator, vendor, request, model)
            except InvalidRequest as refused:
                faults += [] if refused.param else [f"{name}: refused without a name"]
                continue
            if got.status != 200:
                faults.append(f"{name}: {got.status} {got.body[:200]!r}")
            elif stream:
                reader = new_stream(provider(vendor), include_usage=True)
                frames = reader.feed(got.body) + reader.end()
                seen = see_stream(frames, "acme/served", include_usage=True)
                faults += [f"{name}, streamed: {f}" for f in seen.faults]
                if not reader.done:
                    faults.append(f"{name}, streamed: {reader.error!r}")
            else:
                reply = WIRE.reply(
                    got.body, request, endpoint(model), provider(vendor), "acme/served"
                )
                faults += [f"{name}: {f}" for f in see_reply(reply.body, "acme/served").faults]
                assert reply.meter.usage is not None
    assert not faults


CLASSES = {
    "unauthorized": ErrorClass.AUTH,
    "unknown_model": ErrorClass.MODEL_GONE,
    "context_length": ErrorClass.CONTEXT_EXCEEDED,
    "quota": ErrorClass.QUOTA,
    "rate_limited": ErrorClass.RATE_LIMITED,
    "overloaded": ErrorClass.OVERLOADED,
    "content_filter": ErrorClass.CONTENT_FILTER,
}


@pytest.mark.parametrize("vendor", VENDORS)
def test_each_trouble_of_a_vendor_falls_into_its_class(vendor: str) -> None:
    persona = load_personas()[vendor]
    facts = {"model": "m", "key": "k", "limit": 10, "tokens": 11, "completion": 1, "path": "/x"}
    for kind, wanted in CLASSES.items():
        made = render_error(persona, persona.errors[kind], (), facts)
        headers = {n.decode(): v.decode() for n, v in made.headers}
        error = WIRE.error(made.status, headers, made.body, provider(vendor))
        assert error.error_class is wanted, f"{kind}: {made.status} {made.body!r}"
