"""Grouped tools, as Codex sends them: one list for vendors, and groups again for the caller."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openai_document import faults, needs_document
from opengateway.dialects.openai_responses import decode
from opengateway.dialects.openai_responses.canonical import canonical_request
from opengateway.dialects.openai_responses.namespaces import names_in
from opengateway.dialects.openai_responses.render import ResponsesRendering
from opengateway.domain.canonical import ToolCall
from opengateway.domain.chat import Meter
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.events import End, Finish, Start, ToolArguments, ToolEnd, ToolStart
from opengateway.kit.json import dumps

SPAWN = {"type": "function", "name": "spawn", "parameters": {"type": "object"}, "strict": False}
GROUP = {"type": "namespace", "name": "agents", "description": "d", "tools": [SPAWN]}
PLAIN = {"type": "function", "name": "spawn", "parameters": {"type": "object"}, "strict": False}
CALL = {
    "type": "function_call",
    "call_id": "c",
    "name": "spawn",
    "namespace": "agents",
    "arguments": "{}",
}
OUTPUT = {"type": "function_call_output", "call_id": "c", "output": "done"}


def chat(*items: Any, tools: Any = (GROUP, PLAIN)) -> Any:
    said = [{"role": "user", "content": "go"}, *items]
    return decode(dumps({"model": "m", "input": said, "tools": list(tools)}), {})


def test_grouped_tools_are_one_list_for_others() -> None:
    request = canonical_request(chat(CALL, OUTPUT), "t", with_turns=True)
    assert [tool.name for tool in request.tools] == ["agents__spawn", "spawn"]
    assert request.server_tools == ()
    calls = [i for turn in request.turns for i in turn.items if isinstance(i, ToolCall)]
    assert [call.name for call in calls] == ["agents__spawn"]


def answered(name: str) -> Any:
    events = [
        Start(),
        ToolStart(0, "c", name),
        ToolArguments(0, "{}"),
        ToolEnd(0),
        Finish("tool_calls", ""),
        End(),
    ]
    whole = ResponsesRendering(lambda: 1).whole_of(chat(), events, Meter(), "m")
    return json.loads(whole)


@needs_document
def test_a_call_of_one_has_both_its_names_again() -> None:
    response = answered("agents__spawn")
    (item,) = response["output"]
    assert (item["namespace"], item["name"]) == ("agents", "spawn")
    assert faults("Response", response) == []
    (plain,) = answered("spawn")["output"]
    assert (plain["name"], "namespace" in plain) == ("spawn", False)


def test_names_are_looked_for_only_where_there_are_groups() -> None:
    assert names_in(None) == {}
    assert names_in(chat(tools=[PLAIN]).fields["tools"]) == {}
    assert names_in(chat().fields["tools"]) == {"agents__spawn": ("agents", "spawn")}


@pytest.mark.parametrize(
    ("tool", "param"),
    [
        ({"type": "namespace", "tools": []}, "tools[0].name"),
        ({**GROUP, "tools": [{"type": "web_search"}]}, "tools[0].tools[0].type"),
        ({**GROUP, "tools": [{"type": "function"}]}, "tools[0].tools[0].name"),
        ({**GROUP, "name": "a b"}, "tools[0].name"),
    ],
)
def test_a_wrong_group_is_refused_by_its_place(tool: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        chat(tools=[tool])
    assert caught.value.param == param
