"""What callers of OpenAI's surfaces get, whoever serves: valid by OpenAI's own document.

Every recorded answer goes through its wire and is held against the document's schema. What it says of
Responses stands in `test_responses`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import jsonschema_rs
import pytest

from openai_document import faults, needs_document
from opengateway.checks import replay, replay_operations
from opengateway.checks.recorded_case import RecordedCase, read_cases
from opengateway.checks.replay_cohere import cohere_endpoint, cohere_provider
from opengateway.checks.replay_converse import bedrock_endpoint, bedrock_provider
from opengateway.checks.replay_generate_content import google_endpoint, google_provider
from opengateway.checks.replay_messages import anthropic_endpoint, anthropic_provider
from opengateway.dialects.openai_chat import ChatRendering, decode
from opengateway.dialects.openai_operations import DIALECTS
from opengateway.domain.catalog import Wire
from opengateway.gateway.translation import TranslatedWire
from opengateway.http.data_openapi import document
from opengateway.kit.json import dumps, loads
from opengateway.kit.sse import Decoder
from opengateway.ports.provider import ChatWire
from opengateway.providers.registry import CANONICAL
from recordings import RECORDINGS, needs_recordings

_MODEL: Final = "lab/model"
_SCHEMAS: Final = {
    "embeddings": "CreateEmbeddingResponse",
    "embedContent": "CreateEmbeddingResponse",
    "predict": "CreateEmbeddingResponse",
    "images": "ImagesResponse",
    "completions": "CreateCompletionResponse",
    "moderations": "CreateModerationResponse",
}
_RENDERING: Final = ChatRendering(lambda: 1, lambda prefix: f"{prefix}1")
_LANES: Final[dict[Wire, ChatWire]] = {
    wire: TranslatedWire(canonical, _RENDERING) for wire, canonical in CANONICAL.items()
}
_CHAT: Final = ("chat.completions", "messages", "cohere.v2.chat")
_ALL: Final = tuple(read_cases(RECORDINGS)) if RECORDINGS.is_dir() else ()
CASES: Final = {
    case.case_id: case
    for case in _ALL
    if case.status == 200
    and replay._other_shape(case) is None
    and (
        case.endpoint in (*_CHAT, *_SCHEMAS)
        or case.endpoint.endswith("enerateContent")
        or case.endpoint.startswith("converse")
    )
    # A recorded request without any input, which no caller may send.
    and case.case_id != "ollama-004-embeddings-test-ollama-embeddings-with-events-with-no-content"
}


def answers(case: RecordedCase) -> Iterator[tuple[str, Any]]:
    """Each object that a caller gets, and its schema's name."""
    if case.endpoint in _SCHEMAS:
        player = replay_operations._Player(case)
        asked = dumps(replay_operations._as_a_callers(case))
        chat = DIALECTS[player._operation].decode(asked, {})
        wire, endpoint, provider = player._wire, player._endpoint, player._provider
        names = (_SCHEMAS[case.endpoint], _SCHEMAS[case.endpoint])
    else:
        wire, endpoint, provider = _chat_lane(case)
        body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": case.stream}
        chat = decode(case.request if wire is replay._WIRE else dumps(body), {})
        names = ("CreateChatCompletionResponse", "CreateChatCompletionStreamResponse")
    if not case.stream:
        yield names[0], loads(wire.reply(case.response, chat, endpoint, provider, _MODEL).body)
        return
    stream = wire.stream(chat, endpoint, provider, _MODEL)
    for event in Decoder(1 << 26).feed(stream.feed(case.response) + stream.end()):
        yield names[1], loads(event.data)


def _chat_lane(case: RecordedCase) -> tuple[ChatWire, Any, Any]:
    match case.endpoint:
        case "chat.completions":
            provider = replay.provider_of(case.provider)
            return replay._WIRE, replay.endpoint_for(provider, case.model), provider
        case "messages":
            provider = anthropic_provider(case.provider)
            return _LANES[Wire.ANTHROPIC], anthropic_endpoint(case.model), provider
        case "cohere.v2.chat":
            provider = cohere_provider(case.provider)
            return _LANES[Wire.COHERE], cohere_endpoint(provider, case.model), provider
        case name if name.startswith("converse"):
            return _LANES[Wire.BEDROCK], bedrock_endpoint(case.model), bedrock_provider()
    provider = google_provider(case.provider)
    return _LANES[Wire.GEMINI], google_endpoint(provider, case.model), provider


def is_the_document_s(name: str, fault: str) -> bool:
    """Where OpenAI's own recorded answers are not as its document says."""
    if name == "CreateCompletionResponse":  # the chunks of a stream: null until the end
        return "finish_reason: null" in fault
    return name == "CreateEmbeddingResponse" and '/embedding: "' in fault  # base64, as asked for


_OURS: Final = {
    "CreateChatCompletionResponse": "ChatCompletion",
    "CreateChatCompletionStreamResponse": "ChatChunk",
    "CreateCompletionResponse": "Completion",
    "CreateEmbeddingResponse": "Embeddings",
    "ImagesResponse": "Images",
    "CreateModerationResponse": "Moderation",
}


@cache
def ours(name: str) -> Any:
    """Our own document's word on it."""
    components = loads(document("1"))["components"]
    schema = {"$ref": f"#/components/schemas/{name}", "components": components}
    return jsonschema_rs.Draft202012Validator(schema)


@needs_recordings
@needs_document
@pytest.mark.parametrize("case_id", sorted(CASES) or ["none"])
def test_what_a_caller_gets_is_valid_by_openais_document(case_id: str) -> None:
    seen = 0
    for name, value in answers(CASES[case_id]):
        found = [fault for fault in faults(name, value) if not is_the_document_s(name, fault)]
        assert found == [], name
        assert ours(_OURS[name]).is_valid(value), f"{name} is not as /openapi.json says"
        seen += 1
    assert seen, "nothing was answered"


@needs_recordings
def test_every_surface_is_here() -> None:
    endpoints = {case.endpoint for case in CASES.values()}
    recorded = {*_CHAT, *_SCHEMAS, "converse", "converse-stream", "generateContent"}
    assert recorded - {"moderations"} <= endpoints, "no moderation was recorded"
    assert len(CASES) >= 210


@needs_document
def test_a_wrong_answer_is_seen() -> None:
    assert faults("CreateChatCompletionResponse", {"choices": []})
