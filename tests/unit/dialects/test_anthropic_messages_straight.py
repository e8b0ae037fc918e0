"""The straight lane: what goes up and comes down as it was, and the little that does not."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from anthropic_wire import PROVIDER, STOP, began, closed, delta, ended, message, opened, sse
from messages_surface import MODEL_ID, STRAIGHT, TEAM, begun, body, call, chat, endpoint, sent
from opengateway.dialects.anthropic_messages import counting_call, decode, decode_count
from opengateway.dialects.anthropic_messages.seals import carried
from opengateway.domain.catalog import Profile
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.domain.events import ReasoningSeal
from opengateway.domain.pseudonym import pseudonym

FOREIGN = carried(ReasoningSeal("google", signature="GG"))


def talk(*content: Any) -> list[dict[str, Any]]:
    return [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": list(content)},
        {"role": "user", "content": "on"},
    ]


# --- what goes up -----------------------------------------------------------------------------------
def test_the_callers_bytes_go_up_but_for_the_models_name() -> None:
    raw = b'{ "model": "a/b", "max_tokens":9, "unknown": {"x": 1.50, "y": "\\u00e9"},'
    raw += b' "messages": [ {"role":"user", "content":"Hi"} ], "temperature": 0.70 }'
    sent_raw = call(STRAIGHT, decode(raw, {}), model="claude-x").body
    assert sent_raw == (
        b'{"model":"claude-x","max_tokens":9,"unknown":{"x": 1.50, "y": "\\u00e9"},'
        b'"messages":[ {"role":"user", "content":"Hi"} ],"temperature":0.70}'
    )


def test_the_end_user_is_a_pseudonym_of_the_team() -> None:
    told = sent(STRAIGHT, chat(metadata={"user_id": "user_1_session_11111111-2222", "x": 1}))
    assert told["metadata"] == {"user_id": pseudonym(TEAM, "user", "user_1"), "x": 1}
    other = STRAIGHT.request(
        chat(metadata={"user_id": "user_1"}), endpoint(), PROVIDER, "team_2"
    ).body
    assert pseudonym(TEAM, "user", "user_1").encode() not in other


def test_headers_by_the_list_are_handed_on_beside_the_zones_own() -> None:
    beta = {"anthropic-beta": "effort-2025-11-24,files-api-2025-04-14", "x-other": "1"}
    provider = msgspec.structs.replace(
        PROVIDER, headers={"Anthropic-Beta": "context-1m-2025-08-07"}
    )
    assert call(STRAIGHT, chat(beta), provider).headers == {
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "context-1m-2025-08-07,effort-2025-11-24",
    }
    newer = call(STRAIGHT, chat({"anthropic-version": "2026-10-21"}))
    assert newer.headers == {"anthropic-version": "2026-10-21"}


def test_what_names_other_requests_or_is_unknown_there_is_left_out_and_told() -> None:
    profile = msgspec.convert({"drop": ["service_tier"]}, Profile)
    provider = msgspec.structs.replace(PROVIDER, profile=profile)
    request = chat(diagnostics={"previous_message_id": "msg_1"}, service_tier="auto")
    made = call(STRAIGHT, request, provider)
    assert made.dropped == ("diagnostics", "service_tier")
    assert set(json.loads(made.body)) == {"model", "max_tokens", "messages"}


def test_thoughts_that_the_vendor_never_signed_stay_away_and_all_else_is_the_same() -> None:
    kept = {"type": "thinking", "thinking": "hm", "signature": "AA=="}
    text = {"type": "text", "text": "So", "extra": 1.5}
    messages = talk(
        {"type": "thinking", "thinking": "x", "signature": FOREIGN},
        {"type": "redacted_thinking", "data": FOREIGN},
        {"type": "thinking", "thinking": "y", "signature": ""},
        kept,
        text,
    )
    assert sent(STRAIGHT, chat(messages=messages))["messages"] == talk(kept, text)
    alone = talk({"type": "redacted_thinking", "data": FOREIGN})
    assert [m["role"] for m in sent(STRAIGHT, chat(messages=alone))["messages"]] == ["user", "user"]


def test_citations_that_another_vendor_gave_stay_away() -> None:
    note = {"type": "web_search_result_location", "url": "u", "cited_text": ""}
    own = {**note, "encrypted_index": "abc"}
    mixed = {"type": "text", "text": "x", "citations": [{**note, "encrypted_index": ""}, own]}
    foreign = {"type": "text", "text": "y", "citations": [{**note, "encrypted_index": ""}]}
    told = sent(STRAIGHT, chat(messages=talk(mixed, foreign)))
    assert told["messages"][1]["content"] == [
        {"type": "text", "text": "x", "citations": [own]},
        {"type": "text", "text": "y"},
    ]


@pytest.mark.parametrize(
    ("thinking", "is_kept"),
    [({"type": "enabled", "budget_tokens": 1024}, False), ({"type": "adaptive"}, True)],
)
def test_a_loop_whose_thoughts_are_gone_is_gone_on_with_unthinking(
    thinking: dict[str, Any], is_kept: bool
) -> None:
    messages = [
        {"role": "user", "content": "Hi"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "x", "signature": FOREIGN},
                {"type": "tool_use", "id": "t", "name": "f", "input": {}},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "1"}]},
    ]
    made = call(STRAIGHT, chat(messages=messages, thinking=thinking))
    assert ("thinking" in json.loads(made.body)) is is_kept
    assert made.dropped == (() if is_kept else ("thinking",))


def test_counting_takes_what_counting_takes() -> None:
    raw = json.dumps(
        body(temperature=0.5, metadata={"user_id": "u"}, system="s", stop_sequences=["x"])
    ).encode()
    made = counting_call(decode_count(raw, {}), endpoint(), PROVIDER, TEAM)
    assert made.path == "/v1/messages/count_tokens"
    assert set(json.loads(made.body)) == {"model", "messages", "system"}


# --- what comes down --------------------------------------------------------------------------------
def test_a_whole_answer_is_the_vendors_own_but_for_the_models_name() -> None:
    answer = message({"type": "text", "text": "x", "new": 1}, diagnostics=None, extra={"y": 1})
    reply = STRAIGHT.reply(json.dumps(answer).encode(), chat(), endpoint(), PROVIDER, MODEL_ID)
    assert json.loads(reply.body) == {**answer, "model": MODEL_ID}
    assert reply.meter.usage is not None
    assert reply.meter.usage.input_tokens == 10


def test_a_stop_reason_waits_for_the_end() -> None:
    stream = begun(STRAIGHT)
    head = stream.feed(sse(began(), opened(0), delta(0, "text", text="x"), closed(0)))
    assert b"content_block_stop" in head
    assert stream.feed(sse(ended(), {"type": "ping"})) == b""
    last = stream.feed(sse(STOP))
    assert last.startswith(b"event: message_delta\n")
    assert b"message_stop" not in last
    assert stream.done


def test_events_without_names_get_them_and_wrong_names_are_mended() -> None:
    stream = begun(STRAIGHT)
    first = json.dumps(began()).encode()
    assert stream.feed(b"data: " + first + b"\n\n").startswith(b"event: message_start\n")
    block = json.dumps(opened(0)).encode()
    told = stream.feed(b"event: message_stop\ndata: " + block + b"\n\n")
    assert told == b"event: content_block_start\ndata: " + block + b"\n\n"
    assert stream.feed(b'data: {"type":"a\\nevent: message_stop"}\n\n') == b""


def test_trouble_within_a_stream_is_withheld_and_classified() -> None:
    stream = begun(STRAIGHT)
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    assert b"Overloaded" not in stream.feed(sse(began(), opened(0), error))
    assert stream.error is not None
    assert stream.error.error_class is ErrorClass.OVERLOADED


def test_what_is_held_behind_a_stop_reason_is_bounded() -> None:
    stream = begun(STRAIGHT)
    stream.feed(sse(began(), opened(0), delta(0, "text", text="x"), closed(0), ended()))
    for _ in range(20):
        stream.feed(sse({"type": "later", "x": "y" * 100_000}))
    assert stream.error is not None
    assert stream.error.error_class is ErrorClass.MALFORMED


def _error(status: int, told: Any) -> UpstreamError:
    raw = told if isinstance(told, bytes) else json.dumps(told).encode()
    return STRAIGHT.error(status, {}, raw, PROVIDER)


def test_the_vendors_refusal_is_kept_to_be_shown_as_it_is() -> None:
    told = {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "prompt is too long: 9 > 8"},
        "request_id": "req_1",
    }
    raw = json.dumps(told).encode()
    error = _error(400, raw)
    assert (error.error_class, error.body) == (ErrorClass.CONTEXT_EXCEEDED, raw)
    assert _error(529, told).body == b""
    assert _error(400, b"<html>").body == b""
    assert _error(400, {"error": "x"}).body == b""
