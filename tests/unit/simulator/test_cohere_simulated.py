"""Cohere's wire at the simulator: refused as the vendor refuses, recorded cases, and faults."""

from __future__ import annotations

import json
from typing import Any

import pytest
from simulated import Got, Running, running, send

from opengateway.simulator.settings import SimulatorSettings
from recordings import RECORDINGS, needs_recordings

KEY = {"authorization": "Bearer k"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def chat(simulator: Running, content: str = "Hello", **members: Any) -> Got:
    body = {"model": "sim-chat", "messages": [{"role": "user", "content": content}], **members}
    return send(simulator, "POST", "/cohere/v2/chat", json.dumps(body).encode(), headers=KEY)


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({"max_completion_tokens": 5}, 400),
        ({"temperature": 1.5}, 400),
        ({"p": 1.0}, 400),
        ({"stop_sequences": ["a"] * 6}, 400),
        ({"tool_choice": "auto"}, 422),
        ({"tool_choice": "REQUIRED"}, 400),
        ({"tools": [TOOL], "response_format": {"type": "json_object"}}, 400),
        ({"frequency_penalty": 0.5, "presence_penalty": 0.5}, 400),
        ({"messages": []}, 400),
        ({"messages": [{"role": "developer", "content": "x"}]}, 400),
        ({"messages": [{"role": "tool", "tool_call_id": "c", "content": "x"}]}, 400),
        ({"model": "command-none"}, 404),
    ],
)
def test_what_the_vendor_refuses_is_refused(
    simulator: Running, members: dict[str, Any], status: int
) -> None:
    got = chat(simulator, **members)
    assert got.status == status, got.body
    assert got.json.keys() == {"id", "message"}


def test_a_key_is_needed(simulator: Running) -> None:
    assert send(simulator, "POST", "/cohere/v2/chat", b"{}", key=None).status == 401
    bad = {"authorization": "Bearer bad-key"}
    assert send(simulator, "POST", "/cohere/v2/chat", b"{}", headers=bad).status == 401
    assert send(simulator, "POST", "/cohere/v1/chat", b"{}", headers=KEY).status == 404


def test_a_stream_says_what_the_whole_answer_says(simulator: Running) -> None:
    whole = chat(simulator, "Hello there").json
    named = chat(simulator, "Hello there", stream=True).named
    said = "".join(
        t["delta"]["message"]["content"]["text"] for n, t in named if n == "content-delta"
    )
    assert said == whole["message"]["content"][0]["text"]
    assert [named[0][0], named[-1][0]] == ["message-start", "message-end"]
    assert named[-1][1]["delta"]["finish_reason"] == whole["finish_reason"] == "COMPLETE"
    assert whole["usage"]["billed_units"]["input_tokens"] < whole["usage"]["tokens"]["input_tokens"]


def test_a_demanded_tool_is_called_with_a_plan(simulator: Running) -> None:
    got = chat(simulator, tools=[TOOL], tool_choice="REQUIRED").json
    assert got["finish_reason"] == "TOOL_CALL"
    assert got["message"]["tool_plan"]
    names = [
        name for name, _ in chat(simulator, tools=[TOOL], tool_choice="REQUIRED", stream=True).named
    ]
    for name in ("tool-plan-delta", "tool-call-start", "tool-call-delta", "tool-call-end"):
        assert name in names


def test_faults_strike_this_wire_too(simulator: Running) -> None:
    cut = chat(simulator, "[[simulate cut_after_events=2]]", stream=True)
    assert cut.named
    assert b"message-end" not in cut.body
    broken = chat(simulator, "[[simulate status=429]]")
    assert (broken.status, broken.json["message"][:3]) == (429, "You")


@needs_recordings
def test_recorded_cases_are_answered_byte_for_byte() -> None:
    with running(SimulatorSettings(cases=RECORDINGS, strict_cases=True)) as simulator:
        for path in sorted((RECORDINGS / "cohere").glob("*.json")):
            case = json.loads(path.read_bytes())
            if case["endpoint"] not in ("cohere.v2.chat", "embeddings", "rerank"):
                continue
            body = json.dumps(case["request"]["body"]).encode()
            got = send(simulator, "POST", "/cohere" + case["request"]["path"], body, headers=KEY)
            assert (got.status, got.body.decode()) == (
                case["response"]["status"],
                case["response"]["body"],
            ), case["case_id"]
