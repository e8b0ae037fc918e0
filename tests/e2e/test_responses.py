"""`POST /v1/responses` and the operations beside chat, through the product with openai-python."""

from __future__ import annotations

import json
from collections.abc import Iterator

import openai
import pytest

from e2e.conftest import CHAT, small_zone
from e2e.product import Product, Simulator, http, product

EMBED = "lab/embed"


@pytest.fixture(scope="module")
def gateway(provider: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    zone = small_zone(provider, tmp_path_factory)
    zone.models[EMBED] = {
        "kind": "embedding",
        "endpoints": [
            {
                "provider": "main",
                "upstream_model": "sim-embed",
                "context": 8192,
                "price": {"input": "0.02"},
            }
        ],
    }
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
