"""E22: by the catalogue's data, functions of a model that reasons go by way of Responses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from opengateway.catalog.loader import load_catalogue
from opengateway.checks.replay_responses import responses_endpoint
from opengateway.compose.wires import chat_wires, responses_wires
from opengateway.dialects import openai_chat, openai_responses
from opengateway.domain.catalog import Profile, Provider, Wire
from opengateway.kit.clock import SystemClock
from opengateway.kit.ids import IdSource

CLOCK = SystemClock()
CHAT = chat_wires(CLOCK, IdSource())[Wire.OPENAI]
RESPONSES = responses_wires(CLOCK, IdSource())[Wire.OPENAI]
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
OPENAI = Provider(
    "openai",
    "OpenAI",
    Wire.OPENAI,
    "https://api.example/v1",
    profile=load_catalogue().providers["openai"].profile,
)
CHAT_ONLY = Provider("lab", "Lab", Wire.OPENAI, "https://lab.example/v1", profile=Profile())


def path(model: str, provider: Provider = OPENAI, **members: Any) -> str:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **members}
    chat = openai_chat.decode(json.dumps(body).encode(), {})
    return CHAT.request(chat, responses_endpoint(model), provider, "team_a").path


@pytest.mark.parametrize("model", ["gpt-5.5", "gpt-5.6-sol", "gpt-5.6"])
def test_functions_of_a_model_that_reasons_unless_told_not_to(model: str) -> None:
    assert path(model, tools=TOOLS) == "/responses"
    assert path(model, tools=TOOLS, reasoning_effort="low") == "/responses"
    assert path(model, tools=TOOLS, reasoning_effort="none") == "/chat/completions"
    assert path(model) == "/chat/completions"


def test_functions_of_a_model_that_reasons_when_asked() -> None:
    assert path("gpt-5.4", tools=TOOLS) == "/chat/completions"
    assert path("gpt-5.4", tools=TOOLS, reasoning_effort="high") == "/responses"


@pytest.mark.parametrize("model", ["o1-pro", "o3-pro", "gpt-5-pro", "gpt-5-codex", "gpt-5.5-pro"])
def test_models_of_the_one_surface_alone(model: str) -> None:
    assert path(model) == "/responses"


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-5", "o3", "gpt-5.1"])
def test_all_others_stay_where_they_are(model: str) -> None:
    assert path(model, tools=TOOLS) == "/chat/completions"


def test_a_vendor_without_the_surface_is_never_sent_there() -> None:
    assert path("gpt-5.6", CHAT_ONLY, tools=TOOLS) == "/chat/completions"


def test_callers_of_responses_go_there_where_the_vendor_has_it() -> None:
    chat = openai_responses.decode(b'{"model":"m","input":"Hi"}', {})
    for provider, wanted in ((OPENAI, "/responses"), (CHAT_ONLY, "/chat/completions")):
        call = RESPONSES.request(chat, responses_endpoint("gpt-4o"), provider, "team_a")
        assert call.path == wanted


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_is_read_by_the_wire_that_asked(stream: bool) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "tools": TOOLS}
    chat = openai_chat.decode(json.dumps({**body, "stream": stream}).encode(), {})
    endpoint = responses_endpoint("gpt-5.6")
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    told: dict[str, Any] = {"id": "r", "status": "completed", "output": [call]}
    if stream:
        data = (
            b"data: %b\n\n" % json.dumps({"type": "response.completed", "response": told}).encode()
        )
        reader = CHAT.stream(chat, endpoint, OPENAI, "m")
        shown = reader.feed(data)
        assert reader.done
    else:
        shown = CHAT.reply(json.dumps(told).encode(), chat, endpoint, OPENAI, "m").body
    assert b'"tool_calls"' in shown
    assert b"chat.completion" in shown
