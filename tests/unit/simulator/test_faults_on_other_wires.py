"""Faults on Anthropic's and Gemini's wires, seen as bytes from outside."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from simulated import Got, Running, claude, gemini, send

Ask = Callable[..., Got]
WIRES = [claude, gemini]


def stream(simulator: Running, ask: Ask, fault: str, **more: Any) -> Got:
    return ask(simulator, f"[[simulate {fault}]] Hello", stream=True, **more)


def events(got: Got) -> list[str]:
    """The events, as blocks; comments are not among them."""
    blocks = got.body.decode().split("\n\n")
    return [block for block in blocks if "data:" in block]


@pytest.mark.parametrize(
    ("ask", "status", "kind"),
    [
        (claude, 400, "invalid_request_error"),
        (claude, 401, "authentication_error"),
        (claude, 402, "billing_error"),
        (claude, 403, "permission_error"),
        (claude, 404, "not_found_error"),
        (claude, 413, "request_too_large"),
        (claude, 429, "rate_limit_error"),
        (claude, 500, "api_error"),
        (claude, 504, "timeout_error"),
        (claude, 529, "overloaded_error"),
        (gemini, 400, "INVALID_ARGUMENT"),
        (gemini, 401, "UNAUTHENTICATED"),
        (gemini, 403, "PERMISSION_DENIED"),
        (gemini, 404, "NOT_FOUND"),
        (gemini, 429, "RESOURCE_EXHAUSTED"),
        (gemini, 500, "INTERNAL"),
        (gemini, 503, "UNAVAILABLE"),
        (gemini, 504, "DEADLINE_EXCEEDED"),
    ],
)
def test_a_status_comes_with_the_vendors_body(
    simulator: Running, ask: Ask, status: int, kind: str
) -> None:
    got = ask(simulator, f"[[simulate status={status}]]")
    error = got.json["error"]
    assert (got.status, error.get("status", error.get("type"))) == (status, kind)
    assert error.get("code", status) == status
    assert "{" not in error["message"]


def test_a_hint_when_to_come_back_is_where_the_vendor_puts_it(simulator: Running) -> None:
    got = claude(simulator, "[[simulate error=rate_limited retry_after=7]]")
    assert (got.status, got.headers["retry-after"]) == (429, "7")
    got = gemini(simulator, "[[simulate error=quota retry_after=7]]")
    assert [d.get("retryDelay") for d in got.json["error"]["details"]] == [None, "7s"]
    assert claude(simulator, "[[simulate error=usage_limit]]").status == 400


@pytest.mark.parametrize("ask", WIRES)
def test_an_error_may_hide_behind_200(simulator: Running, ask: Ask) -> None:
    got = ask(simulator, "[[simulate error_200 error=overloaded]]")
    assert (got.status, "error" in got.json) == (200, True)
    assert ask(simulator, "[[simulate null_200]]").json is None


@pytest.mark.parametrize("ask", WIRES)
def test_a_cut_ends_the_connection_after_whole_events(simulator: Running, ask: Ask) -> None:
    got = stream(simulator, ask, "cut_after_events=3")
    assert (len(events(got)), got.closed, got.clean) == (3, True, False)
    record = simulator.last()
    assert (record["ending"], record["events"]) == ("cut", 3)
    assert record["billed_completion"] == -(-record["content_bytes"] // 4)
    assert stream(simulator, ask, "cut_after_events=2 rst").reset
    assert len(stream(simulator, ask, "cut_after_bytes=100").body) == 100


@pytest.mark.parametrize("ask", WIRES)
def test_latency_stalls_and_an_open_end_take_their_time(simulator: Running, ask: Ask) -> None:
    begun = time.monotonic()
    assert ask(simulator, "[[simulate latency_s=0.05]]").clean
    assert time.monotonic() - begun >= 0.05
    got = stream(simulator, ask, "stall_after_events=2", timeout_s=0.1)
    assert (len(events(got)), got.clean, got.closed) == (2, False, False)
    got = stream(simulator, ask, "never_close gap_s=0", timeout_s=0.15)
    assert (got.clean, got.closed) == (False, False)
    assert "message_stop" in events(got)[-1] or "finishReason" in events(got)[-1]


@pytest.mark.parametrize("ask", WIRES)
def test_a_broken_frame_stands_among_good_ones(simulator: Running, ask: Ask) -> None:
    got = stream(simulator, ask, "malformed_after_events=2")
    with pytest.raises(json.JSONDecodeError):
        json.loads(events(got)[2].partition("data: ")[2])
    assert got.clean


def test_an_error_inside_a_stream_ends_it(simulator: Running) -> None:
    got = stream(simulator, claude, "error_after_events=2 error=overloaded")
    name, error = got.named[-1]
    assert (len(got.named), name, error["type"]) == (3, "error", "error")
    assert error["error"]["type"] == "overloaded_error"
    got = stream(simulator, gemini, "error_after_events=2 error=overloaded")
    assert (len(got.chunks), got.chunks[-1]["error"]["status"]) == (3, "UNAVAILABLE")


def test_the_end_mark_and_the_finish_can_be_left_out(simulator: Running) -> None:
    names = [name for name, _ in stream(simulator, claude, "no_done").named]
    assert names[-1] == "message_delta"
    names = [name for name, _ in stream(simulator, claude, "no_finish no_done").named]
    assert names[-1] == "content_block_stop"
    chunks = stream(simulator, gemini, "no_finish").chunks
    assert all("finishReason" not in chunk["candidates"][0] for chunk in chunks)


def test_usage_is_missing_or_twice(simulator: Running) -> None:
    for ask, word in ((claude, b'"usage"'), (gemini, b'"usageMetadata"')):
        assert word not in stream(simulator, ask, "usage_missing").body
        assert word not in ask(simulator, "[[simulate usage_missing]]").body
    names = [name for name, _ in stream(simulator, claude, "duplicate_usage").named]
    assert names[-3:] == ["message_delta", "message_delta", "message_stop"]
    again = stream(simulator, gemini, "duplicate_usage").chunks
    assert again[-1] == {"usageMetadata": again[-2]["usageMetadata"]}


def test_an_empty_answer_finishes_cleanly(simulator: Running) -> None:
    names = [name for name, _ in stream(simulator, claude, "empty").named]
    assert names == ["message_start", "ping", "message_delta", "message_stop"]
    assert claude(simulator, "[[simulate empty]]").json["content"] == []
    (last,) = stream(simulator, gemini, "empty").chunks
    assert (last["candidates"][0]["content"], last["candidates"][0]["finishReason"]) == ({"role": "model"}, "STOP")  # fmt: skip
    whole = gemini(simulator, "[[simulate empty]]").json
    assert "parts" not in whole["candidates"][0]["content"]


@pytest.mark.parametrize("ask", WIRES)
@pytest.mark.parametrize("more", ["", " empty"])
def test_one_event_is_huge(simulator: Running, ask: Ask, more: str) -> None:
    got = stream(simulator, ask, f"huge_event_bytes=300000 gap_s=0{more}")
    assert got.clean
    assert sum(len(event) > 300_000 for event in events(got)) == 1
    names = [name for name, _ in got.named]
    assert names.count("content_block_start") == names.count("content_block_stop")


def test_what_keeps_the_line_alive_is_a_ping_or_a_comment(simulator: Running) -> None:
    got = stream(simulator, claude, "keepalives=2 tokens=1")
    assert [name for name, _ in got.named][:2] == ["ping", "ping"]
    assert stream(simulator, gemini, "keepalives=2 tokens=1").body.startswith(
        b": ping\n\n: ping\n\n"
    )


@pytest.mark.parametrize("ask", WIRES)
def test_framing_faults_work_too(simulator: Running, ask: Ask) -> None:
    got = stream(simulator, ask, "split_bytes=1 tokens=1 gap_s=0")
    assert (got.reads, got.clean) == (len(got.body), True)
    got = stream(simulator, ask, "line_ending=crlf bom")
    assert got.body.startswith(b"\xef\xbb\xbf")
    assert b"\n" not in got.body.replace(b"\r\n", b"")
    got = ask(simulator, "[[simulate drop]]")
    assert (got.status, got.closed) == (0, True)


@pytest.mark.parametrize("ask", WIRES)
def test_a_wrong_directive_is_refused_and_says_why(simulator: Running, ask: Ask) -> None:
    got = ask(simulator, "[[simulate stauts=429]]")
    assert (got.status, "stauts" in got.json["error"]["message"]) == (400, True)


def test_rules_know_wires_models_keys_and_streams(simulator: Running) -> None:
    rules = """
    - match: {persona: anthropic, path: "*/count_tokens"}
      fault: {status: 529}
    - match: {persona: gemini, model: sim-gemini-3, stream: true, key: AIza-*}
      fault: {status: 503}
    """
    send(simulator, "POST", "/__simulator/faults", rules.encode())
    try:
        counting = "/anthropic/v1/messages/count_tokens"
        assert claude(simulator, path=counting, max_tokens=None).status == 529
        assert claude(simulator).status == 200
        found = [
            gemini(simulator, model="sim-gemini-3", stream=streamed).status
            for streamed in (True, False)
        ]
        assert found == [503, 200]
    finally:
        send(simulator, "POST", "/__simulator/reset")
    assert claude(simulator, path=counting, max_tokens=None).status == 200
