"""Streams: the chunk rules of the reference's A.4, and what its part E has seen go wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openai_chat_wire import (
    MODEL_ID,
    Json,
    calls_of,
    chunk,
    error_of,
    finishes,
    first,
    new_stream,
    played,
    provider,
    sse,
    text_of,
)
from opengateway.domain.errors import ErrorClass
from opengateway.domain.usage import Dimension

USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}


def fragment(index: Any = 0, arguments: Any = "", **call: Any) -> Json:
    """A delta with one fragment of a tool call."""
    function = {"arguments": arguments, **({"name": call.pop("name")} if "name" in call else {})}
    return {"tool_calls": [{"index": index, **call, "function": function}]}


def test_text_passes_with_the_model_renamed_and_nothing_else() -> None:
    raw = b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,'
    raw += b'"model":"up","choices":[ {"index":0,"delta":{"content":"caf\\u00e9","x":1.50},'
    raw += b'"logprobs":null,"finish_reason":null}],"obfuscation":"aB3"}\n\n'
    stream = new_stream()
    stream.feed(sse(first(), done=False))
    assert stream.feed(raw) == raw.replace(b'"up"', b'"acme/served"')
    assert stream.meter.characters == 4


def test_the_end_marker_is_not_ours_to_send() -> None:
    chunks, stream = played(sse(first(), chunk({"content": "x"}), chunk(finish="stop")))
    assert stream.done
    assert finishes(chunks) == ["stop"]
    assert stream.meter.finish_reason == "stop"
    assert stream.feed(sse(chunk({"content": "late"}))) == b""


def test_e8_e5_a_stream_without_its_end_marker_never_ends_well() -> None:
    for events in ([first()], [first(), chunk({"content": "x"})], [first(), chunk(finish="stop")]):
        chunks, stream = played(sse(*events, done=False))
        assert error_of(stream).error_class is ErrorClass.TRUNCATED
        assert finishes(chunks) == []
        assert stream.meter.finish_reason is None


def test_e5_an_end_marker_without_a_finish_is_a_cut_where_finishes_are_given() -> None:
    cut = sse(first(), chunk({"content": "x"}))
    assert error_of(played(cut, provider("openai"))[1]).error_class is ErrorClass.TRUNCATED
    chunks, stream = played(cut, provider("snowflake"))  # which never gives one
    assert stream.done
    assert finishes(chunks) == ["stop"]


def test_an_end_marker_after_nothing_is_no_answer() -> None:
    assert error_of(played(sse())[1]).error_class is ErrorClass.MALFORMED


def test_e4_every_choice_has_its_finish_reason_key() -> None:
    bare = chunk({"content": "x"})
    del bare["choices"][0]["finish_reason"]
    chunks, _ = played(sse(first(), bare, chunk(finish="stop")))
    assert all("finish_reason" in c for one in chunks for c in one["choices"])


def test_the_role_comes_once_and_first() -> None:
    deltas = [{"role": "assistant", "content": c} for c in ("a", "b", "c")]
    chunks, _ = played(sse(*map(chunk, deltas), chunk({"role": "assistant"}, "stop")))
    roles = ["role" in one["choices"][0]["delta"] for one in chunks]
    assert roles == [True, False, False, False]
    assert text_of(chunks) == "abc"
    chunks, _ = played(sse(chunk({"reasoning_content": "hm"}), chunk({"content": "a"}, "stop")))
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"


def test_empty_deltas_between_are_left_out() -> None:
    empties = [chunk({"content": ""}), chunk({"role": "assistant", "content": ""}), chunk({})]
    chunks, _ = played(sse(first(), *empties, chunk({"content": "x"}), *empties, chunk({}, "stop")))
    assert [one["choices"][0]["delta"] for one in chunks] == [
        {"role": "assistant", "content": ""},
        {"content": "x"},
        {},
    ]


def test_every_chunk_has_the_same_name() -> None:
    others = [chunk({"content": c}, id=f"other-{c}", created=7, object="") for c in "ab"]
    chunks, stream = played(sse(first(), *others, chunk(finish="stop", id="stub")))
    names = {(c["id"], c["created"], c["object"], c["model"]) for c in chunks}
    assert names == {("chatcmpl-1", 1_764_000_000, "chat.completion.chunk", MODEL_ID)}
    assert stream.meter.upstream_id == "chatcmpl-1"


def test_e9_azures_first_chunk_is_taken_in_and_what_it_says_kept() -> None:
    filtered = [{"prompt_index": 0}]
    nameless = chunk(
        id="", created=0, choices=[], object="", model="", prompt_filter_results=filtered
    )
    chunks, _ = played(sse(nameless, first(), chunk({"content": "x"}), chunk(finish="stop")))
    assert all(one["choices"] and one["id"] == "chatcmpl-1" for one in chunks)
    assert chunks[0]["prompt_filter_results"] == filtered
    assert "prompt_filter_results" not in chunks[1]


def test_an_answer_without_an_id_gets_one() -> None:
    chunks, stream = played(sse(first() | {"id": ""}, chunk({"content": "x"}, "stop", id="")))
    assert len({one["id"] for one in chunks}) == 1
    assert chunks[0]["id"].startswith("chatcmpl-")
    assert stream.meter.upstream_id is None


def test_e10_usage_that_was_not_asked_for_is_counted_and_kept_back() -> None:
    events = [first() | {"usage": None}, chunk({"content": "x"}, usage=None), chunk(finish="stop")]
    chunks, stream = played(sse(*events, chunk(choices=[], usage=USAGE)))
    assert all(one["choices"] and "usage" not in one for one in chunks)
    assert stream.meter.usage is not None
    assert stream.meter.usage.quantities == {Dimension.INPUT: 9, Dimension.OUTPUT: 4}


@pytest.mark.parametrize(
    "ending",
    [
        [chunk(finish="stop"), chunk(choices=[], usage=USAGE)],
        [chunk(finish="stop", usage=USAGE)],
        [chunk({"content": "!"}, "stop", usage=USAGE)],
        [chunk(finish="stop"), chunk({"role": "assistant", "content": ""}, usage=USAGE)],
        [chunk(finish="stop", x_groq={"id": "req_1", "usage": USAGE})],
        [chunk(finish="stop", choices=[
            {"index": 0, "delta": {}, "finish_reason": "stop", "usage": USAGE}])],
    ],
)  # fmt: skip
def test_usage_comes_once_last_and_alone_wherever_the_vendor_puts_it(ending: list[Json]) -> None:
    chunks, stream = played(sse(first(), chunk({"content": "x"}), *ending), include_usage=True)
    assert stream.done
    assert (chunks[-1]["choices"], chunks[-1]["usage"]) == ([], USAGE)
    assert all(one["usage"] is None for one in chunks[:-1])
    assert finishes(chunks[:-1]) == ["stop"]
    assert all("usage" not in c for one in chunks for c in one["choices"])


def test_e31_cached_tokens_are_shown_and_billed_alike() -> None:
    usage = {**USAGE, "prompt_cache_hit_tokens": 8, "prompt_cache_miss_tokens": 1}
    events = [first(), chunk({"content": "x"}), chunk(finish="stop", usage=usage)]
    chunks, stream = played(sse(*events), provider("deepseek"), include_usage=True)
    assert chunks[-1]["usage"]["prompt_tokens_details"]["cached_tokens"] == 8
    assert stream.meter.usage is not None
    assert stream.meter.usage.of(Dimension.CACHE_READ) == 8


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (sse({"error": {"message": "ResourceExhausted: Worker local total request limit reached"}}),
         ErrorClass.OVERLOADED),
        (sse({"error": {"message": "bad", "type": "BadRequestError", "code": 400}}),
         ErrorClass.BAD_REQUEST),
        (sse("event: error\ndata: " + json.dumps({"error": {"code": "tool_use_failed"}})),
         ErrorClass.TOOL_CALL_FAILED),
        (sse('event: error\ndata: {"message":"Too many requests"}'), ErrorClass.RATE_LIMITED),
        (sse("event: error\ndata: overloaded"), ErrorClass.OVERLOADED),
        (sse(chunk(x_groq={"error": "overloaded"})), ErrorClass.OVERLOADED),
        (sse(chunk({"content": ""}, "error", error={"code": 502, "message": "down"})),
         ErrorClass.SERVER_ERROR),
        (sse(chunk({}, "error")), ErrorClass.SERVER_ERROR),
        (sse(chunk({}, "insufficient_system_resource")), ErrorClass.OVERLOADED),
        (sse({"object": "error", "message": "maximum context length is 9 tokens", "code": 400}),
         ErrorClass.CONTEXT_EXCEEDED),
        (sse("data: not json"), ErrorClass.MALFORMED),
        (sse("data: null"), ErrorClass.MALFORMED),
        (sse(chunk(choices={})), ErrorClass.MALFORMED),
        (sse(chunk(choices=[1])), ErrorClass.MALFORMED),
    ],
)  # fmt: skip
def test_e11_trouble_within_the_stream_is_seen_and_nothing_follows_it(
    data: bytes, kind: ErrorClass
) -> None:
    after = sse(chunk({"content": "after"}), chunk(finish="stop"))
    before = sse(first(), chunk({"content": "before"}), done=False)
    chunks, stream = played(before + data.removesuffix(b"data: [DONE]\n\n") + after)
    assert error_of(stream).error_class is kind
    assert text_of(chunks) == "before"
    assert finishes(chunks) == []


def test_what_came_before_the_trouble_in_its_own_chunk_is_handed_on() -> None:
    chunks, stream = played(sse(first(), chunk({"content": "last"}, "network_error")))
    assert error_of(stream).upstream_code == "network_error"
    assert text_of(chunks) == "last"


def test_an_error_that_only_says_the_finish_again_is_none() -> None:
    told = {"code": 400, "message": "Token limit reached"}
    events = [first(), chunk({"content": "x"}, "length"), chunk({}, error=told, usage=USAGE)]
    chunks, stream = played(sse(*events), provider("openrouter"), include_usage=True)
    assert stream.done
    assert finishes(chunks) == ["length"]
    assert chunks[-1]["usage"] == USAGE
    for other in ({"code": 500, "message": "boom"}, {"code": 400, "message": "bad request"}):
        events[-1] = chunk({}, error=other)
        assert played(sse(*events), provider("openrouter"))[1].error is not None


def test_e14_comments_and_pings_do_not_reach_the_caller() -> None:
    data = b": PROCESSING\n\n" + sse(first(), ": ping\nid: 7", chunk({"content": "x"}, "stop"))
    chunks, stream = played(data)
    assert stream.done
    assert text_of(chunks) == "x"


def test_a_finish_is_given_once_and_last() -> None:
    events = [
        first(),
        chunk({"content": "a"}, "length"),
        chunk({"content": "b"}, "length"),
        chunk({"content": ""}, "stop"),
    ]
    chunks, _ = played(sse(*events))
    assert finishes(chunks) == ["length"]
    assert text_of(chunks) == "ab"
    assert chunks[-1]["choices"][0]["delta"] == {}


def test_e1_calls_without_ids_at_one_index_are_told_apart() -> None:
    events = [chunk(fragment(0, '{"a":1}', name=name)) for name in ("f", "g", "g")]
    chunks, _ = played(sse(first(), *events, chunk(finish="stop")))
    calls = calls_of(chunks)
    assert [c["name"] for c in calls] == ["f", "g", "g"]
    assert len({c["id"] for c in calls}) == 3
    assert finishes(chunks) == ["tool_calls"]


def test_e2_a_new_id_at_a_taken_index_is_a_new_call() -> None:
    events = [chunk(fragment(0, "{}", id=f"call_{n}", name="f", type="function")) for n in "ab"]
    for native, wanted in (("stop", "tool_calls"), ("length", "length")):
        chunks, _ = played(sse(first(), *events, chunk(finish=native)), provider("ollama"))
        assert [c["id"] for c in calls_of(chunks)] == ["call_a", "call_b"]
        assert finishes(chunks) == [wanted]


def test_e3_arguments_are_strings_and_ids_do_not_change() -> None:
    pieces = [
        fragment(0, None, id="x1", name="f"),
        fragment(0, '{"a":', id="x2"),
        fragment(0, "1}", id="x3"),
        fragment(1, {"b": 2}, id="y1", name="g"),
    ]
    chunks, _ = played(sse(first(), *map(chunk, pieces), chunk(finish="tool_calls")))
    assert calls_of(chunks) == [
        {"id": "x1", "name": "f", "arguments": '{"a":1}'},
        {"id": "y1", "name": "g", "arguments": '{"b":2}'},
    ]


@pytest.mark.parametrize("arguments", ["", None, "null"])
def test_a_call_without_arguments_ends_up_with_an_empty_object(arguments: Any) -> None:
    call = chunk(fragment(0, arguments, id="a", name="f"))
    chunks, _ = played(sse(first(), call, chunk(finish="tool_calls")))
    assert calls_of(chunks) == [{"id": "a", "name": "f", "arguments": "{}"}]
    assert finishes(chunks) == ["tool_calls"]


def test_a_calls_name_and_id_come_once_even_if_the_vendor_repeats_them() -> None:
    pieces = [fragment(0, piece, id="a", name="f", type="function") for piece in ('{"a"', ":1}")]
    chunks, _ = played(sse(first(), *map(chunk, pieces), chunk(finish="tool_calls")))
    assert calls_of(chunks) == [{"id": "a", "name": "f", "arguments": '{"a":1}'}]


def test_a_call_that_repeats_its_name_and_has_no_id_goes_on_until_it_is_whole() -> None:
    pieces = [fragment(0, piece, name="f") for piece in ('{"a"', ":1}", '{"a":2}')]
    chunks, _ = played(sse(first(), *map(chunk, pieces), chunk(finish="tool_calls")))
    assert [c["arguments"] for c in calls_of(chunks)] == ['{"a":1}', '{"a":2}']


def test_calls_numbered_from_elsewhere_are_numbered_from_zero() -> None:
    pieces = []
    for i in (1, 5):
        pieces += [fragment(i, '{"a":', id=f"c{i}", name="f"), fragment(i, f"{i}}}")]
    chunks, _ = played(sse(first(), *map(chunk, pieces), chunk(finish="tool_calls")))
    assert [(c["id"], c["arguments"]) for c in calls_of(chunks)] == [
        ("c1", '{"a":1}'),
        ("c5", '{"a":5}'),
    ]


def test_unknown_members_of_a_call_survive() -> None:
    signed = {"google": {"thought_signature": "A=="}}
    call = chunk(fragment(0, "{}", id="a", name="f", extra_content=signed))
    chunks, _ = played(sse(first(), call, chunk(finish="tool_calls")))
    assert chunks[1]["choices"][0]["delta"]["tool_calls"][0]["extra_content"] == signed


def test_e21_streamed_reasoning_is_shown_where_clients_look() -> None:
    pieces = [chunk({"reasoning": "h", "channel": "analysis"}), chunk({"reasoning": "m"})]
    chunks, stream = played(sse(first(), *pieces, chunk({"content": "x"}), chunk(finish="stop")))
    assert text_of(chunks, "reasoning_content") == text_of(chunks, "reasoning") == "hm"
    assert chunks[1]["choices"][0]["delta"]["channel"] == "analysis"
    assert stream.meter.characters == 3


def test_mistrals_streamed_parts_become_text_and_reasoning() -> None:
    thought = {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}
    text = {"content": [{"type": "text", "text": "4"}]}
    events = [first(), chunk(thought), chunk(text), chunk({"content": ""}, "stop", usage=USAGE)]
    chunks, _ = played(sse(*events), provider("mistral"))
    assert text_of(chunks, "reasoning_content") == "hm"
    assert text_of(chunks) == "4"


def test_choices_interleave_and_each_has_its_own_end() -> None:
    events = []
    for content in "ab":
        for index in (0, 1):
            one = chunk({"role": "assistant", "content": content})
            one["choices"][0]["index"] = index
            events.append(one)
    for index in (1, 0):
        one = chunk(finish="stop" if index else "length")
        one["choices"][0]["index"] = index
        events.append(one)
    chunks, stream = played(sse(*events))
    ends = [(c["index"], c["finish_reason"]) for one in chunks[-2:] for c in one["choices"]]
    assert ends == [(0, "length"), (1, "stop")]
    assert text_of(chunks) == "aabb"
    assert stream.meter.finish_reason == "length"


@pytest.mark.parametrize(
    "delta",
    [
        {"content": "x"},
        {"reasoning": "x"},
        {"refusal": "x"},
        {"audio": {"data": "QQ=="}},
        {"images": [{"type": "image_url"}]},
        fragment(0, "", id="a", name="f"),
    ],
)
def test_every_kind_of_content_counts_as_content(delta: Json) -> None:
    stream = new_stream()
    stream.feed(sse(first(), done=False))
    assert not stream.meter.has_content
    stream.feed(sse(chunk(delta), done=False))
    assert stream.meter.has_content


def test_bytes_that_are_no_text_do_not_reach_the_caller() -> None:
    broken = sse(first(), chunk({"content": "x"}, p="?")).replace(b"?", b"\xff")
    chunks, stream = played(broken)
    assert error_of(stream).error_class is ErrorClass.MALFORMED
    assert text_of(chunks) == ""


def test_more_calls_or_choices_than_any_answer_has_are_refused() -> None:
    calls = [chunk(fragment(i, "{}", id=f"c{i}", name="f")) for i in range(1025)]
    assert error_of(played(sse(first(), *calls))[1]).error_class is ErrorClass.MALFORMED
    choices = [{"index": i, "delta": {"content": "x"}, "finish_reason": None} for i in range(257)]
    assert error_of(played(sse(chunk(choices=choices)))[1]).error_class is ErrorClass.MALFORMED


def test_an_event_larger_than_the_bound_ends_the_stream() -> None:
    stream = new_stream()
    for _ in range(17):
        assert stream.feed(b"data: " + b"x" * 1024 * 1024) == b""
    assert error_of(stream).error_class is ErrorClass.MALFORMED
