"""`POST /v1/responses` and the operations beside chat, through the product with openai-python."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from e2e.conftest import CHAT, small_zone
from e2e.product import Product, Simulator, http, product
from openai_document import faults, needs_document

EMBED = "lab/embedding"
KINDS = (
    ("embedding", "sim-embed", {"input": "0.02"}),
    ("image", "sim-image", {"images": "1000"}),
    ("transcription", "sim-whisper", {"seconds": "100"}),
    ("moderation", "sim-moderation", {"requests": "1"}),
)


@pytest.fixture(scope="module")
def gateway(provider: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    zone = small_zone(provider, tmp_path_factory)
    for kind, upstream, price in KINDS:
        zone.models[f"lab/{kind}"] = {
            "kind": kind,
            "endpoints": [
                {
                    "provider": "main",
                    "upstream_model": upstream,
                    "context": 8192,
                    "price": price,
                }
            ],
        }
    zone.provider(
        "texts",
        "simulator",
        profile={"operations": {"only": ["completions"], "completes_chat": True}},
    )
    zone.model("lab/complete", ("texts", "sim-complete"))
    with product(zone) as running:
        yield running


@pytest.fixture
def client(gateway: Product) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=gateway.url + "/v1", api_key=gateway.key, max_retries=0) as made:
        yield made


def test_a_response_is_whole_and_recorded(client: openai.OpenAI, gateway: Product) -> None:
    raw = client.responses.with_raw_response.create(model=CHAT, input="Say something short.")
    made = raw.parse()
    assert made.id.startswith("resp_")
    assert made.status == "completed"
    assert made.output_text
    assert made.usage is not None
    record = gateway.record(raw.headers["x-request-id"])
    assert (record["operation"], record["dialect"]) == ("responses", "openai_responses")
    assert record["ending"] == "completed"


def test_a_streamed_response_ends_with_one_terminal_event(client: openai.OpenAI) -> None:
    with client.responses.stream(model=CHAT, input="Tell a story of 30 words.") as stream:
        events = [event.type for event in stream]
        final = stream.get_final_response()
    assert events[0] == "response.created"
    assert events[-1] == "response.completed"
    terminal = {"response.completed", "response.failed", "response.incomplete"}
    assert sum(1 for event in events if event in terminal) == 1
    assert final.output_text


def test_a_broken_stream_is_told_as_failed(client: openai.OpenAI) -> None:
    text = "[[simulate cut_after=3]] tell a story of 100 words"
    seen = []
    try:
        for event in client.responses.create(model=CHAT, input=text, stream=True):
            seen.append(event.type)
    except openai.APIError:
        seen.append("error")
    assert "response.completed" not in seen
    assert seen[-1] in ("response.failed", "error")


def test_an_error_is_told_before_anything_is_sent(gateway: Product) -> None:
    status, raw, _ = http(
        gateway.url + "/v1/responses",
        method="POST",
        body=json.dumps({"model": CHAT, "input": [{"type": "message"}]}).encode(),
        headers={
            "authorization": f"Bearer {gateway.key}",
            "content-type": "application/json",
        },
    )
    assert status == 400
    assert json.loads(raw)["error"]["param"].startswith("input[0]")


def test_what_is_not_kept_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve("resp_0193b8a4d1e87c3f8a6b5c4d3e2f1a0b")
    with pytest.raises(openai.NotFoundError):
        client.responses.create(
            model=CHAT, input="go on", previous_response_id="resp_0193b8a4d1e87c3f8a6b5c4d3e2f1a0b"
        )


def test_embeddings_in_both_encodings(client: openai.OpenAI, gateway: Product) -> None:
    floats = client.embeddings.create(model=EMBED, input=["a", "b"], encoding_format="float")
    packed = client.embeddings.create(model=EMBED, input=["a", "b"])
    assert len(floats.data) == 2
    for one, other in zip(floats.data, packed.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
    assert floats.usage.total_tokens > 0


def test_a_model_of_another_kind_is_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError):
        client.embeddings.create(model=CHAT, input="a")
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=EMBED, messages=[{"role": "user", "content": "a"}])


def test_tokens_of_a_request_are_counted_and_nothing_is_compacted(
    client: openai.OpenAI, gateway: Product
) -> None:
    short = client.responses.input_tokens.count(model=CHAT, input="Hello")
    long = client.responses.input_tokens.count(
        model=CHAT, input=[{"role": "user", "content": "Hello " * 100}], instructions="Be brief."
    )
    assert short.object == "response.input_tokens"
    assert 0 < short.input_tokens < long.input_tokens
    with pytest.raises(openai.NotFoundError):
        client.responses.compact(model=CHAT, input="Hello")


SURFACES: dict[str, tuple[str, dict[str, Any]]] = {
    "chat/completions": (
        "CreateChatCompletionResponse",
        {"model": CHAT, "messages": [{"role": "user", "content": "Hello"}]},
    ),
    "responses": ("Response", {"model": CHAT, "input": "Hello"}),
    "completions": ("CreateCompletionResponse", {"model": "lab/complete", "prompt": "Hello"}),
    "embeddings": ("CreateEmbeddingResponse", {"model": EMBED, "input": ["a", "b"]}),
    "images/generations": ("ImagesResponse", {"model": "lab/image", "prompt": "a dot"}),
    "moderations": ("CreateModerationResponse", {"model": "lab/moderation", "input": "Hello"}),
}


@needs_document
def test_each_surface_s_answer_is_valid_by_openais_document(gateway: Product) -> None:
    key = {"authorization": f"Bearer {gateway.key}"}
    asked = {**key, "content-type": "application/json"}
    for path, (schema, body) in SURFACES.items():
        data = json.dumps(body).encode()
        status, raw, _ = http(f"{gateway.url}/v1/{path}", method="POST", body=data, headers=asked)
        assert status == 200, (path, raw)
        assert faults(schema, json.loads(raw)) == [], path
    counted = f"{gateway.url}/v1/responses/input_tokens"
    body = json.dumps({"model": CHAT, "input": "Hello"}).encode()
    _, raw, _ = http(counted, method="POST", body=body, headers=asked)
    assert faults("TokenCountsResource", json.loads(raw)) == []
    _, raw, _ = http(f"{gateway.url}/v1/models", headers=key)
    assert faults("ListModelsResponse", json.loads(raw)) == []


@needs_document
def test_a_transcript_is_valid_by_openais_document(client: openai.OpenAI) -> None:
    sound = ("a.wav", b"RIFF" + b"\0" * 32_000, "audio/wav")
    for form, schema in (
        ("json", "CreateTranscriptionResponseJson"),
        ("verbose_json", "CreateTranscriptionResponseVerboseJson"),
    ):
        raw = client.audio.transcriptions.with_raw_response.create(
            model="lab/transcription", file=sound, response_format=form
        )
        assert faults(schema, json.loads(raw.content)) == [], form
