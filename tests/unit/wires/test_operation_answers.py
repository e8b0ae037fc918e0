"""Rerank, images, speech, moderations and transcriptions on the common wire."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from opengateway.domain.catalog import Wire
from opengateway.domain.errors import ErrorClass, InvalidRequest, UpstreamError
from opengateway.domain.operations import Operation
from opengateway.domain.usage import Dimension, Usage
from operation_wire import Asking, asked, endpoint, form, provider

O, D = Operation, Dimension
DOCUMENTS = ["zero", "one", "two"]
BY_UNITS = {D.REQUESTS: 1}


def ranking(**members: Any) -> Any:
    return asked(O.RERANK, query="q", documents=DOCUMENTS, **members)


RESULTS: Any = [
    {"index": 2, "relevance_score": 0.1},
    {"index": 0, "relevance_score": 0.9, "document": "another word for it"},
    {"index": 1, "relevance_score": 0.5},
]


@pytest.mark.parametrize(
    "answer",
    [
        {"results": RESULTS, "usage": {"total_tokens": 7}},
        {"object": "list", "data": RESULTS, "usage": {"total_tokens": 7}},
        [{"index": r["index"], "score": r["relevance_score"]} for r in RESULTS],
    ],
)
def test_every_vendor_s_ranking_comes_in_one_shape(answer: Any) -> None:
    shown = Asking(ranking(top_n=2, return_documents=True)).shown(answer)
    assert shown["results"] == [
        {"index": 0, "relevance_score": 0.9, "document": {"text": "zero"}},
        {"index": 1, "relevance_score": 0.5, "document": {"text": "one"}},
    ]
    assert (shown["model"], shown["object"]) == ("lab/model", "list")
    assert shown["id"]


def test_each_vendor_is_asked_in_its_own_words() -> None:
    chat = ranking(top_n=2, return_documents=True)
    assert Asking(chat).sent() == {
        "model": "up",
        "query": "q",
        "documents": DOCUMENTS,
        "top_n": 2,
    }
    assert Asking(chat, provider(rerank="data")).sent()["top_k"] == 2
    at = provider(rerank="scores", paths={"rerank": "/rerank"})
    call = Asking(ranking(top_n=2, max_tokens_per_doc=9, user="u"), at)
    assert call.sent() == {"query": "q", "texts": DOCUMENTS, "truncate": True}
    assert set(call.call().dropped) == {"max_tokens_per_doc", "user"}


def test_search_units_are_billed_where_they_have_a_price() -> None:
    asking = Asking(ranking(), provider(Wire.COHERE), endpoint(BY_UNITS))
    assert asking.call().path == "/v2/rerank"
    meta = {"billed_units": {"search_units": 3}}
    reply = asking.reply({"id": "r1", "results": RESULTS, "meta": meta})
    assert reply.meter.usage == Usage({D.REQUESTS: 3})
    assert json.loads(reply.body)["meta"] == meta
    reply = Asking(ranking()).reply({"results": RESULTS, "usage": {"total_tokens": 7}})
    assert reply.meter.usage == Usage({D.INPUT: 7})
    guessed = Asking(ranking()).reply({"results": RESULTS}).meter.usage
    assert guessed is not None
    assert guessed.estimated


@pytest.mark.parametrize(
    "results",
    [
        None,
        [{"index": 3, "relevance_score": 1}],
        [{"index": -1, "relevance_score": 1}],
        [{"index": True, "relevance_score": 1}],
        [{"index": 0}],
        [{"index": 0, "relevance_score": 1}] * 2,
        ["x"],
    ],
)
def test_a_ranking_of_documents_that_nobody_sent_is_malformed(results: Any) -> None:
    with pytest.raises(UpstreamError) as caught:
        Asking(ranking()).reply({"results": results})
    assert caught.value.error_class is ErrorClass.MALFORMED


# --- images ---------------------------------------------------------------------------------------------
def test_images_are_billed_by_number_or_by_tokens() -> None:
    answer = {"created": 1, "data": [{"url": "u"}, {"url": "v"}]}
    asking = Asking(asked(O.IMAGES, prompt="p", n=2), to=endpoint({D.IMAGES: 1}))
    assert asking.reply(answer).meter.usage == Usage({D.IMAGES: 2})
    usage = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 300,
        "output_tokens_details": {"text_tokens": 20, "image_tokens": 280},
    }
    rates = {D.INPUT: 1, D.IMAGE_OUTPUT: 1}
    asking = Asking(asked(O.IMAGES, prompt="p"), to=endpoint(rates))
    counted = asking.reply({**answer, "usage": usage}).meter.usage
    assert counted == Usage({D.INPUT: 6, D.CACHE_READ: 4, D.IMAGE_OUTPUT: 300})
    asking = Asking(asked(O.IMAGES, prompt="p"), to=endpoint({**rates, D.OUTPUT: 1}))
    counted = asking.reply({**answer, "usage": usage}).meter.usage
    assert counted == Usage({D.INPUT: 6, D.CACHE_READ: 4, D.OUTPUT: 20, D.IMAGE_OUTPUT: 280})


def test_a_model_that_always_gives_data_is_not_asked_for_it() -> None:
    at = provider(image_data_only=["up"])
    chat = asked(O.IMAGES, prompt="p", response_format="b64_json")
    assert "response_format" not in Asking(chat, at).sent()
    with pytest.raises(InvalidRequest) as caught:
        Asking(asked(O.IMAGES, prompt="p", response_format="url"), at).call()
    assert caught.value.param == "response_format"


@pytest.mark.parametrize("data", [None, [], [{}], [{"url": ""}], [{"b64_json": "x"}]])
def test_an_answer_without_the_images_asked_for_is_malformed(data: Any) -> None:
    chat = asked(O.IMAGES, prompt="p", response_format="url")
    with pytest.raises(UpstreamError):
        Asking(chat, to=endpoint({D.IMAGES: 1})).reply({"data": data})


# --- speech ---------------------------------------------------------------------------------------------
def saying(**members: Any) -> Any:
    return asked(O.SPEECH, input="hello", voice="v", **members)


def events(*told: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in told)


DELTA = {"type": "speech.audio.delta", "audio": base64.b64encode(b"snd").decode()}
ENDED = {"type": "speech.audio.done", "usage": {"input_tokens": 3, "output_tokens": 50}}
BY_TOKENS = {D.INPUT: 1, D.AUDIO_OUTPUT: 1}


def test_a_sound_comes_with_its_type_and_is_billed_by_characters() -> None:
    asking = Asking(saying(response_format="opus"), to=endpoint({D.CHARACTERS: 1}))
    assert asking.call().headers == {"accept": "audio/ogg"}
    reply = asking.reply(b"OggS...")
    assert (reply.body, reply.content_type) == (b"OggS...", "audio/ogg")
    assert reply.meter.usage == Usage({D.CHARACTERS: 5})


def test_a_sound_that_is_billed_by_tokens_is_put_together_from_events() -> None:
    asking = Asking(saying(), to=endpoint(BY_TOKENS))
    assert asking.sent()["stream_format"] == "sse"
    reply = asking.reply(events(DELTA, DELTA, ENDED))
    assert (reply.body, reply.content_type) == (b"sndsnd", "audio/mpeg")
    assert reply.meter.usage == Usage({D.INPUT: 3, D.AUDIO_OUTPUT: 50})


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (events(DELTA), ErrorClass.TRUNCATED),
        (events(ENDED), ErrorClass.MALFORMED),
        (b"data: {\n\n", ErrorClass.MALFORMED),
        (events({"type": "speech.audio.delta", "audio": "%"}, ENDED), ErrorClass.MALFORMED),
        (events({"type": "error", "error": {"code": "429"}}), ErrorClass.RATE_LIMITED),
    ],
)
def test_events_without_a_whole_sound_are_the_provider_s_failure(
    body: bytes, kind: ErrorClass
) -> None:
    with pytest.raises(UpstreamError) as caught:
        Asking(saying(), to=endpoint(BY_TOKENS)).reply(body)
    assert caught.value.error_class is kind


def test_json_or_nothing_is_no_sound() -> None:
    asking = Asking(saying(), to=endpoint({D.CHARACTERS: 1}))
    for body in (b"", b'{"error": {"message": "no"}}', b'{"audio": 1}'):
        with pytest.raises(UpstreamError):
            asking.reply(body)


# --- moderations ------------------------------------------------------------------------------------------
def test_a_judgement_that_leaves_flagged_out_gets_it() -> None:
    results = [{"categories": {"hate": False, "pii": True}}, {"categories": {"hate": False}}]
    shown = Asking(asked(O.MODERATIONS, input=["a", "b"])).shown({"results": results})
    assert [result["flagged"] for result in shown["results"]] == [True, False]
    assert (shown["model"], shown["id"][:5]) == ("lab/model", "modr-")


# --- transcriptions -----------------------------------------------------------------------------------------
SEGMENTS = [
    {"start": 0, "end": 1.5, "text": " Hello --> there"},
    {"start": 3661.25, "end": 3662, "text": "안녕"},
]
HEARD = {"text": "Hello", "duration": 3661.2, "segments": SEGMENTS, "language": "english"}
BY_SECONDS = {D.SECONDS: 1}


def test_a_form_goes_on_with_the_vendor_s_model_and_a_form_of_its_own() -> None:
    chat = form(data=b"a\r\n--other", language="ko", timestamp_granularities=["word"])
    call = Asking(chat, to=endpoint(BY_SECONDS)).call()
    kind, _, boundary = call.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/form-data"
    assert call.body.startswith(b"--" + boundary.encode())
    for wanted in (b'name="model"\r\n\r\nup', b'"language"\r\n\r\nko', b"a\r\n--other"):
        assert wanted in call.body
    assert b'name="timestamp_granularities[]"\r\n\r\nword' in call.body
    assert b'name="response_format"\r\n\r\nverbose_json' in call.body, "it tells the length"
    assert b'"response_format"\r\n\r\njson' in Asking(form(), to=endpoint(BY_TOKENS)).call().body


@pytest.mark.parametrize(
    ("asked_for", "wanted"),
    [
        ("text", "Hello\n"),
        (
            "srt",
            "1\n00:00:00,000 --> 00:00:01,500\nHello -> there\n\n2\n01:01:01,250 --> 01:01:02,000\n안녕\n\n",
        ),
        (
            "vtt",
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nHello -> there\n\n01:01:01.250 --> 01:01:02.000\n안녕\n\n",
        ),
    ],
)
def test_texts_and_subtitles_are_made_of_what_tells_the_length(asked_for: str, wanted: str) -> None:
    reply = Asking(form(response_format=asked_for), to=endpoint(BY_SECONDS)).reply(HEARD)
    assert reply.body.decode() == wanted
    assert reply.content_type == "text/plain; charset=utf-8"
    assert reply.meter.usage == Usage({D.SECONDS: 3662})


def test_json_shows_the_text_and_what_was_billed() -> None:
    shown = Asking(form(), to=endpoint(BY_SECONDS)).shown(HEARD)
    assert shown == {"text": "Hello", "usage": {"type": "duration", "seconds": 3662}}
    verbose = Asking(form(response_format="verbose_json"), to=endpoint(BY_SECONDS)).shown(HEARD)
    assert (verbose["segments"], verbose["duration"]) == (SEGMENTS, 3661.2)


def test_seconds_are_the_vendor_s_word_and_its_least() -> None:
    asking = Asking(form(), provider(least_seconds=10), endpoint(BY_SECONDS))
    assert asking.reply({"text": "x", "duration": 2}).meter.usage == Usage({D.SECONDS: 10})
    usage = {"prompt_audio_seconds": 21}
    assert asking.reply({"text": "x", "usage": usage}).meter.usage == Usage({D.SECONDS: 21})
    assert asking.reply({"text": "x"}).meter.usage is None, "estimated later"


def test_tokens_of_sound_are_told_apart_where_they_have_a_price() -> None:
    usage = {"input_tokens": 14, "input_token_details": {"audio_tokens": 10}, "output_tokens": 4}
    answer = {"text": "x", "usage": {"type": "tokens", **usage}}
    split = Asking(form(), to=endpoint({D.INPUT: 1, D.AUDIO_INPUT: 1, D.OUTPUT: 1}))
    counted = split.reply(answer).meter.usage
    assert counted == Usage({D.INPUT: 4, D.AUDIO_INPUT: 10, D.OUTPUT: 4})
    whole = Asking(form(), to=endpoint({D.INPUT: 1, D.OUTPUT: 1}))
    assert whole.reply(answer).meter.usage == Usage({D.INPUT: 14, D.OUTPUT: 4})


def test_a_vendor_without_segments_is_not_asked_for_subtitles() -> None:
    with pytest.raises(InvalidRequest) as caught:
        Asking(form(response_format="srt"), provider(verbose_json=False)).call()
    assert caught.value.param == "response_format"
    for broken in ({"text": "x"}, {"text": "x", "segments": [{"start": "a"}]}, {}):
        with pytest.raises(UpstreamError):
            Asking(form(response_format="srt"), to=endpoint(BY_SECONDS)).reply(broken)
