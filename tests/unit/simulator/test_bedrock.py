"""Bedrock's wire: who may call, what is answered, and what is refused, in the service's words."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from bedrock_calls import KEY, OWN, converse, frames, path_of, said, signed, tool
from simulated import Running, send

from opengateway.kit.sigv4 import AwsKey

HELLO = json.dumps({"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}).encode()
PNG = base64.b64encode(b"\x89PNG\r\n").decode()
MODEL = "us.anthropic.sim-claude"


# --- who calls --------------------------------------------------------------------------------------
@pytest.mark.parametrize(("model", "status"), [("sim-nova", 200), (MODEL, 200), ("x:0", 400)])
def test_a_signature_is_verified_over_what_was_sent(
    simulator: Running, model: str, status: int
) -> None:
    path = path_of(model)
    session = AwsKey(OWN.access_key_id, OWN.secret_access_key, "token")
    for key in (OWN, session):
        got = send(simulator, "POST", path, HELLO, headers=signed(path, HELLO, key))
        assert got.status == status


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"body": b"other"}, "InvalidSignatureException", "does not match"),
    (
        {"url": "http://x/bedrock/model/other/converse"},
        "InvalidSignatureException",
        "does not match",
    ),
    ({"url": "http://other" + path_of("sim-nova")}, "InvalidSignatureException", "does not match"),
    ({"method": "GET"}, "InvalidSignatureException", "does not match"),
    ({"headers": {"content-type": "x"}}, "InvalidSignatureException", "does not match"),
    ({"service": "s3"}, "InvalidSignatureException", "does not match"),
    ({"key": AwsKey("AKIASIMULATOR001", "wrong")}, "InvalidSignatureException", "does not match"),
    ({"key": AwsKey("BADKEY0000000000", "x")}, "UnrecognizedClientException", "invalid"),
    ({"at_s": 1_000_000_000}, "InvalidSignatureException", "expired"),
]


@pytest.mark.parametrize(("wrong", "name", "says"), WRONG)
def test_a_signature_of_anything_else_is_refused(
    simulator: Running, wrong: dict[str, Any], name: str, says: str
) -> None:
    path = path_of("sim-nova")
    got = send(simulator, "POST", path, HELLO, headers=signed(path, **{"body": HELLO, **wrong}))
    assert (got.status, got.headers["x-amzn-errortype"]) == (403, name)
    assert says in got.json["message"]


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({}, "MissingAuthenticationTokenException"),
        ({"authorization": "AWS4-HMAC-SHA256 nonsense"}, "IncompleteSignatureException"),
        ({"authorization": "Bearer bad-key"}, "UnrecognizedClientException"),
    ],
)
def test_who_is_nobody_is_refused(simulator: Running, headers: dict[str, str], name: str) -> None:
    got = send(simulator, "POST", path_of("sim-nova"), HELLO, headers=headers)
    assert (got.status, got.headers["x-amzn-errortype"]) == (403, name)


def test_a_stranger_s_signature_must_be_whole(simulator: Running) -> None:
    path = path_of("sim-nova")
    stranger = signed(path, HELLO, AwsKey("AKIAIOSFODNN7EXAMPLE", "anything"))
    assert send(simulator, "POST", path, HELLO, headers=stranger).status == 200
    del stranger["x-amz-date"]
    assert send(simulator, "POST", path, HELLO, headers=stranger).status == 403


# --- what is answered -------------------------------------------------------------------------------
def test_a_stream_says_the_same_as_a_whole_answer(simulator: Running) -> None:
    whole, stream = converse(simulator), converse(simulator, action="converse-stream")
    assert stream.headers["content-type"] == "application/vnd.amazon.eventstream"
    assert said(stream) == said(whole) != ""
    told = frames(stream)
    names = [name for name, _ in told]
    assert names[0] == "messageStart"
    assert names[-3:] == ["contentBlockStop", "messageStop", "metadata"]
    assert told[-2][1]["stopReason"] == whole.json["stopReason"] == "end_turn"
    usage = told[-1][1]["usage"]
    assert usage == whole.json["usage"]
    assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"]


def test_a_tool_is_called_and_its_result_used(simulator: Running) -> None:
    config = {"tools": [tool()], "toolChoice": {"any": {}}}
    got = converse(simulator, "Weather in Oslo?", toolConfig=config)
    (block,) = got.json["output"]["message"]["content"]
    assert got.json["stopReason"] == "tool_use"
    assert block["toolUse"]["name"] == "get_weather"
    stream = converse(simulator, "Weather in Oslo?", toolConfig=config, action="converse-stream")
    starts = [told["start"] for name, told in frames(stream) if name == "contentBlockStart"]
    pieces = [told["delta"] for name, told in frames(stream) if name == "contentBlockDelta"]
    assert starts == [{"toolUse": {k: v for k, v in block["toolUse"].items() if k != "input"}}]
    arguments = "".join(piece["toolUse"]["input"] for piece in pieces)
    assert json.loads(arguments) == block["toolUse"]["input"]
    result = {"toolUseId": block["toolUse"]["toolUseId"], "content": [{"json": {"sky": "blue"}}]}
    after = converse(
        simulator,
        toolConfig={"tools": [tool()]},
        messages=[
            {"role": "user", "content": [{"text": "Weather in Oslo?"}]},
            {"role": "assistant", "content": [block]},
            {"role": "user", "content": [{"toolResult": result}]},
        ],
    )
    assert "blue" in said(after)


def test_thoughts_are_signed_and_must_come_back_as_they_were(simulator: Running) -> None:
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    asked = {"additionalModelRequestFields": thinking, "inferenceConfig": {"maxTokens": 4096}}
    got = converse(simulator, model=MODEL, **asked)
    content = got.json["output"]["message"]["content"]
    assert content[0]["reasoningContent"]["reasoningText"]["signature"]
    turns = [
        {"role": "user", "content": [{"text": "Hello"}]},
        {"role": "assistant", "content": content},
        {"role": "user", "content": [{"text": "Go on"}]},
    ]
    assert converse(simulator, model=MODEL, messages=turns, **asked).status == 200
    content[0]["reasoningContent"]["reasoningText"]["text"] += "!"
    refused = converse(simulator, model=MODEL, messages=turns, **asked)
    assert (refused.status, "signature" in refused.json["message"]) == (400, True)
    sealed = converse(simulator, model="us.anthropic.sim-redacted", **asked)
    assert "redactedContent" in sealed.json["output"]["message"]["content"][0]["reasoningContent"]


def test_a_schema_is_answered_and_a_cached_prefix_is_read(simulator: Running) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    shut = json.dumps(schema | {"additionalProperties": False})
    form = {"type": "json_schema", "structure": {"jsonSchema": {"schema": shut, "name": "n"}}}
    got = converse(simulator, outputConfig={"textFormat": form})
    assert set(json.loads(said(got))) == {"a"}
    system = [{"text": "rule " * 2000}, {"cachePoint": {"type": "default", "ttl": "1h"}}]
    first, second = (converse(simulator, system=system).json["usage"] for _ in range(2))
    assert first["cacheDetails"] == [{"ttl": "1h", "inputTokens": first["cacheWriteInputTokens"]}]
    assert second["cacheReadInputTokens"] == first["cacheWriteInputTokens"] > 1000


@pytest.mark.parametrize("stream", [False, True])
def test_claude_s_own_body_is_answered_in_the_envelope(simulator: Running, stream: bool) -> None:
    body = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 500,
        "messages": [{"role": "user", "content": "Hello"}],
    }
    action = "invoke-with-response-stream" if stream else "invoke"
    raw = json.dumps(body).encode()
    got = send(simulator, "POST", path_of(MODEL, action), raw, headers=KEY)
    assert got.status == 200
    if not stream:
        assert got.json["type"] == "message"
        return
    events = [json.loads(base64.b64decode(told["bytes"])) for _, told in frames(got)]
    assert [events[0]["type"], events[-1]["type"]] == ["message_start", "message_stop"]
    for wrong in ({"anthropic_version": None}, {"model": "x"}, {"stream": True}):
        bad = json.dumps({n: v for n, v in (body | wrong).items() if v is not None}).encode()
        assert send(simulator, "POST", path_of(MODEL, action), bad, headers=KEY).status == 400


# --- what is refused --------------------------------------------------------------------------------
def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


T = {"text": "x"}
USE = {"toolUse": {"toolUseId": "a", "name": "get_weather", "input": {}}}
RESULT = {"toolResult": {"toolUseId": "a", "content": [T]}}
POINT = {"cachePoint": {"type": "default"}}
DOCUMENT = {"document": {"format": "pdf", "name": "a", "source": {"bytes": PNG}}}
TOOLS = {"toolConfig": {"tools": [tool()]}}
BAD: list[tuple[dict[str, Any], str]] = [
    ({"messages": []}, "The messages field is empty"),
    ({"messages": None}, "'messages' failed to satisfy constraint: Member must not be null"),
    ({"messages": [assistant(T)]}, "must start with a user message"),
    ({"messages": [user(T), user(T)]}, "must alternate"),
    ({"messages": [user()]}, "is empty. Add a ContentBlock"),
    ({"messages": [user({"text": " "})]}, "is blank"),
    ({"messages": [user({})]}, "must set one of its members"),
    ({"messages": [user(T, USE)]}, "may not be a user's"),
    ({"messages": [user({"video_url": 1})]}, "extraneous key [video_url]"),
    ({"temperature": 1}, "extraneous key [temperature]"),
    ({"inferenceConfig": {"temperature": 1.5}}, "less than or equal to 1"),
    ({"inferenceConfig": {"maxTokens": 0}}, "greater than or equal to 1"),
    ({"inferenceConfig": {"stopSequences": [""]}}, "length at least 1"),
    ({"messages": [user({"image": {"format": "bmp", "source": {"bytes": PNG}}})]}, "enum value set"),
    ({"messages": [user({"image": {"format": "png", "source": {"bytes": "%"}}})]}, "not base64"),
    ({"messages": [user(DOCUMENT)]}, "a text block must be included"),
    ({"messages": [user(T, DOCUMENT, DOCUMENT)]}, "must be unique"),
    (
        {"messages": [user(T, {"document": DOCUMENT["document"] | {"name": "a_b"}})]},
        "can only contain alphanumeric",
    ),
    ({"messages": [user(T), assistant(USE), user(RESULT)]}, "toolConfig field must be defined"),
    ({"messages": [user(T), assistant(USE), user(T)]} | TOOLS, "Expected toolResult blocks"),
    ({"messages": [user(T), assistant(USE)]} | TOOLS, "Expected toolResult blocks"),
    ({"messages": [user(RESULT)]} | TOOLS, "exceeds the number of toolUse blocks"),
    ({"messages": [user(T), assistant(USE, USE), user(RESULT)]} | TOOLS, "duplicate Ids"),
    ({"toolConfig": {"tools": []}}, "length at least 1"),
    ({"toolConfig": {"tools": [tool(), tool()]}}, "duplicate tool names"),
    ({"toolConfig": {"tools": [tool("a b")]}}, "regular expression pattern"),
    ({"toolConfig": {"tools": [tool()], "toolChoice": {"none": {}}}}, "extraneous key [none]"),
    ({"toolConfig": {"tools": [tool()], "toolChoice": {"tool": {"name": "x"}}}}, "is not in toolConfig"),
    ({"messages": [user(*[T, POINT] * 5)]}, "A maximum of 4 cachePoint"),
    ({"messages": [user(POINT, T)]}, "may not stand first"),
    ({"messages": [user(T, DOCUMENT, POINT)]}, "behind a document"),
    ({"system": [T, POINT], "messages": [user(T, {"cachePoint": {"type": "default", "ttl": "1h"}})]},
     "may not come after one of 5m"),
    ({"outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {
        "schema": '{"type":"object"}'}}}}}, "'additionalProperties' must be explicitly"),
]  # fmt: skip


@pytest.mark.parametrize(("members", "says"), BAD)
def test_what_the_service_refuses_is_refused_in_its_words(
    simulator: Running, members: dict[str, Any], says: str
) -> None:
    got = converse(simulator, **members)
    assert got.status == 400
    assert says in got.json["message"]
    assert "Exception" in got.headers["x-amzn-errortype"]


def test_addresses_models_and_lengths_that_are_none_are_refused(simulator: Running) -> None:
    got = converse(simulator, model="does-not-exist")
    assert (got.status, got.json["message"]) == (400, "The provided model identifier is invalid.")
    assert send(simulator, "POST", "/bedrock/model/x/chat", HELLO, headers=KEY).status == 404
    assert send(simulator, "GET", path_of("sim-nova"), b"", headers=KEY).status == 405
    long = converse(simulator, "word " * 3000, model="sim-small")
    assert (long.status, "prompt is too long" in long.json["message"]) == (400, True)


@pytest.mark.parametrize(
    ("directive", "status", "name"),
    [
        ("status=429", 429, "ThrottlingException"),
        ("status=503", 503, "ServiceUnavailableException"),
        ("error=quota", 400, "ServiceQuotaExceededException"),
        ("status=408", 408, "ModelTimeoutException"),
    ],
)
def test_trouble_on_demand_is_the_service_s(
    simulator: Running, directive: str, status: int, name: str
) -> None:
    got = converse(simulator, f"[[simulate {directive}]]")
    assert got.status == status
    assert got.headers["x-amzn-errortype"].startswith(name)


def test_trouble_within_a_stream_is_framed_as_the_service_does(simulator: Running) -> None:
    def ask(directive: str) -> Any:
        return converse(simulator, f"[[simulate {directive}]] Hi", action="converse-stream")

    told = frames(ask("error_after_events=2 error=rate_limited"))
    assert told[-1][0] == "throttlingException"
    names = [name for name, _ in frames(ask("usage_missing"))]
    assert names[-1] == "messageStop"
    assert "messageStop" not in [name for name, _ in frames(ask("no_done"))]
    cut = ask("cut_after_events=3")
    assert not cut.clean
    assert next(name for name, _ in frames(cut)) == "messageStart"
    huge = frames(ask("huge_event_bytes=50000"))
    assert max(len(json.dumps(payload)) for _, payload in huge) > 50_000
    with pytest.raises(ValueError, match="checksum"):
        frames(ask("malformed_after_events=1"))
