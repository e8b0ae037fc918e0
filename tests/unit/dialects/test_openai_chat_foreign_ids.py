"""Ids of what a vendor keeps for an account: nobody's here, wherever they stand (decision 29)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from opengateway.dialects.openai_chat import decode
from opengateway.domain.errors import NotFound


def body(*parts: Any, **members: Any) -> bytes:
    said = [{"role": "user", "content": list(parts) or "hi"}]
    return json.dumps({"model": "m", "messages": said, **members}).encode()


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        (
            body({"type": "file", "file": {"file_id": "f"}}),
            "messages[0].content[0].file.file_id",
        ),
        (body({"type": "image_file", "file_id": "f"}), "messages[0].content[0].file_id"),
        (
            body({"type": "document", "source": {"type": "file", "file_id": "f"}}),
            "messages[0].content[0].source.file_id",
        ),
        (body(cached_content="cachedContents/x"), "cached_content"),
        (body(cachedContent="cachedContents/x"), "cachedContent"),
        (body(previous_response_id="resp_1"), "previous_response_id"),
        (body(conversation={"id": "c"}), "conversation"),
        (
            body(extra_body={"google": {"cached_content": "cachedContents/x"}}),
            "extra_body.google.cached_content",
        ),
        (
            body(acme={"cached_content": "cachedContents/x"}),
            "acme.cached_content",
        ),
        (
            body(tools=[{"type": "file_search", "vector_store_ids": ["vs_1"]}]),
            "tools[0].vector_store_ids",
        ),
        (
            body(tools=[{"type": "code_interpreter", "container": {"file_ids": ["f"]}}]),
            "tools[0].container",
        ),
    ],
)
def test_an_id_of_an_account_is_not_found(asked: bytes, param: str) -> None:
    with pytest.raises(NotFound) as caught:
        decode(asked, {})
    assert caught.value.param == param


def test_letters_written_as_numbers_hide_nothing() -> None:
    asked = body(tools=[{"type": "file_search", "vector_store_ids": ["vs_1"]}])
    hidden = asked.replace(b"vector_store_ids", b"vector\\u005fstore\\u005fids")
    assert json.loads(hidden) == json.loads(asked)
    with pytest.raises(NotFound):
        decode(hidden, {})
    member = body(cached_content="c").replace(b"cached_content", b"cached\\u005fcontent")
    with pytest.raises(NotFound):
        decode(member, {})


def test_the_sound_of_an_answer_before_is_not_found() -> None:
    messages = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "audio": {"id": "audio_1"}},
        {"role": "user", "content": "again"},
    ]
    with pytest.raises(NotFound) as caught:
        decode(json.dumps({"model": "m", "messages": messages}).encode(), {})
    assert caught.value.param == "messages[1].audio.id"


def test_a_caller_s_own_tools_may_call_their_parameters_so() -> None:
    schema = {"type": "object", "properties": {"file_ids": {"type": "array"}, "container": {}}}
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    assert decode(body(tools=[tool]), {}).facts.has_tools
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    asked = body(response_format=form, metadata={"conversation": "c"})
    assert decode(asked, {}).facts.response_format == "json_schema"


def test_nothing_and_empty_lists_name_nothing() -> None:
    assert decode(body(conversation=None, file_ids=[]), {}).model == "m"
