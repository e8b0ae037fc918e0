"""The operations beside chat, decoded: facts, bounds, and what is refused with its member's name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from opengateway.dialects.openai_operations import DIALECTS
from opengateway.domain.catalog import ModelKind
from opengateway.domain.chat import ChatRequest
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.operations import Operation
from opengateway.kit.json import loads
from operation_wire import asked, form, form_body

O = Operation


def refused(operation: Operation, body: bytes, **headers: str) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        DIALECTS[operation].decode(body, headers)
    return caught.value


def refused_members(operation: Operation, **members: Any) -> InvalidRequest:
    return refused(operation, json.dumps({"model": "lab/m", **members}).encode())


@pytest.mark.parametrize(
    ("value", "text_bytes", "tokens", "longest", "count"),
    [
        ("héllo", 6, 0, 6, 1),
        (["a", "bcd"], 4, 0, 3, 2),
        ([1, 2, 3], 0, 3, 3, 1),
        ([[1, 2], [3]], 0, 3, 2, 2),
    ],
)
def test_an_embedding_s_input_is_measured_in_each_of_its_four_forms(
    value: Any, text_bytes: int, tokens: int, longest: int, count: int
) -> None:
    chat = asked(O.EMBEDDINGS, input=value)
    assert chat.demand is not None
    assert (chat.demand.text_bytes, chat.demand.tokens) == (text_bytes, tokens)
    assert (chat.input_bytes, chat.demand.documents) == (longest, count)
    assert chat.kinds == (ModelKind.EMBEDDING,)


@pytest.mark.parametrize(
    ("value", "param"),
    [
        ([], "input"),
        (["a", ""], "input[1]"),
        (["a", [1]], "input"),
        ([[1], []], "input[1]"),
        ([[-1]], "input[0]"),
        ([[True]], "input[0]"),
        ([1.5], "input"),
        ({"text": "x"}, "input"),
        (["x"] * 2049, "input"),
    ],
)
def test_an_input_that_no_vendor_takes_is_refused_by_its_place(value: Any, param: str) -> None:
    assert refused_members(O.EMBEDDINGS, input=value).param == param


@pytest.mark.parametrize(
    ("operation", "members", "param"),
    [
        (O.EMBEDDINGS, {}, "input"),
        (O.EMBEDDINGS, {"input": "x", "encoding_format": "int8"}, "encoding_format"),
        (O.EMBEDDINGS, {"input": "x", "dimensions": 0}, "dimensions"),
        (O.EMBEDDINGS, {"input": "x", "stream": True}, "stream"),
        (O.RERANK, {"query": "q"}, "documents"),
        (O.RERANK, {"query": "", "documents": ["a"]}, "query"),
        (O.RERANK, {"query": "q", "documents": ["a", 1]}, "documents[1]"),
        (O.RERANK, {"query": "q", "documents": [{"title": "x"}]}, "documents[0]"),
        (O.RERANK, {"query": "q", "documents": ["a"], "top_n": 0}, "top_n"),
        (O.IMAGES, {"prompt": "p", "n": 11}, "n"),
        (O.IMAGES, {"prompt": "p", "size": "big"}, "size"),
        (O.IMAGES, {"prompt": "p", "partial_images": 2}, "partial_images"),
        (O.SPEECH, {"input": "x" * 4097, "voice": "v"}, "input"),
        (O.SPEECH, {"input": "x"}, "voice"),
        (O.SPEECH, {"input": "x", "voice": "v", "speed": 5}, "speed"),
        (O.SPEECH, {"input": "x", "voice": "v", "stream_format": "sse"}, "stream_format"),
        (O.MODERATIONS, {"input": [{"type": "audio"}]}, "input[0]"),
        (O.COMPLETIONS, {"prompt": "p", "max_tokens": -1}, "max_tokens"),
        (O.COMPLETIONS, {"prompt": "p", "logprobs": 6}, "logprobs"),
        (O.COMPLETIONS, {"prompt": "p", "stream_options": {}}, "stream_options"),
        (O.COMPLETIONS, {"prompt": "p", "models": ["a", "b", "c"]}, "models"),
    ],
)
def test_a_wrong_member_is_refused_by_its_name(
    operation: Operation, members: dict[str, Any], param: str
) -> None:
    error = refused_members(operation, **members)
    assert error.param == param
    assert error.message[:1].islower() or error.message.startswith("'")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"model": "x", "input": "\xff"}', b"[" * 200])
def test_a_body_that_is_no_object_is_refused_in_words(body: bytes) -> None:
    assert refused(O.EMBEDDINGS, body).status == 400


def test_our_own_members_never_stay_among_those_that_go_upstream() -> None:
    chat = asked(
        O.EMBEDDINGS,
        input="x",
        models=["lab/other"],
        provider={"only": ["acme"]},
        session_id="s",
        user="u",
        debug={"routing": True},
        extra={"deadline_ms": 1000},
    )
    assert chat.fields.keys() == {"model", "input", "user"}
    assert (chat.fallbacks, chat.session_id, chat.user) == (("lab/other",), "s", "u")
    assert (chat.preferences.only, chat.deadline_s) == (("acme",), 1.0)


def test_documents_of_rerank_go_on_as_texts() -> None:
    chat = asked(O.RERANK, query="qq", documents=["ab", {"text": "cde", "id": 7}])
    assert loads(chat.fields["documents"]) == ["ab", "cde"]
    assert chat.demand is not None
    assert (chat.demand.documents, chat.demand.text_bytes) == (2, 2 + 3 + 2 * 2)
    assert chat.input_bytes == 3 + 2


def test_what_is_made_is_bounded_by_what_is_asked_for() -> None:
    def demand(chat: ChatRequest) -> Any:
        return chat.demand

    pictures = demand(asked(O.IMAGES, prompt="p", n=3, size="2048x2048"))
    assert (pictures.images, pictures.output_tokens) == (3, 3 * 18_875)
    said = demand(asked(O.SPEECH, input="한국어 speech", voice="v", speed=0.5))
    assert (said.characters, said.audio_tokens) == (10, 10 * 8 * 2 + 64)
    gone_on = demand(asked(O.COMPLETIONS, prompt=["a", "b"], n=2, best_of=3, max_tokens=10))
    assert gone_on.output_tokens == 10 * 2 * 3
    assert demand(asked(O.COMPLETIONS, prompt="abcd", echo=True)).output_tokens == 16 + 4


def test_moderations_of_images_need_a_model_that_sees() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://x.invalid/i.png"}}
    chat = asked(O.MODERATIONS, input=[{"type": "text", "text": "abc"}, image])
    assert chat.facts.modalities == {"image"}
    assert chat.demand is not None
    assert chat.demand.text_bytes == 3


def test_a_form_s_file_and_texts_are_told_apart() -> None:
    chat = form(
        data=b"\x00\r\n--edgy\r\n" * 1000,
        name="täl.mp3",
        language="ko",
        temperature="0.5",
        timestamp_granularities=["word", "segment"],
    )
    assert chat.upload is not None
    assert bytes(chat.upload.data) == b"\x00\r\n--edgy\r\n" * 1000
    assert chat.upload.content_type == "audio/mpeg"
    assert loads(chat.fields["timestamp_granularities"]) == ["word", "segment"]
    assert loads(chat.fields["temperature"]) == 0.5
    assert chat.demand is not None
    assert chat.demand.seconds == -(-len(chat.upload.data) // 500)


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"response_format": "mp3"}, "response_format"),
        ({"temperature": "2"}, "temperature"),
        ({"temperature": "warm"}, "temperature"),
        ({"stream": "true"}, "stream"),
        ({"timestamp_granularities": ["line"]}, "timestamp_granularities[0]"),
    ],
)
def test_a_form_s_texts_are_checked_as_members_are(members: dict[str, Any], param: str) -> None:
    body, content_type = form_body(b"x", model="lab/m", **members)
    error = refused(O.TRANSCRIPTIONS, body, **{"content-type": content_type})
    assert error.param == param


def test_a_translation_knows_no_language() -> None:
    body, content_type = form_body(b"x", model="lab/m", language="ko")
    assert refused(O.TRANSLATIONS, body, **{"content-type": content_type}).param == "language"


def test_a_form_without_a_sound_is_refused() -> None:
    body, content_type = form_body(b"", model="lab/m")
    assert refused(O.TRANSCRIPTIONS, body, **{"content-type": content_type}).param == "file"
    only = b'--edge\r\nContent-Disposition: form-data; name="model"\r\n\r\nlab/m\r\n--edge--'
    assert refused(O.TRANSCRIPTIONS, only, **{"content-type": content_type}).param == "file"
