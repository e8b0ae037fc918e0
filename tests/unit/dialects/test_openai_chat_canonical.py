"""From a chat request to the canonical form."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from openai_chat_wire import HELLO, chat
from opengateway.dialects.openai_chat import decode
from opengateway.dialects.openai_chat.canonical import canonical_request
from opengateway.domain.canonical import (
    Audio,
    CacheMark,
    CanonicalRequest,
    Document,
    Image,
    Item,
    OutputFormat,
    Reasoning,
    ReasoningIntent,
    Refusal,
    Role,
    Sampling,
    ServerItem,
    Text,
    ToolCall,
    ToolChoice,
    ToolResult,
    Video,
)
from opengateway.domain.errors import InvalidRequest

CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
WEATHER = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def canonical(**members: Any) -> CanonicalRequest:
    return canonical_request(chat(**members), "team_a")


def turns(*messages: dict[str, Any]) -> list[tuple[Role, list[Item]]]:
    made = canonical(messages=list(messages)).turns
    return [(turn.role, [_bare(item) for item in turn.items]) for turn in made]


def _bare(item: Item) -> Item:
    return msgspec.structs.replace(item, opaque={})


def items(message: dict[str, Any]) -> list[Item]:
    return turns(message)[0][1]


def parts(*content: dict[str, Any]) -> list[Item]:
    return items({"role": "user", "content": list(content)})


def test_each_message_is_a_turn_and_results_know_the_name_of_their_tool() -> None:
    assert turns(
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": "", "tool_calls": [CALL, {**CALL, "id": "c2"}]},
        {"role": "tool", "tool_call_id": "c2", "content": "2"},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "1"}]},
    ) == [
        (Role.DEVELOPER, [Text(text="Be brief.")]),
        (Role.USER, [Text(text="a"), Text(text="b")]),
        (
            Role.ASSISTANT,
            [
                ToolCall(id="c1", name="f", arguments='{"a": 1}'),
                ToolCall(id="c2", name="f", arguments='{"a": 1}'),
            ],
        ),
        (Role.TOOL, [ToolResult(call_id="c2", name="f", content=(Text(text="2"),))]),
        (Role.TOOL, [ToolResult(call_id="c1", name="f", content=(Text(text="1"),))]),
    ]


def test_the_deprecated_function_call_meets_its_answer() -> None:
    call = {"name": "f", "arguments": "{}"}
    made = turns(
        {"role": "assistant", "content": None, "function_call": call},
        {"role": "function", "name": "f", "content": "1"},
    )
    (said,), (result,) = made[0][1], made[1][1]
    assert isinstance(said, ToolCall)
    assert isinstance(result, ToolResult)
    assert (said.id, said.name, result.name) == (result.call_id, "f", "f")


def test_media_come_as_addresses_or_as_base64_with_their_type() -> None:
    file = {"file_data": "data:text/plain;base64,QQ==", "filename": "a.txt"}
    assert parts(
        {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ=="}},
        {"type": "input_audio", "input_audio": {"data": "QQ==", "format": "wav"}},
        {"type": "file", "file": file},
        {"type": "video_url", "video_url": {"url": "https://x/y.mp4"}},
        {"type": "document_url", "document_url": "https://x/y.pdf"},
    ) == [
        Image(url="https://x/y.png", detail="low"),
        Image(data="QQ==", media_type="image/png"),
        Audio(data="QQ==", format="wav"),
        Document(data="QQ==", media_type="text/plain", name="a.txt"),
        Video(url="https://x/y.mp4"),
        Document(url="https://x/y.pdf"),
    ]


def test_a_part_that_nobody_knows_rides_along_unread() -> None:
    (item,) = parts({"type": "hologram", "hologram": [1, 2]})
    assert isinstance(item, ServerItem)
    assert json.loads(bytes(item.raw)) == {"type": "hologram", "hologram": [1, 2]}


def test_a_data_url_that_is_not_base64_is_refused() -> None:
    with pytest.raises(InvalidRequest) as refused:
        parts({"type": "image_url", "image_url": {"url": "data:image/svg+xml,<svg/>"}})
    assert refused.value.param == "messages[0].content[0].image_url"


def test_refusals_custom_calls_and_empty_arguments() -> None:
    custom = {"id": "c2", "type": "custom", "custom": {"name": "sh", "input": "ls"}}
    empty = {**CALL, "function": {"name": "f", "arguments": ""}}
    assert items(
        {"role": "assistant", "content": None, "refusal": "No.", "tool_calls": [empty, custom]}
    ) == [
        Refusal(text="No."),
        ToolCall(id="c1", name="f", arguments="{}"),
        ToolCall(id="c2", name="sh", arguments="ls", kind="custom"),
    ]


# --- reasoning --------------------------------------------------------------------------------------
DETAILS = [
    {"type": "reasoning.text", "text": "h", "index": 0},
    {"type": "reasoning.text", "text": "m", "index": 0},
    {"type": "reasoning.text", "signature": "s1", "format": "anthropic-claude-v1", "index": 0},
    {"type": "reasoning.encrypted", "data": "xx", "format": "anthropic-claude-v1", "index": 1},
    {"type": "reasoning.summary", "summary": "short", "format": "openai-responses-v1"},
    {"type": "reasoning.encrypted", "data": "g", "id": "c1", "format": "google-gemini-v1"},
]


def test_typed_blocks_come_first_and_their_pieces_are_joined() -> None:
    message = {
        "role": "assistant",
        "content": "Hi",
        "reasoning_content": "hm",
        "reasoning_details": DETAILS,
        "tool_calls": [CALL],
    }
    assert items(message) == [
        Reasoning(text="hm", signature="s1", origin="anthropic"),
        Reasoning(encrypted="xx", origin="anthropic"),
        Reasoning(text="short", summary=True, origin="openai"),
        Text(text="Hi"),
        Reasoning(signature="g", origin="google", call_id="c1"),
        ToolCall(id="c1", name="f", arguments='{"a": 1}'),
    ]


def test_thinking_blocks_and_plain_reasoning() -> None:
    blocks = [
        {"type": "thinking", "thinking": "a", "signature": "s"},
        {"type": "redacted_thinking", "data": "x"},
    ]
    said = {"role": "assistant", "content": "Hi", "reasoning_content": "a"}
    assert items({**said, "thinking_blocks": blocks})[:2] == [
        Reasoning(text="a", signature="s", origin="anthropic"),
        Reasoning(encrypted="x", origin="anthropic"),
    ]
    assert items(said)[0] == Reasoning(text="a")
    assert items({"role": "assistant", "content": "Hi", "reasoning": "b"})[0] == Reasoning(text="b")


def test_a_signature_at_its_call_is_kept_once() -> None:
    google = {"google": {"thought_signature": "g"}}
    call = {**CALL, "extra_content": google}
    expected = Reasoning(signature="g", origin="google", call_id="c1")
    made = items({"role": "assistant", "content": None, "tool_calls": [call]})
    assert made == [expected, ToolCall(id="c1", name="f", arguments='{"a": 1}')]
    both = {"role": "assistant", "tool_calls": [call], "reasoning_details": DETAILS[-1:]}
    assert items(both) == made


@pytest.mark.parametrize("member", ["reasoning_details", "thinking_blocks", "server_items"])
def test_blocks_of_another_shape_are_refused(member: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        items({"role": "assistant", "content": "x", member: "text"})
    assert refused.value.param == f"messages[0].{member}"


# --- cache marks ------------------------------------------------------------------------------------
def test_marks_stay_where_they_were() -> None:
    mark = {"type": "ephemeral", "ttl": "1h"}
    made = canonical(
        messages=[
            {"role": "system", "content": "x", "cache_control": {"type": "ephemeral"}},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "a", "cache_control": mark},
                    {"type": "text", "text": "b"},
                    {"type": "text", "text": "c", "prompt_cache_breakpoint": {"mode": "explicit"}},
                ],
            },
        ],
        tools=[{**WEATHER, "cache_control": mark}],
        cache_control={"type": "ephemeral"},
        prompt_cache_key="k",
    )
    assert [[item.cache for item in turn.items] for turn in made.turns] == [
        [CacheMark()],
        [CacheMark("1h"), None, CacheMark()],
    ]
    assert made.tools[0].cache == CacheMark("1h")
    assert made.cache.automatic == CacheMark()
    assert made.cache.key is not None
    assert made.cache.key.startswith("og-")


def test_a_mark_of_another_shape_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="cache_control"):
        parts({"type": "text", "text": "a", "cache_control": "yes"})


# --- the rest ---------------------------------------------------------------------------------------
def test_tools_keep_their_schema_as_it_came_and_what_nobody_knows() -> None:
    body = (
        b'{"model":"m/x","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function",'
        b'"function":{"name":"f","parameters":{"type" : "object"},"strict":true,"x":1},"y":2},'
        b'{"type":"custom","custom":{"name":"g","format":{"type":"text"}}},{"type":"web_search"}]}'
    )
    made = canonical_request(decode(body, {}), "team_a")
    first, second = made.tools
    assert bytes(first.parameters or b"") == b'{"type" : "object"}'
    assert (first.strict, second.kind, second.name) == (True, "custom", "g")
    assert {n: json.loads(bytes(v)) for n, v in first.extra.items()} == {
        "y": 2,
        "function": {"x": 1},
    }
    assert [json.loads(bytes(raw)) for raw in made.server_tools] == [{"type": "web_search"}]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("any", ToolChoice("required")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("named", ("f",))),
        ({"type": "custom", "custom": {"name": "g"}}, ToolChoice("named", ("g",), kind="custom")),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "f"}}],
                },
            },
            ToolChoice("allowed", ("f",), required=True),
        ),
    ],
)
def test_the_six_forms_of_a_choice(said: Any, expected: ToolChoice) -> None:
    assert canonical(tools=[WEATHER], tool_choice=said).tool_choice == expected


def test_old_functions_are_tools_and_their_choice_is_one() -> None:
    made = canonical(functions=[{"name": "f"}], function_call={"name": "f"})
    assert [tool.name for tool in made.tools] == ["f"]
    assert made.tool_choice == ToolChoice("named", ("f",))
    assert made.extra == {}


def test_sampling_form_and_limits() -> None:
    schema = {"name": "n", "schema": {"type": "object"}, "strict": True}
    made = canonical(
        temperature=0.5,
        top_k=4,
        stop="x",
        n=2,
        seed=7,
        max_tokens=9,
        response_format={"type": "json_schema", "json_schema": schema},
        parallel_tool_calls=False,
        service_tier="flex",
    )
    assert made.sampling == Sampling(temperature=0.5, top_k=4, stop=("x",), n=2, seed=7)
    assert (made.max_output_tokens, made.parallel_tool_calls) == (9, False)
    assert made.service_tier == "flex"
    assert isinstance(made.output, OutputFormat)
    assert (made.output.kind, made.output.name, made.output.strict) == ("json_schema", "n", True)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"reasoning_effort": "high"}, ReasoningIntent(effort="high")),
        (
            {"reasoning": {"effort": "low", "max_tokens": 9, "exclude": True, "enabled": True}},
            ReasoningIntent(effort="low", budget_tokens=9, exclude=True, enabled=True),
        ),
    ],
)
def test_what_is_wanted_of_thinking(members: dict[str, Any], expected: ReasoningIntent) -> None:
    made = canonical(**members)
    assert made.reasoning == expected
    assert made.extra == {}


@pytest.mark.parametrize(
    "members",
    [
        {"reasoning": "yes"},
        {"reasoning": {"effort": "huge"}},
        {"reasoning": {"max_tokens": "many"}},
        {"reasoning": {"enabled": 1}},
        {"top_k": 0.5},
    ],
)
def test_what_openai_does_not_know_is_checked_where_it_is_read(members: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        canonical(**members)
    assert (refused.value.param or "").startswith(next(iter(members)))


def test_users_get_a_pseudonym_and_unknown_members_ride_along() -> None:
    made = canonical(user="ann", safety_identifier="bob", verbosity="low", min_p=0.1, extra=None)
    other = canonical_request(chat(user="ann"), "team_b")
    assert made.user is not None
    assert made.user != other.user
    assert b"bob" not in bytes(made.opaque["safety_identifier"])
    assert set(made.extra) == {"verbosity", "min_p"}
    assert canonical(messages=HELLO).user is None
