from __future__ import annotations

from typing import Any

import pytest

from openai_responses_lane import asked, function_call, message, thought
from opengateway.dialects.openai_responses.canonical import canonical_request
from opengateway.domain.canonical import (
    CanonicalRequest,
    Document,
    Image,
    OutputFormat,
    Reasoning,
    ReasoningIntent,
    Role,
    ServerItem,
    Text,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from opengateway.domain.errors import InvalidRequest
from opengateway.kit.json import loads
from opengateway.wires.openai_responses.seals import Seal, carried

HI = {"role": "user", "content": "Hi"}


def canonical(input: Any = "Hello", **members: Any) -> CanonicalRequest:
    return canonical_request(asked(input, **members), "team_a", with_turns=True)


def turns(*items: Any, **members: Any) -> list[tuple[str, tuple[Any, ...]]]:
    return [(turn.role.value, turn.items) for turn in canonical(list(items), **members).turns]


def output(call_id: str = "call_1", told: Any = "1") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": told}


def test_what_the_model_did_before_somebody_spoke_is_one_turn() -> None:
    made = turns(HI, thought("s", "Hm."), message("Look."), function_call('{"x":1}'), output())
    assert made == [
        ("user", (Text(text="Hi"),)),
        (
            "assistant",
            (
                Reasoning(text="Hm.", summary=True, encrypted="s", origin="openai"),
                Text(text="Look."),
                ToolCall(id="call_1", name="f", arguments='{"x":1}'),
            ),
        ),
        ("tool", (ToolResult(call_id="call_1", name="f", content=(Text(text="1"),)),)),
    ]


def test_instructions_come_first() -> None:
    made = canonical([HI], instructions="Be brief.")
    assert made.turns[0].role is Role.SYSTEM
    assert made.turns[0].items == (Text(text="Be brief."),)


def test_two_messages_are_two_turns_unless_a_call_waits() -> None:
    made = turns(HI, message("One."), message("Two."))
    assert [role for role, _ in made] == ["user", "assistant", "assistant"]
    between = turns(HI, message("One."), function_call(), message("Two."), output())
    assert [role for role, _ in between] == ["user", "assistant", "tool"]


def test_parallel_calls_stay_together_with_their_thoughts() -> None:
    made = turns(
        HI,
        thought("a"),
        function_call(),
        thought("b"),
        function_call("", "call_2", "g"),
        output(),
        output("call_2"),
    )
    kinds = [type(item) for item in made[1][1]]
    assert kinds == [Reasoning, ToolCall, Reasoning, ToolCall]
    assert made[1][1][1].arguments == "{}"
    assert [items[0].name for role, items in made if role == "tool"] == ["f", "g"]


@pytest.mark.parametrize(
    "seal",
    [
        Seal("anthropic", signature="sig"),
        Seal("anthropic", encrypted="redacted"),
        Seal("google", signature="s", call_id="call_1"),
    ],
)
def test_another_vendors_seal_is_itself_again(seal: Seal) -> None:
    ((_, (item,)),) = turns(thought(carried(seal), "Hm."))
    assert (item.text, item.origin) == ("Hm.", seal.origin)
    assert (item.signature, item.encrypted, item.call_id) == (
        seal.signature,
        seal.encrypted,
        seal.call_id,
    )


def test_a_thought_that_was_told_aloud_is_its_text() -> None:
    told = {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "aloud"}]}
    ((_, items),) = turns(told)
    assert items == (Reasoning(text="aloud"),)


def test_media_and_custom_tools_and_what_is_unread() -> None:
    image = {"type": "input_image", "image_url": "data:image/png;base64,QUJD", "detail": "low"}
    file = {"type": "input_file", "file_data": "data:text/plain;base64,QUJD", "filename": "a.txt"}
    custom = {"type": "custom_tool_call", "call_id": "c", "name": "g", "input": "free"}
    compaction = {"type": "compaction", "encrypted_content": "gAAA"}
    made = turns({"role": "user", "content": [image, file]}, custom, compaction)
    assert made[0][1] == (
        Image(data="QUJD", media_type="image/png", detail="low"),
        Document(data="QUJD", media_type="text/plain", name="a.txt"),
    )
    call, unread = made[1][1]
    assert call == ToolCall(id="c", name="g", arguments="free", kind="custom")
    assert isinstance(unread, ServerItem)


def test_a_data_url_that_is_none_names_its_member() -> None:
    image = {"type": "input_image", "image_url": "data:image/png,raw"}
    with pytest.raises(InvalidRequest) as caught:
        canonical([{"role": "user", "content": [image]}])
    assert caught.value.param == "input[0].content[0].image_url"


@pytest.mark.parametrize(
    ("told", "made"),
    [
        ("required", ToolChoice("required")),
        ({"type": "function", "name": "f"}, ToolChoice("named", ("f",))),
        ({"type": "custom", "name": "g"}, ToolChoice("named", ("g",), kind="custom")),
        (
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "f"}],
            },
            ToolChoice("allowed", ("f",), required=True),
        ),
    ],
)
def test_a_choice_of_tools_is_one_of_six(told: Any, made: ToolChoice) -> None:
    assert canonical(tool_choice=told).tool_choice == made


def test_what_is_asked_is_read_into_the_form() -> None:
    schema = {"type": "object"}
    made = canonical(
        tools=[{"type": "function", "name": "f", "parameters": schema, "strict": True}],
        text={"format": {"type": "json_schema", "name": "n", "schema": schema, "strict": True}},
        reasoning={"effort": "high"},
        max_output_tokens=99,
        prompt_cache_key="k",
        user="ada",
        parallel_tool_calls=False,
        truncation="auto",
        store=True,
    )
    (tool,) = made.tools
    assert (tool.name, tool.strict, loads(tool.parameters or b"")) == ("f", True, schema)
    assert isinstance(made.output, OutputFormat)
    assert (made.output.name, made.output.strict) == ("n", True)
    assert made.reasoning == ReasoningIntent(effort="high")
    assert (made.max_output_tokens, made.parallel_tool_calls) == (99, False)
    assert made.user is not None
    assert made.user.startswith("og-")
    assert made.cache.key is not None
    assert made.extra == {}, "what other shapes do not know and need not be told of"
