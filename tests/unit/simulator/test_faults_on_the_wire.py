"""Every fault does what its name says, seen as bytes from outside."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from simulated import Got, Running, ask, send


def stream(simulator: Running, fault: str, **more: Any) -> Got:
    return ask(simulator, f"[[simulate {fault}]] Hello", stream=True, **more)


@pytest.mark.parametrize(
    ("persona", "status", "member"),
    [("openai", 429, "code"), ("openrouter", 429, "metadata"), ("groq", 503, "type")],
)
def test_a_status_comes_with_the_vendors_body(
    simulator: Running, persona: str, status: int, member: str
) -> None:
    got = ask(simulator, f"[[simulate status={status} retry_after=3]]", persona=persona)
    assert (got.status, got.headers["retry-after"], got.clean) == (status, "3", True)
    assert member in got.json["error"]


def test_an_error_is_named_by_its_kind(simulator: Running) -> None:
    got = ask(simulator, "[[simulate error=quota]]", persona="deepseek")
    assert (got.status, got.json["error"]["message"]) == (402, "Insufficient Balance")
    assert ask(simulator, "[[simulate status=418]]").status == 418


def test_latency_comes_before_the_headers(simulator: Running) -> None:
    begun = time.monotonic()
    assert ask(simulator, "[[simulate latency_s=0.1]]").clean
    assert time.monotonic() - begun >= 0.1


def test_the_first_token_is_late_and_comments_keep_the_line_alive(simulator: Running) -> None:
    fault = "first_token_s=0.1 keepalive_s=0.02 keepalives=2"
    got = stream(simulator, fault, persona="openrouter")
    comments = got.body[: got.body.index(b"data:")]
    assert comments.count(b": OPENROUTER PROCESSING\n\n") >= 5
    assert got.clean
    assert got.events[-1] == "[DONE]"


def test_a_gap_lies_between_events(simulator: Running) -> None:
    begun = time.monotonic()
    got = stream(simulator, "gap_s=0.02 tokens=4")
    assert time.monotonic() - begun >= 0.02 * (len(got.events) - 1)


def test_a_stall_lasts_until_the_caller_leaves(simulator: Running) -> None:
    got = stream(simulator, "stall_after_events=2", timeout_s=0.1)
    assert (len(got.events), got.clean, got.closed) == (2, False, False)
    short = stream(simulator, "stall_after_events=2 stall_s=0.05")
    assert short.clean


def test_a_cut_ends_the_connection_after_whole_events(simulator: Running) -> None:
    got = stream(simulator, "cut_after_events=3")
    assert (len(got.events), got.closed, got.clean) == (3, True, False)
    got = stream(simulator, "cut_after_events=0")
    assert (got.status, got.body, got.closed) == (200, b"", True)


def test_a_cut_falls_at_a_byte(simulator: Running) -> None:
    got = stream(simulator, "cut_after_bytes=333")
    assert (len(got.body), got.closed) == (333, True)
    whole = ask(simulator, "[[simulate cut_after_bytes=40]]")
    assert (len(whole.body), whole.closed) == (40, True)
    assert int(whole.headers["content-length"]) > 40


def test_a_cut_may_fall_inside_an_announced_chunk(simulator: Running) -> None:
    got = stream(simulator, "cut_after_events=2 inside_chunk")
    assert got.closed
    assert got.body.endswith(b"data: {")


def test_a_cut_may_be_a_reset(simulator: Running) -> None:
    got = stream(simulator, "cut_after_events=2 rst")
    assert (got.reset, len(got.events)) == (True, 2)


@pytest.mark.parametrize("fault", ["drop", "drop rst=true"])
def test_a_dropped_request_gets_no_byte(simulator: Running, fault: str) -> None:
    got = ask(simulator, f"[[simulate {fault}]]")
    assert (got.status, got.reset, got.closed) == (0, "rst" in fault, "rst" not in fault)


def test_the_end_mark_and_the_finish_can_be_left_out(simulator: Running) -> None:
    got = stream(simulator, "no_done")
    assert got.clean
    assert got.chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert "[DONE]" not in got.events
    got = stream(simulator, "no_done no_finish")
    assert got.clean
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in got.chunks)


def test_a_broken_frame_stands_among_good_ones(simulator: Running) -> None:
    got = stream(simulator, "malformed_after_events=2")
    with pytest.raises(json.JSONDecodeError):
        json.loads(got.events[2])
    assert got.events[-1] == "[DONE]"


@pytest.mark.parametrize(("persona", "last"), [("openai", "error"), ("vllm", "[DONE]")])
def test_an_error_inside_a_stream_ends_it(simulator: Running, persona: str, last: str) -> None:
    got = stream(simulator, "error_after_events=2 error=overloaded", persona=persona)
    error = got.chunks[2]["error"]
    assert error["message"]
    assert last in got.events[-1]
    assert got.clean


def test_an_error_inside_an_openrouter_stream_is_a_finish_reason_too(simulator: Running) -> None:
    got = stream(simulator, "error_after_events=1", persona="openrouter")
    assert got.chunks[1]["error"]["code"] == 502
    assert got.chunks[1]["choices"][0]["finish_reason"] == "error"


def test_an_error_may_hide_behind_200(simulator: Running) -> None:
    got = ask(simulator, "[[simulate error_200]]")
    assert (got.status, "error" in got.json) == (200, True)
    assert ask(simulator, "[[simulate null_200]]").json is None


def test_usage_is_missing_or_twice(simulator: Running) -> None:
    options = {"include_usage": True}
    got = stream(simulator, "usage_missing", stream_options=options)
    assert not any(chunk.get("usage") for chunk in got.chunks)
    got = stream(simulator, "duplicate_usage", stream_options=options)
    assert sum(bool(chunk.get("usage")) for chunk in got.chunks) == 2
    for persona in ("groq", "mistral"):  # where usage is part of another chunk
        got = stream(simulator, "usage_missing", persona=persona)
        assert b'"usage"' not in got.body
    assert "usage" not in ask(simulator, "[[simulate usage_missing]]").json


def test_an_empty_answer_finishes_cleanly(simulator: Running) -> None:
    got = stream(simulator, "empty")
    assert (got.text, got.chunks[-1]["choices"][0]["finish_reason"]) == ("", "stop")
    message = ask(simulator, "[[simulate empty]]").json["choices"][0]["message"]
    assert message["content"] is None


def test_one_event_is_huge(simulator: Running) -> None:
    got = stream(simulator, "huge_event_bytes=2000000")
    assert max(map(len, got.events)) > 2_000_000
    assert got.events[-1] == "[DONE]"


def test_the_connection_stays_open_after_the_end_mark(simulator: Running) -> None:
    got = stream(simulator, "never_close", timeout_s=0.15)
    assert (got.events[-1], got.clean, got.closed) == ("[DONE]", False, False)


def test_the_length_that_is_announced_is_wrong(simulator: Running) -> None:
    got = ask(simulator, "[[simulate wrong_content_length=100]]")
    assert got.closed
    assert int(got.headers["content-length"]) == len(got.body) + 100


def test_a_redirect_leads_elsewhere(simulator: Running) -> None:
    got = ask(simulator, "[[simulate redirect=http://127.0.0.1:1/x]]")
    assert (got.status, got.headers["location"]) == (307, "http://127.0.0.1:1/x")


def test_the_content_type_and_headers_are_what_is_asked(simulator: Running) -> None:
    assert stream(simulator, "content_type=text/html").headers["content-type"] == "text/html"


def test_writes_are_split_at_every_byte(simulator: Running) -> None:
    got = stream(simulator, "split_bytes=1 tokens=2")
    assert got.reads == len(got.body)
    assert got.events[-1] == "[DONE]"
    assert ask(simulator, "[[simulate split_bytes=7]]").clean


@pytest.mark.parametrize(("ending", "mark"), [("crlf", b"\r\n\r\n"), ("cr", b"\r\r")])
def test_lines_end_as_asked(simulator: Running, ending: str, mark: bytes) -> None:
    got = stream(simulator, f"line_ending={ending} bom")
    assert got.body.startswith(b"\xef\xbb\xbfdata:")
    assert got.body.endswith(b"[DONE]" + mark)
    assert b"\n\n" not in got.body


def test_a_wrong_directive_is_refused_and_says_why(simulator: Running) -> None:
    got = ask(simulator, "[[simulate stauts=429]]")
    assert got.status == 400
    assert "stauts" in got.json["error"]["message"]


def post(simulator: Running, path: str, text: str = "") -> Got:
    return send(simulator, "POST", f"/__simulator/{path}", text.encode())


def test_rules_are_replaced_at_run_time_and_counted(simulator: Running) -> None:
    rules = """
    - match: {model: llama-*, nth: [1, 3]}
      fault: {status: 500}
    - match: {key: weak-*, times: 1}
      fault: {status: 429, retry_after: 30}
    - match: {persona: groq, stream: true}
      fault: {cut_after_events: 1}
    """
    assert post(simulator, "faults", rules).json == {"rules": 3}
    try:
        statuses = [ask(simulator, model="llama-3").status for _ in range(4)]
        assert statuses == [500, 200, 500, 200]
        keyed = [ask(simulator, key=key).status for key in ("weak-1", "strong", "weak-1")]
        assert keyed == [429, 200, 200]
        assert ask(simulator, persona="groq", stream=True).closed
        shown = send(simulator, "GET", "/__simulator/faults").json
        assert shown["struck"] == [2, 1, 1]
    finally:
        post(simulator, "faults", "[]")


def test_chance_is_seeded(simulator: Running) -> None:
    def statuses() -> list[int]:
        rule = '{"rules": [{"match": {"probability": 0.5}, "fault": {"status": 503}}]}'
        assert post(simulator, "faults", rule).status == 200
        return [ask(simulator).status for _ in range(12)]

    first = statuses()
    assert first == statuses()
    assert set(first) == {200, 503}
    assert post(simulator, "reset").status == 200
    assert ask(simulator).status == 200


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- fault: {nonsense: 1}", "nonsense"),
        ("- fault: {latency_s: 99999}", "latency_s"),
        ("- [", "not valid YAML"),
        ("a: &a [1]\nb: *a", "aliases"),
        ("- fault: {}\n" * 1001, "more than 1000"),
        ("#" * 300_000, "larger than"),
    ],
)
def test_wrong_rules_are_refused_and_the_old_ones_stay(
    simulator: Running, text: str, says: str
) -> None:
    got = post(simulator, "faults", text)
    assert (got.status, ask(simulator).status) == (400, 200)
    assert says in got.json["error"]["message"]
