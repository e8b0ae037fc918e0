"""Turns to Messages: order, merging, reasoning, media, ids (the reference's B.2)."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from anthropic_wire import (
    BUDGETED,
    LEVELLED,
    PROVIDER,
    asked,
    assistant,
    call,
    raw,
    result,
    sent,
    system,
    tool_call,
    user,
)
from opengateway.domain.canonical import (
    Audio,
    CacheMark,
    Document,
    Image,
    Item,
    Reasoning,
    Refusal,
    Role,
    ServerItem,
    Text,
    ToolCall,
    Turn,
    Video,
)
from opengateway.domain.errors import InvalidRequest


def thought(text: str = "hm", signature: str | None = "c2ln", **members: Any) -> Reasoning:
    return Reasoning(text=text, signature=signature, **{"origin": "anthropic", **members})


def test_system_blocks_stay_apart_in_front() -> None:
    body = sent(asked(system("one", "two"), Turn(Role.DEVELOPER, (Text(text="three"),)), user("q")))
    assert [block["text"] for block in body["system"]] == ["one", "two", "three"]
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "q"}]}]


def test_a_system_message_within_the_conversation_keeps_its_place() -> None:
    turns = (user("a"), assistant("b"), system("speak French"), user("c"))
    roles = [m["role"] for m in sent(asked(*turns), LEVELLED)["messages"]]
    assert roles == ["user", "assistant", "system", "user"]
    older = sent(asked(*turns), BUDGETED)["messages"]
    assert [m["role"] for m in older] == ["user", "assistant", "user"]
    said = [block["text"] for block in older[-1]["content"]]
    assert said == ["<system>\nspeak French\n</system>", "c"]


def test_between_calls_and_their_results_no_system_message_may_stand() -> None:
    turns = (user("a"), assistant(tool_call("c1")), system("be quick"), result("c1", "1"))
    last = sent(asked(*turns), LEVELLED)["messages"][-1]
    assert last["role"] == "user"
    assert [block["type"] for block in last["content"]] == ["tool_result", "text"]


def test_a_prompt_that_is_all_system_is_the_question() -> None:
    body = sent(asked(system("Write a poem")))
    assert body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "Write a poem"}]}
    ]
    assert "system" not in body


def test_neighbours_of_one_role_are_one_message() -> None:
    body = sent(asked(user("a"), user("b"), assistant("c"), assistant("d"), user("e")))
    assert [m["role"] for m in body["messages"]] == ["user", "assistant", "user"]
    assert [len(m["content"]) for m in body["messages"]] == [2, 2, 1]


def test_e26_all_results_of_a_turn_open_one_message() -> None:
    turns = (
        user("q"),
        assistant("I look", tool_call("a"), tool_call("b")),
        result("a", "1"),
        user("and hurry"),
        result("b", "2"),
    )
    body = sent(asked(*turns))
    assert len(body["messages"]) == 3
    content = body["messages"][2]["content"]
    assert [b.get("tool_use_id", b.get("text")) for b in content] == ["a", "b", "and hurry"]
    assert content[0]["content"] == "1"


@pytest.mark.parametrize("empty", ["", " \n\t"])
def test_e27_texts_that_say_nothing_are_left_out(empty: str) -> None:
    turns = (system(empty), user(empty, "q"), assistant(empty, tool_call("a")), result("a", empty))
    body = sent(asked(*turns, user(empty)))
    assert "system" not in body
    kinds = [[b["type"] for b in m["content"]] for m in body["messages"]]
    assert kinds == [["text"], ["tool_use"], ["tool_result"]]
    assert "content" not in body["messages"][2]["content"][0]


def test_nothing_at_all_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="there is nothing in them") as caught:
        sent(asked(user(" ")))
    assert caught.value.param == "messages"


def test_a_mark_on_what_is_left_out_moves_to_what_came_before_it() -> None:
    mark = CacheMark()
    turns = (user("q"), assistant(thought(), Text(text="", cache=mark), tool_call("a")))
    body = sent(asked(*turns, result("a", "1")))
    assert body["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral"}
    marked = sent(asked(user("q"), assistant("x", thought("t", cache=mark)), user("y")))
    assert "cache_control" not in marked["messages"][1]["content"][1]
    assert "cache_control" in marked["messages"][1]["content"][0]


# --- reasoning -------------------------------------------------------------------------------------
def test_e16_thoughts_go_before_the_calls_that_they_led_to() -> None:
    body = sent(asked(user("q"), assistant(thought("first"), tool_call("a")), result("a", "1")))
    assert body["messages"][1]["content"][0] == {
        "type": "thinking",
        "thinking": "first",
        "signature": "c2ln",
    }


def test_e18_empty_redacted_and_several_thoughts_go_back_in_order_and_byte_for_byte() -> None:
    odd = " \n\u2028 ünï\t"
    items: tuple[Item, ...] = (
        thought(odd, "A+/="),
        Reasoning(encrypted="EncRypted==", origin="anthropic"),
        thought("", "only-signed"),
        Text(text="so"),
    )
    body = sent(asked(user("q"), Turn(Role.ASSISTANT, items), user("go on")))
    assert body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": odd, "signature": "A+/="},
        {"type": "redacted_thinking", "data": "EncRypted=="},
        {"type": "thinking", "thinking": "", "signature": "only-signed"},
        {"type": "text", "text": "so"},
    ]


@pytest.mark.parametrize(
    "foreign",
    [
        thought(origin="google"),
        thought(origin=None),
        thought(signature=None),
        Reasoning(encrypted="x", origin="openai"),
        thought(call_id="a"),
    ],
)
def test_e17_thoughts_of_another_vendor_or_unsigned_ones_stay_here(foreign: Reasoning) -> None:
    body = sent(asked(user("q"), assistant(foreign, "so"), user("go on")))
    assert body["messages"][1]["content"] == [{"type": "text", "text": "so"}]


# --- calls -----------------------------------------------------------------------------------------
def test_arguments_go_as_they_came_and_none_are_an_empty_object() -> None:
    exact = '{"b": 1.0, "a":  [1e2, "\\u00e9"]}'
    calls = (tool_call("a", exact), tool_call("b", "  "), tool_call("c", '{"x":'))
    listed = tool_call("d", "[1]")
    custom = ToolCall(id="e", name="f", arguments="SELECT 1", kind="custom")
    turns = [user("q"), assistant(*calls, listed, custom)]
    request = asked(*turns, *(result(name, "ok") for name in "abcde"))
    assert exact.encode() in call(request).body
    inputs = [b["input"] for b in sent(request)["messages"][1]["content"]]
    assert inputs[1:] == [{}, {"arguments": '{"x":'}, {"arguments": [1]}, {"input": "SELECT 1"}]


def test_ids_that_the_vendor_refuses_are_replaced_alike_on_call_and_result() -> None:
    odd = "functions.f:0"
    turns = (user("q"), assistant(tool_call(odd)), result(odd, "1"))
    again = (assistant(tool_call(odd)), result(odd, "2"), user("go on"))
    body = sent(asked(*turns, *again))
    made = [m["content"][0] for m in body["messages"][1:5]]
    first, second = made[0]["id"], made[2]["id"]
    assert first.startswith("call_")
    assert first != second
    assert [made[1]["tool_use_id"], made[3]["tool_use_id"]] == [first, second]
    assert made[1]["content"] == "1"
    assert sent(asked(*turns, *again)) == body


@pytest.mark.parametrize(
    ("turns", "said"),
    [
        ((user("q"), result("a", "1")), "the result 'a' follows no call"),
        ((user("q"), assistant(tool_call("a")), user("x"), assistant("y")), "'a' has no result"),
        ((user("q"), assistant(tool_call("a"))), "the call 'a' has no result"),
        (
            (user("q"), assistant(tool_call("a")), result("a", "1"), result("a", "2")),
            "the result 'a' follows no call",
        ),
    ],
)
def test_a_call_without_its_result_and_the_reverse_are_refused(
    turns: tuple[Turn, ...], said: str
) -> None:
    with pytest.raises(InvalidRequest, match=said) as caught:
        sent(asked(*turns))
    assert caught.value.param == "messages"


def test_a_result_holds_images_and_files_and_says_if_it_failed() -> None:
    image = Image(data="iVBORw0", media_type="image/png")
    page = Document(data="JVBERi0=", name="a.pdf")
    turns = (user("q"), assistant(tool_call("a")), result("a", "see", image, page, is_error=True))
    block = sent(asked(*turns))["messages"][2]["content"][0]
    assert [part["type"] for part in block["content"]] == ["text", "image", "document"]
    assert block["is_error"] is True


# --- media -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("item", "block"),
    [
        (
            Image(url="https://x.example/a.png", detail="high"),
            {"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}},
        ),
        (
            Image(data="AAAA", media_type="image/jpg"),
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/jpeg", "data": "AAAA"},
            },
        ),
        (
            Image(data="UklGRAAA"),
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/webp", "data": "UklGRAAA"},
            },
        ),
        (
            Document(data="JVBERi0=", name="a.pdf"),
            {
                "type": "document",
                "title": "a.pdf",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
            },
        ),
        (
            Document(url="https://x.example/a.pdf"),
            {"type": "document", "source": {"type": "url", "url": "https://x.example/a.pdf"}},
        ),
        (
            Document(data=base64.b64encode("Grüße".encode()).decode(), media_type="text/csv"),
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "Grüße"},
            },
        ),
    ],
)
def test_images_and_files_become_blocks(item: Item, block: dict[str, Any]) -> None:
    assert sent(asked(user(item)))["messages"][0]["content"] == [block]


def test_a_file_of_the_vendors_own_needs_its_beta() -> None:
    made = call(asked(user(Document(file_id="file_011"))))
    assert made.headers["anthropic-beta"] == "files-api-2025-04-14"
    source = json.loads(made.body)["messages"][0]["content"][0]["source"]
    assert source == {"type": "file", "file_id": "file_011"}
    assert "anthropic-beta" not in call(asked()).headers


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (Audio(data="AAAA", format="wav"), "sound"),
        (Video(url="https://x.example/a.mp4"), "films"),
        (Image(data="AAAA", media_type="image/tiff"), "an image 'image/tiff'"),
        (Image(data="AAAA"), "without a media type"),
        (Document(file_id="file-abc"), "not one of its own"),
        (Document(data="AAAA", media_type="application/zip"), "only PDF and text"),
        (Document(data="@", media_type="text/plain"), "base64 of UTF-8"),
        (ServerItem(raw=raw({"type": "x"}), origin="openai_chat"), "another vendor's own"),
    ],
)
def test_what_has_no_block_is_refused_by_name(item: Item, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said) as caught:
        sent(asked(user(item)))
    assert caught.value.param == "messages"


def test_blocks_of_the_vendors_own_tools_go_back_unread_and_others_stay() -> None:
    block = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"q": "x"}}
    own = ServerItem(raw=raw(block), origin="anthropic")
    other = ServerItem(raw=raw({"a": 1}), origin="google")
    made = call(asked(user("q"), assistant(own, other, "so", Refusal(text="no")), user("y")))
    content = json.loads(made.body)["messages"][1]["content"]
    assert content == [block, {"type": "text", "text": "so"}, {"type": "text", "text": "no"}]
    assert made.dropped == ("messages[].server_items",)


# --- an answer that was begun ----------------------------------------------------------------------
def test_an_answer_that_was_begun_goes_on_where_the_model_can_and_ends_without_space() -> None:
    body = sent(asked(user("q"), assistant("It is ")))
    assert body["messages"][-1]["content"][0]["text"] == "It is"
    with pytest.raises(InvalidRequest, match="end with a message of role 'user'"):
        sent(asked(user("q"), assistant("It is ")), LEVELLED)


def test_a_name_has_no_place_and_is_told() -> None:
    made = call(asked(Turn(Role.USER, (Text(text="q"),), name="Ann")), provider=PROVIDER)
    assert made.dropped == ("messages[].name",)
