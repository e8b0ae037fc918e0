"""The operations beside chat at the simulator: each vendor's strictness, and what our wires make of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from simulated import Got, Running, send

from opengateway.catalog.loader import load_catalogue
from opengateway.domain.catalog import Profile, Provider, Wire
from opengateway.domain.chat import ChatReply, ChatRequest
from opengateway.domain.operations import Operation
from opengateway.domain.usage import Dimension
from operation_wire import Asking, asked, endpoint, form, form_body, provider

O, D = Operation, Dimension


def post(simulator: Running, path: str, persona: str = "openai", **members: Any) -> Got:
    body = json.dumps(members).encode()
    return send(simulator, "POST", f"/as/{persona}/v1{path}", body)


# --- refusals ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("path", "members", "code"),
    [
        ("/embeddings", {"model": "sim-embed"}, "missing_required_parameter"),
        (
            "/embeddings",
            {"model": "sim-embed", "input": "x", "input_type": "q"},
            "unknown_parameter",
        ),
        (
            "/embeddings",
            {"model": "sim-embed", "input": "x", "encoding_format": "int8"},
            "invalid_value",
        ),
        ("/embeddings", {"model": "sim-embed", "input": ["a", ""]}, "invalid_value"),
        ("/embeddings", {"model": "sim-none", "input": "x"}, "model_not_found"),
        ("/embeddings", {"model": "sim-chat", "input": "x"}, "invalid_value"),
        ("/embeddings", {"model": "sim-embed", "input": "x" * 40_000}, "context_length_exceeded"),
        (
            "/images/generations",
            {"model": "sim-image", "prompt": "p", "quality": "low"},
            "unknown_parameter",
        ),
        (
            "/images/generations",
            {"model": "sim-image-tokens", "prompt": "p", "response_format": "url"},
            "unknown_parameter",
        ),
        ("/audio/speech", {"model": "sim-speech", "input": "x"}, "missing_required_parameter"),
        (
            "/audio/speech",
            {"model": "sim-speech", "input": "x", "voice": "v", "stream_format": "sse"},
            "invalid_value",
        ),
        (
            "/completions",
            {"model": "sim-complete", "prompt": "p", "logprobs": 9},
            "integer_above_max_value",
        ),
    ],
)
def test_what_the_vendor_refuses_is_refused_in_its_words(
    simulator: Running, path: str, members: dict[str, Any], code: str
) -> None:
    got = post(simulator, path, **members)
    assert got.status in (400, 404), got.body
    shown = got.json["error"]
    assert shown["code"] == code or (code.startswith("integer_") and "value" in shown["code"])


def test_each_vendor_has_its_own_members_and_envelope(simulator: Running) -> None:
    got = post(simulator, "/embeddings", "voyage", model="sim-embed", input="x", user="u")
    assert (got.status, got.json) == (
        400,
        {"detail": "Argument 'user' is not supported by our API."},
    )
    assert (
        post(
            simulator,
            "/embeddings",
            "voyage",
            model="sim-embed",
            input="x",
            encoding_format="float",
        ).status
        == 400
    )
    got = post(simulator, "/rerank", "tei", query="q", texts=["x"] * 33)
    assert (got.status, got.json["error_type"]) == (413, "Validation")
    assert (
        post(simulator, "/images/generations", "voyage", model="sim-embed", prompt="x").status
        == 404
    )


def test_a_form_that_is_none_and_a_file_that_is_no_sound_are_refused(simulator: Running) -> None:
    path = "/v1/audio/transcriptions"
    for body, kind in (
        (b"{}", "application/json"),
        form_body(b"x", "notes.txt", model="sim-whisper"),
        form_body(b"", model="sim-whisper"),
        form_body(b"x", model="sim-whisper", response_format="pdf"),
        form_body(b"x", model="sim-transcribe", response_format="srt"),
    ):
        headers = {"authorization": "Bearer k", "content-type": kind}
        assert send(simulator, "POST", path, body, headers=headers).status == 400


# --- what our wires send is taken, and what comes is read ---------------------------------------------------
def catalogued(name: str) -> Provider:
    known = load_catalogue().providers[name]
    return provider(known.wire, known.profile)


def through(
    simulator: Running, chat: ChatRequest, base: str, model: str, at: Provider, rates: Any
) -> ChatReply:
    """The request as our wire makes it, to the simulator, and its answer as our wire reads it."""
    asking = Asking(chat, at, endpoint(rates, upstream_model=model))
    call = asking.call()
    headers = {"authorization": "Bearer k", "x-goog-api-key": "k", **call.headers}
    got = send(simulator, "POST", base + call.path, call.body, headers=headers)
    assert got.status == 200, got.body
    return asking.reply(got.body)


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("openai", "/v1"),
        ("voyage", "/as/voyage/v1"),
        ("jina", "/as/jina/v1"),
        ("tei", "/as/tei"),
        ("infinity", "/as/infinity"),
        ("cohere", "/cohere"),
        ("google", "/gemini"),
    ],
)
@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_every_vendor_of_embeddings_takes_what_we_send(
    simulator: Running, name: str, base: str, encoding: str
) -> None:
    chat = asked(O.EMBEDDINGS, input=["one text", "another"], encoding_format=encoding)
    reply = through(simulator, chat, base, "sim-embed", catalogued(name), {D.INPUT: 1})
    shown = json.loads(reply.body)
    kinds = {type(item["embedding"]) for item in shown["data"]}
    assert (len(shown["data"]), kinds) == (2, {str if encoding == "base64" else list})
    assert reply.meter.usage is not None
    assert reply.meter.usage.of(D.INPUT) == shown["usage"]["prompt_tokens"] > 0


@pytest.mark.parametrize(
    ("name", "base", "rates"),
    [
        ("voyage", "/as/voyage/v1", {D.INPUT: 1}),
        ("jina", "/as/jina/v1", {D.INPUT: 1}),
        ("tei", "/as/tei", {D.INPUT: 1}),
        ("infinity", "/as/infinity", {D.INPUT: 1}),
        ("cohere", "/cohere", {D.REQUESTS: 1}),
    ],
)
def test_every_vendor_of_rerank_takes_what_we_send(
    simulator: Running, name: str, base: str, rates: Any
) -> None:
    documents = ["Berlin is large", {"text": "Paris is the capital of France"}, "x"]
    chat = asked(O.RERANK, query="the capital of France", documents=documents, top_n=2, user="u")
    reply = through(simulator, chat, base, "sim-rerank", catalogued(name), rates)
    results = json.loads(reply.body)["results"]
    assert (results[0]["index"], len(results)) == (1, 2)
    assert reply.meter.usage is not None
    assert reply.meter.usage.quantities


def test_images_sound_and_judgements_are_read(simulator: Running) -> None:
    def plain(chat: ChatRequest, model: str, rates: Any) -> ChatReply:
        rules = Profile(operations=catalogued("openai").profile.operations)
        return through(simulator, chat, "/v1", model, provider(Wire.OPENAI, rules), rates)

    chat = asked(O.IMAGES, prompt="p", n=2, response_format="b64_json")
    assert len(json.loads(plain(chat, "sim-image", {D.IMAGES: 1}).body)["data"]) == 2
    counted = plain(
        asked(O.IMAGES, prompt="p", quality="low"), "sim-image-tokens", {D.IMAGE_OUTPUT: 1}
    )
    assert counted.meter.usage is not None
    assert counted.meter.usage.of(D.IMAGE_OUTPUT) == 272
    saying = asked(O.SPEECH, input="hello there", voice="v", response_format="wav")
    by_characters = plain(saying, "sim-speech", {D.CHARACTERS: 1})
    by_tokens = plain(saying, "sim-speech-tokens", {D.INPUT: 1, D.AUDIO_OUTPUT: 1})
    assert by_characters.body == by_tokens.body
    for kind in ("json", "text", "srt", "vtt", "verbose_json"):
        heard = form(data=by_characters.body, name="a.wav", response_format=kind)
        reply = plain(heard, "sim-whisper", {D.SECONDS: 1})
        assert reply.meter.usage is not None
        assert reply.meter.usage.of(D.SECONDS) == 1
    english = form(O.TRANSLATIONS, data=by_characters.body, name="a.wav")
    assert b"Segment 1" in plain(english, "sim-whisper", {D.SECONDS: 1}).body
    judged = plain(asked(O.MODERATIONS, input=["violence", "tea"]), "sim-moderation", {D.INPUT: 0})
    assert [r["flagged"] for r in json.loads(judged.body)["results"]] == [True, False]


def test_a_completion_streams_and_ends_as_the_vendor_s_do(simulator: Running) -> None:
    members = {"model": "sim-complete", "prompt": "Once", "max_tokens": 6, "stream": True}
    got = post(simulator, "/completions", **members, stream_options={"include_usage": True})
    *_, usage, done = got.events
    assert done == "[DONE]"
    assert json.loads(usage)["usage"]["completion_tokens"] == 6
    whole = post(simulator, "/completions", **{**members, "stream": False, "echo": True}).json
    assert whole["choices"][0]["text"].startswith("Once")
    assert whole["choices"][0]["finish_reason"] == "length"
    chat = asked(O.COMPLETIONS, prompt="Once", stream=True)
    asking = Asking(chat, provider(), endpoint(upstream_model="sim-complete"))
    stream = asking.wire.stream(chat, asking.endpoint, asking.provider, "lab/m")
    frames = stream.feed(got.body) + stream.end()
    assert (stream.done, stream.error) == (True, None)
    assert b'"finish_reason":"length"' in frames
