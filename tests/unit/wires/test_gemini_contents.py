"""Conversations as `contents`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gemini_wire import (
    GOOGLE,
    NEW,
    OLD,
    bent,
    contents,
    function,
    model,
    replied,
    response,
    sent,
    system,
    text,
    tool,
    user,
)
from opengateway.checks.replay_generate_content import items_of
from opengateway.domain.canonical import (
    Audio,
    Document,
    Image,
    Item,
    Reasoning,
    Refusal,
    Role,
    ServerItem,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from opengateway.domain.errors import InvalidRequest
from opengateway.kit.json import Raw
from opengateway.wires.gemini.contents import SKIPPED_SIGNATURE


def called(id: str, name: str = "f", arguments: str = "{}") -> ToolCall:
    return ToolCall(id=id, name=name, arguments=arguments)


def result(call_id: str, *content: Any, **members: Any) -> ToolResult:
    made = tuple(Text(text=c) if isinstance(c, str) else c for c in content)
    return ToolResult(call_id=call_id, name=members.pop("name", None), content=made, **members)


def signed(signature: str, **members: Any) -> Reasoning:
    return Reasoning(signature=signature, origin="google", **members)


def test_instructions_have_a_place_of_their_own_wherever_they_came() -> None:
    body = sent(system("Be kind."), user("Hi"), system("Be brief.", role=Role.DEVELOPER))
    assert body["systemInstruction"] == {"parts": [{"text": "Be kind."}, {"text": "Be brief."}]}
    assert body["contents"] == [{"role": "user", "parts": [{"text": "Hi"}]}]


def test_a_model_without_that_place_reads_them_first() -> None:
    body = sent(system("Be kind."), user("Hi"), to="gemma-3-27b-it")
    assert "systemInstruction" not in body
    assert body["contents"] == [{"role": "user", "parts": [{"text": "Be kind."}, {"text": "Hi"}]}]


def test_instructions_alone_are_what_is_to_be_answered() -> None:
    assert contents(system("Say hi.")) == [{"role": "user", "parts": [{"text": "Say hi."}]}]


@pytest.mark.parametrize("turns", [[user("")], [user(), model("")], [system("")]])
def test_nothing_to_answer_is_refused(turns: list[Any]) -> None:
    with pytest.raises(InvalidRequest, match="send a user message"):
        contents(*turns)


def test_e26_neighbours_of_one_role_become_one() -> None:
    made = contents(user("a"), user("b"), model("c"), model("d"), user("e"))
    assert [(c["role"], [p["text"] for p in c["parts"]]) for c in made] == [
        ("user", ["a", "b"]),
        ("model", ["c", "d"]),
        ("user", ["e"]),
    ]


def test_e27_empty_text_is_left_out_and_its_neighbours_meet() -> None:
    made = contents(user("a"), model(""), user("b", ""))
    assert made == [{"role": "user", "parts": [{"text": "a"}, {"text": "b"}]}]


def test_e26_results_of_parallel_calls_are_one_content_in_the_order_of_the_calls() -> None:
    made = contents(
        user("go"),
        model(called("1", "f"), called("2", "g", '{"x": 1}')),
        tool(result("2", "two")),
        tool(result("1", "one")),
        user("and now?"),
    )
    assert made[1]["role"] == "model"
    assert [p["functionCall"] for p in made[1]["parts"]] == [
        {"id": "1", "name": "f", "args": {}},
        {"id": "2", "name": "g", "args": {"x": 1}},
    ]
    assert made[2] == {
        "role": "user",
        "parts": [
            {"functionResponse": {"id": "1", "name": "f", "response": {"result": "one"}}},
            {"functionResponse": {"id": "2", "name": "g", "response": {"result": "two"}}},
            {"text": "and now?"},
        ],
    }


def test_a_result_says_what_went_wrong_and_joins_its_texts() -> None:
    made = contents(user("go"), model(called("1")), tool(result("1", "a", "b", is_error=True)))
    assert made[2]["parts"][0]["functionResponse"]["response"] == {"error": "a\nb"}


def test_a_result_of_no_call_is_refused_unless_it_names_its_tool() -> None:
    with pytest.raises(InvalidRequest, match="'9' answers no call"):
        contents(user("go"), tool(result("9", "x")))
    made = contents(user("go"), tool(result("9", "x", name="f")))
    assert made[0]["parts"][0]["functionResponse"]["name"] == "f"


def test_pictures_of_a_result_are_in_it_where_the_model_takes_them_and_after_it_elsewhere() -> None:
    picture = Image(data="iVBORw0KGgoAAA")
    sound = Audio(data="UklG", format="wav")
    turns = (user("go"), model(called("1")), tool(result("1", "see", picture, sound)))
    image = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgoAAA"}}
    heard = {"inlineData": {"mimeType": "audio/wav", "data": "UklG"}}
    response_, *after = contents(*turns, to=NEW)[2]["parts"]
    assert response_["functionResponse"]["parts"] == [image]
    assert after == [heard]
    response_, *after = contents(*turns, to=OLD)[2]["parts"]
    assert "parts" not in response_["functionResponse"]
    assert after == [image, heard]


@pytest.mark.parametrize(
    ("item", "part"),
    [
        (Image(data="QUJD", media_type="image/webp"), ("image/webp", "QUJD")),
        (Image(data="/9j/4AA"), ("image/jpeg", "/9j/4AA")),
        (Audio(data="UklG", format="mp3"), ("audio/mp3", "UklG")),
        (Document(data="JVBE"), ("application/pdf", "JVBE")),
        (Video(data="AAAA"), ("video/mp4", "AAAA")),
    ],
)
def test_data_goes_inline(item: Item, part: tuple[str, str]) -> None:
    made = contents(user(item))[0]["parts"]
    assert made == [{"inlineData": {"mimeType": part[0], "data": part[1]}}]


FILES = "https://generativelanguage.googleapis.com/v1beta/files/abc"


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        (Image(url=f"{FILES}.webp?x=1.y"), "image/webp"),
        (Image(url=FILES), "image/jpeg"),
        (Document(file_id=FILES), "application/pdf"),
        (Video(url="https://youtu.be/xyz"), "video/mp4"),
    ],
)
def test_an_address_that_google_fetches_goes_as_it_is(item: Any, kind: str) -> None:
    made = contents(user(item))[0]["parts"]
    assert made == [{"fileData": {"mimeType": kind, "fileUri": item.url or item.file_id}}]


@pytest.mark.parametrize(
    "item", [Image(url="https://a.example/x.png"), Document(file_id="file-1"), Document()]
)
def test_an_address_that_google_does_not_fetch_is_refused(item: Item) -> None:
    with pytest.raises(InvalidRequest, match="send the data itself") as caught:
        contents(user(item))
    assert caught.value.param == "messages"
    assert contents(
        user(Image(url="https://a.example/x.png")), vendor=bent(fetched_urls=("https://",))
    )


def test_pictures_are_no_instructions() -> None:
    with pytest.raises(InvalidRequest, match="text only"):
        contents(system(Image(data="QUJD")), user("Hi"))


@pytest.mark.parametrize(
    ("arguments", "args"),
    [
        ('{"b": 1,  "a": 1.0}', '{"b": 1,  "a": 1.0}'),
        ("", "{}"),
        ("not json", '{"input":"not json"}'),
        ("[1]", '{"input":"[1]"}'),
    ],
)
def test_arguments_leave_as_their_own_bytes_if_they_are_an_object(
    arguments: str, args: str
) -> None:
    from gemini_wire import call

    body = call(user("go"), model(called("1", "f", arguments)), tool(result("1", "x"))).body
    assert f'"args":{args}'.encode() in body


def test_e17_a_call_carries_the_signature_that_it_came_with() -> None:
    made = contents(
        user("go"),
        model(signed("SIG", call_id="1"), called("1"), called("2")),
        tool(result("1", "x"), result("2", "y")),
    )
    assert [p.get("thoughtSignature") for p in made[1]["parts"]] == ["SIG", None]


def test_e17_a_signature_finds_its_call_wherever_it_stands() -> None:
    made = contents(
        user("go"), model(called("1"), signed("SIG", call_id="1")), tool(result("1", "x"))
    )
    assert made[1]["parts"] == [function("f", {}, id="1", sealed="SIG")]


def test_e17_a_history_that_another_made_gets_the_word_that_skips_the_check() -> None:
    foreign = Reasoning(text="hm", signature="claude", origin="anthropic", call_id="1")
    turns = (
        user("go"),
        model(foreign, called("1"), called("2")),
        tool(result("1", "x"), result("2", "y")),
        model(signed("S", call_id="3"), called("3")),
        tool(result("3", "z")),
    )
    made = contents(*turns, to=NEW)
    assert [p.get("thoughtSignature") for p in made[1]["parts"]] == [SKIPPED_SIGNATURE, None]
    assert made[3]["parts"][0]["thoughtSignature"] == "S"
    assert SKIPPED_SIGNATURE not in json.dumps(contents(*turns, to=OLD))


def test_what_others_thought_is_left_out() -> None:
    made = contents(
        user("go"), model(Reasoning(text="a"), Reasoning(text="b", origin="openai"), "c"), user("d")
    )
    assert made[1]["parts"] == [{"text": "c"}]


@pytest.mark.parametrize(
    ("items", "parts"),
    [
        # Beside the text, before or after it.
        (["a", signed("S")], [text("a", thoughtSignature="S")]),
        ([signed("S"), "a"], [text("a", thoughtSignature="S")]),
        (
            ["a", signed("S"), "b", signed("T")],
            [text("a", thoughtSignature="S"), text("b", thoughtSignature="T")],
        ),
        # No text left: an empty one, as Google sends it.
        ([signed("S")], [text("", thoughtSignature="S")]),
        (
            ["a", signed("S"), signed("T")],
            [text("a", thoughtSignature="S"), text("", thoughtSignature="T")],
        ),
        # Thoughts with what they came with; a signature that lies where the encrypted does.
        (
            [Reasoning(text="hm", signature="S", origin="google"), "a"],
            [text("hm", thought=True, thoughtSignature="S"), text("a")],
        ),
        ([Reasoning(encrypted="S", origin="google"), "a"], [text("a", thoughtSignature="S")]),
        (
            [Reasoning(text="hm", origin="google"), signed("S"), "a"],
            [text("hm", thought=True), text("a", thoughtSignature="S")],
        ),
    ],
)
def test_signatures_of_text_come_back_on_the_text(items: list[Any], parts: list[Any]) -> None:
    assert contents(user("go"), model(*items), user("on"))[1]["parts"] == parts


def test_blocks_of_googles_own_tools_come_back_unread_and_others_do_not() -> None:
    block = {
        "executableCode": {"language": "PYTHON", "code": "1", "id": "e"},
        "thoughtSignature": "S",
    }
    ours = ServerItem(raw=Raw(json.dumps(block).encode()), origin="google")
    other = ServerItem(raw=Raw(b'{"type":"server_tool_use"}'), origin="anthropic")
    assert contents(user("go"), model(ours, other, "a"), user("b"))[1]["parts"] == [
        block,
        text("a"),
    ]


def test_a_refusal_is_what_the_model_said() -> None:
    assert contents(user("go"), model(Refusal(text="no")), user("b"))[1]["parts"] == [text("no")]


def test_an_answer_comes_back_as_it_was_said() -> None:
    parts = [
        text("Let me see.", thought=True),
        text("I will look.", thoughtSignature="A"),
        function("f", {"q": "é", "n": 1.5}, id="c1", sealed="B+/="),
        function("g", {}, id="c2"),
    ]
    items = items_of(replied(response(*parts, finish="STOP"), vendor=GOOGLE))
    made = contents(user("go"), model(*items), tool(result("c1", "1"), result("c2", "2")))
    assert made[1] == {"role": "model", "parts": parts}
