"""The legacy completions: whole, and streamed with an end that is never shown too early."""

from __future__ import annotations

import json
from typing import Any

import pytest

from opengateway.domain.catalog import Profile
from opengateway.domain.errors import ErrorClass, InvalidRequest, UpstreamError
from opengateway.domain.operations import Operation
from opengateway.domain.usage import Dimension, Usage
from operation_wire import MODEL, Asking, asked, endpoint, provider

D = Dimension


def going(**members: Any) -> Any:
    return asked(Operation.COMPLETIONS, prompt="p", **members)


def chunk(text: str, finish: str | None = None, index: int = 0, **more: Any) -> bytes:
    choice = {"text": text, "index": index, "logprobs": None, "finish_reason": finish}
    told = {"id": "cmpl-1", "object": "text_completion", "created": 5, "model": "up"}
    return b"data: " + json.dumps({**told, "choices": [choice], **more}).encode() + b"\n\n"


USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
USED = b'data: {"id":"cmpl-1","choices":[],"usage":%b}\n\n' % json.dumps(USAGE).encode()
DONE = b"data: [DONE]\n\n"


class Streamed:
    def __init__(self, *pieces: bytes, include_usage: bool = False, at: Any = None) -> None:
        options = {"stream_options": {"include_usage": include_usage}}
        asking = Asking(going(stream=True, **options), at)
        stream = asking.wire.stream(asking.chat, asking.endpoint, asking.provider, MODEL)
        frames = b"".join(stream.feed(piece) for piece in pieces) + stream.end()
        self.stream = stream
        self.chunks = [json.loads(frame[6:]) for frame in frames.split(b"\n\n")[:-1]]

    @property
    def text(self) -> str:
        return "".join(c["choices"][0]["text"] for c in self.chunks if c["choices"])

    @property
    def finishes(self) -> list[Any]:
        told = [c["choices"][0]["finish_reason"] for c in self.chunks if c["choices"]]
        return [finish for finish in told if finish]


def test_a_request_says_how_much_and_asks_for_usage() -> None:
    assert Asking(going()).sent() == {"model": "up", "prompt": "p", "max_tokens": 16}
    sent = Asking(going(stream=True, max_tokens=9, suffix="s", echo=True)).sent()
    assert (sent["stream"], sent["stream_options"]) == (True, {"include_usage": True})
    assert (sent["max_tokens"], sent["suffix"], sent["echo"]) == (9, "s", True)
    quiet = provider(profile=Profile(stream_options=False))
    assert "stream_options" not in Asking(going(stream=True), quiet).sent()


def test_more_choices_than_the_vendor_makes_are_refused() -> None:
    at = provider(profile=Profile(max_n=1))
    for members, param in (({"n": 2}, "n"), ({"best_of": 2}, "best_of")):
        with pytest.raises(InvalidRequest) as caught:
            Asking(going(**members), at).call()
        assert caught.value.param == param


def test_a_whole_answer_gets_the_names_that_clients_look_for() -> None:
    answer = {"choices": [{"text": "Hi", "log_probs": None}], "usage": USAGE, "model": "up"}
    reply = Asking(going()).reply(answer)
    shown = json.loads(reply.body)
    assert shown["choices"] == [
        {"text": "Hi", "index": 0, "logprobs": None, "finish_reason": "stop"}
    ]
    assert (shown["object"], shown["model"], shown["created"]) == ("text_completion", MODEL, 0)
    assert reply.meter.usage == Usage({D.INPUT: 3, D.OUTPUT: 2})
    assert (reply.meter.characters, reply.meter.finish_reason) == (2, "stop")


@pytest.mark.parametrize("answer", [b"{", {"choices": []}, {"choices": [{"text": None}]}, []])
def test_an_answer_without_a_text_is_malformed(answer: Any) -> None:
    with pytest.raises(UpstreamError):
        Asking(going()).reply(answer)


def test_a_stream_shows_its_finish_and_usage_with_the_end_only() -> None:
    seen = Streamed(chunk("a"), chunk("b"), chunk("", "length"), USED, DONE, include_usage=True)
    assert (seen.text, seen.finishes, seen.stream.done) == ("ab", ["length"], True)
    assert seen.chunks[-1]["choices"] == []
    assert seen.chunks[-1]["usage"] == USAGE
    assert all(c["usage"] is None for c in seen.chunks[:-1])
    assert seen.stream.meter.usage == Usage({D.INPUT: 3, D.OUTPUT: 2})
    assert seen.stream.meter.finish_reason == "length"
    quiet = Streamed(chunk("a"), chunk("", "stop"), USED, DONE)
    assert all("usage" not in c for c in quiet.chunks)


def test_a_cut_stream_is_never_shown_as_finished() -> None:
    whole = chunk("a") + chunk("b") + chunk("", "stop") + USED + DONE
    for at in range(len(whole) - 1):
        seen = Streamed(whole[:at])
        if not seen.stream.done:
            assert seen.finishes == []
            assert seen.stream.error is not None
            assert seen.stream.error.error_class is ErrorClass.TRUNCATED
        else:
            assert at >= len(whole) - 2, "the marker was there"


def test_a_stream_is_the_same_however_it_is_cut() -> None:
    whole = chunk("a", index=0) + chunk("b", index=1) + chunk("", "stop", 1) + chunk("", "stop")
    whole += USED + DONE
    first = Streamed(whole).chunks
    for size in (1, 7, 64):
        pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
        assert Streamed(*pieces).chunks == first


def test_a_text_that_ends_in_its_last_chunk_is_whole() -> None:
    seen = Streamed(chunk("a"), chunk("b", "stop"), DONE)
    assert (seen.text, seen.finishes) == ("ab", ["stop"])


def test_a_missing_finish_is_a_cut_where_the_vendor_always_gives_one() -> None:
    assert Streamed(chunk("a"), DONE).finishes == ["stop"]
    strict = Streamed(chunk("a"), DONE, at=provider(profile=Profile(finish_required=True)))
    assert strict.stream.error is not None
    assert strict.finishes == []


@pytest.mark.parametrize(
    "bad",
    [
        b"data: {\n\n",
        b"data: []\n\n",
        b'data: {"value": "x"}\n\n',
        b'data: {"error": {"message": "overloaded", "code": "server_error"}}\n\n',
        DONE,
    ],
)
def test_what_is_no_chunk_ends_the_stream_with_an_error(bad: bytes) -> None:
    seen = Streamed(bad)
    assert seen.stream.error is not None
    assert not seen.chunks
    assert Asking(going(), to=endpoint()).call().path == "/completions"
