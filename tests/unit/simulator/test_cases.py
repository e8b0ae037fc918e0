"""Recorded cases are found by what was asked, and answered byte for byte."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from simulated import ANTHROPIC, GEMINI, Got, Running, ask, claude, gemini, running, send

from opengateway.domain.errors import OperatorError
from opengateway.simulator.case_keys import chat_messages, classify_chat
from opengateway.simulator.cases import load_cases, split_frames
from opengateway.simulator.settings import SimulatorSettings
from recordings import RECORDINGS, chat_cases, needs_recordings


def case(number: int, answer: str, **body: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": [{"type": "text", "text": "ping"}]}]
    request = {"model": "m", "messages": messages} | body
    return {
        "case_id": f"case-{number}",
        "provider": "groq",
        "endpoint": "chat.completions",
        "stream": bool(body.get("stream")),
        "request": {"path": "/x", "body": request},
        "response": {
            "status": 200,
            "headers": {"Content-Type": "application/json", "set-cookie": "a=1", "Server": "x"},
            "body": answer,
        },
    }


def write(folder: Path, *cases: dict[str, Any]) -> Path:
    for each in cases:
        (folder / f"{each['case_id']}.json").write_text(json.dumps(each))
    return folder


@pytest.fixture
def scripted(tmp_path: Path) -> Iterator[Running]:
    tool = {"type": "function", "function": {"name": "f"}}
    binary = case(5, "", stream=True)
    binary["response"] |= {"body": None, "body_b64": base64.b64encode(b"data: \xff\n\n").decode()}
    folder = write(
        tmp_path,
        case(1, '{"turn": 1}'),
        case(2, '{"turn": 2}'),
        case(3, '{"warm": 1}', temperature=1),
        case(4, '{"tool": 1}', tools=[tool]),
        binary,
    )
    with running(SimulatorSettings(cases=folder, strict_cases=True)) as started:
        yield started


def groq(simulator: Running, content: Any = "ping", **members: Any) -> Got:
    return ask(simulator, content, model="m", persona="groq", **members)


def test_cases_answer_in_turn_and_the_closest_first(scripted: Running) -> None:
    assert [groq(scripted).json for _ in range(3)] == [{"turn": 1}, {"turn": 2}, {"turn": 1}]
    assert groq(scripted, temperature=1).json == {"warm": 1}
    assert groq(scripted, tools=[{"function": {"name": "f"}, "type": "function"}]).json == {
        "tool": 1
    }
    assert groq(scripted, stream=True).body == b"data: \xff\n\n"


def test_messages_that_say_the_same_match(scripted: Running) -> None:
    for content in ("ping", [{"text": "ping", "type": "text"}]):
        assert groq(scripted, content).status == 200
    message = {"role": "user", "content": "ping", "name": None}
    assert ask(scripted, model="m", messages=[message]).status == 200


def test_what_a_gateway_may_change_of_messages_does_not_count() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    recorded = [
        {"role": "system", "content": "be kind"},
        {"role": "assistant", "content": None, "reasoning": "hm", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "1", "name": "f"},
    ]
    sent = [
        {"role": "developer", "content": [{"type": "text", "text": "be kind"}]},
        {"role": "assistant", "content": "", "tool_calls": [call | {"index": 0}]},
        {"role": "tool", "tool_call_id": "c", "content": "1"},
    ]
    assert chat_messages({"messages": recorded}) == chat_messages({"messages": sent})
    other = [sent[0], sent[1] | {"tool_calls": [call | {"id": "d"}]}, sent[2]]
    assert chat_messages({"messages": recorded}) != chat_messages({"messages": other})


def test_headers_of_accounts_and_connections_stay_out(scripted: Running) -> None:
    headers = groq(scripted).headers
    assert headers["content-type"] == "application/json"
    assert not {"set-cookie", "server"} & set(headers)


def test_a_request_no_case_has_is_refused_when_strict(scripted: Running) -> None:
    got = groq(scripted, "pong")
    assert (got.status, "no recorded case" in got.json["error"]["message"]) == (400, True)
    assert "(5 of 5 have" in ask(scripted, "ping", model="other").json["error"]["message"]
    assert ask(scripted, "ping", model="m", persona="openai").status == 400


def test_a_case_is_no_excuse_for_what_the_vendor_refuses(scripted: Running) -> None:
    assert groq(scripted, metadata={"a": "b"}).status == 400


def test_faults_strike_recorded_replies_too(scripted: Running) -> None:
    rule = b"- fault: {status: 503}\n  match: {times: 1}"
    assert send(scripted, "POST", "/__simulator/faults", rule).status == 200
    assert [groq(scripted).status for _ in range(2)] == [503, 200]


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"case_id": "x"}', '{"case_id": 1, "provider": 2, "endpoint": 3}']
)
def test_a_file_that_is_no_case_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "broken.json").write_text(text)
    with pytest.raises(OperatorError, match=r"broken\.json"):
        load_cases(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="nowhere"):
        load_cases(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"data: 1\n\ndata: 2\n\n",
        b": hi\r\n\r\ndata: [DONE]\r\n\r\n",
        b"data: 1\r\rrest",
        b"\n\n",
    ],
)
def test_frames_join_to_the_body(body: bytes) -> None:
    assert b"".join(frame.data for frame in split_frames(body, classify_chat)) == body


@pytest.fixture(scope="module")
def recorded() -> Iterator[Running]:
    with running(SimulatorSettings(cases=RECORDINGS, strict_cases=True, gap_s=0.0)) as started:
        yield started


@needs_recordings
def test_every_recorded_chat_is_replayed_to_the_byte(recorded: Running) -> None:
    wrong = []
    for each in chat_cases():
        request, response = each["request"], each["response"]
        raw = json.dumps(request["body"], ensure_ascii=False).encode()
        path = f"/as/{each['provider']}/v1/chat/completions"
        # Without the stream member of the body, the case itself says how it was asked.
        if each["stream"] != bool(request["body"].get("stream")):
            raw = json.dumps(request["body"] | {"stream": each["stream"]}).encode()
        got = ask(recorded, path=path, raw=raw, timeout_s=10)
        if (got.status, got.body) != (response["status"], response["body"].encode()):
            wrong.append((each["case_id"], got.status, got.body[:200]))
    assert wrong == []


@needs_recordings
def test_recordings_of_all_vendors_answer_on_the_plain_address(recorded: Running) -> None:
    for each in chat_cases():
        raw = json.dumps(each["request"]["body"] | {"stream": each["stream"]}).encode()
        got = ask(recorded, raw=raw, timeout_s=10)
        assert got.status == each["response"]["status"], (each["case_id"], got.body[:300])


def other_cases() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every recorded request of Anthropic's and Google's own wires, with its address here."""
    google = ("generateContent", "streamGenerateContent", "countTokens")
    for path in sorted(RECORDINGS.glob("*/*.json")):
        each = json.loads(path.read_bytes())
        where = each["request"]["path"]
        if each["endpoint"].startswith("messages"):
            yield f"/anthropic{where}", each
        elif each["endpoint"] in google and "/models/" in where:
            yield f"/gemini{where}" + ("?alt=sse" if each["stream"] else ""), each


@needs_recordings
def test_every_recording_of_the_other_wires_is_replayed_to_the_byte(recorded: Running) -> None:
    wrong, seen = [], set()
    for path, each in other_cases():
        response = each["response"]
        body = dict(each["request"]["body"])
        if "messages" in body and each["stream"] != bool(body.get("stream")):
            body["stream"] = each["stream"]
        raw = json.dumps(body, ensure_ascii=False).encode()
        headers = ANTHROPIC if path.startswith("/anthropic") else GEMINI
        got = send(recorded, "POST", path, raw, headers=headers, timeout_s=10)
        seen.add((each["provider"], each["endpoint"]))
        if (got.status, got.body) != (response["status"], response["body"].encode()):
            wrong.append((each["case_id"], got.status, got.body[:200]))
    assert wrong == []
    assert {("anthropic", "messages"), ("google", "generateContent")} <= seen
    assert {("vertex", "streamGenerateContent"), ("google", "streamGenerateContent")} <= seen


ANSWER = {"functionResponse": {"name": "f", "response": {"result": "ok"}}}


@pytest.fixture
def others(tmp_path: Path) -> Iterator[Running]:
    said = {"role": "user", "content": [{"type": "text", "text": "ping"}]}
    thought = {"type": "thinking", "thinking": "hm", "signature": "elsewhere"}
    turns = [said, {"role": "assistant", "content": [thought, {"type": "text", "text": "pong"}]}]
    part = {"text": "ping"}
    called = {"function_call": {"name": "f", "args": {"a_b": 1}}, "thought_signature": "QQ"}
    contents: list[Any] = [{"role": "user", "parts": [part]}, {"role": "model", "parts": [called]}]
    contents.append({"role": "user", "parts": [ANSWER]})
    bodies: list[tuple[str, str, str, dict[str, Any]]] = [
        ("a", "messages", "/v1/messages", {"model": "m", "max_tokens": 9, "messages": [said]}),
        ("b", "messages", "/v1/messages", {"model": "m", "max_tokens": 9, "messages": [*turns, said]}),
        ("c", "generateContent", "/v1beta/models/g:generateContent", {"contents": contents}),
    ]  # fmt: skip
    for name, endpoint, path, body in bodies:
        one = case(0, json.dumps({"case": name}))
        one |= {"case_id": name, "provider": "p", "endpoint": endpoint}
        one["request"] = {"path": path, "body": body}
        write(tmp_path, one)
    with running(SimulatorSettings(cases=tmp_path, strict_cases=True)) as started:
        yield started


def test_requests_that_say_the_same_match_on_anthropics_wire(others: Running) -> None:
    mark = {"type": "text", "text": "ping", "cache_control": {"type": "ephemeral"}}
    for content in ("ping", [mark]):
        assert claude(others, content, model="m").json == {"case": "a"}
    said = {"role": "user", "content": "ping"}
    turns = [said, {"role": "assistant", "content": "pong"}, said]
    assert claude(others, model="m", messages=turns).json == {"case": "b"}
    for wrong in ({"content": "pang"}, {"stream": True}, {"system": "x"}, {"model": "n"}):
        got = claude(others, **{"model": "m", "content": "ping"} | wrong)
        assert (got.status, "no recorded case" in got.json["error"]["message"]) == (400, True)
    assert claude(others, "ping", model="m", n=1).status == 400


def test_requests_that_say_the_same_match_on_geminis_wire(others: Running) -> None:
    call = {"functionCall": {"name": "f", "args": {"a_b": 1}, "id": "x"}}
    contents: list[Any] = [{"parts": [{"text": "ping"}]}, {"role": "model", "parts": [call]}]
    contents.append({"parts": [ANSWER | {"thought": False}]})
    assert gemini(others, model="g", contents=contents).json == {"case": "c"}
    call["functionCall"]["args"] = {"aB": 1}
    assert gemini(others, model="g", contents=contents).status == 400
    assert gemini(others, model="g", contents=contents, stream=True).status == 400
