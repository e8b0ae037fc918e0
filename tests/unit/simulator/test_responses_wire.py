"""Responses in the simulator: sound events, a strict provider, and the gateway's own requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from simulated import Got, Running, running, send

from openai_document import faults, needs_document, schema_of_event
from openai_responses_lane import SEALED, lane, provider, recorded_responses
from opengateway.checks.replay_responses import responses_endpoint
from opengateway.checks.responses_grammar import Grammar, read_stream
from opengateway.dialects.openai_responses import ResponsesRendering, decode
from opengateway.kit.json import dumps, loads
from opengateway.simulator.settings import SimulatorSettings
from recordings import RECORDINGS, needs_recordings

PATH = "/v1/responses"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "name": "get_weather", "parameters": SCHEMA, "strict": False}
SECRETS = ["reasoning.encrypted_content"]
CALL = {"type": "function_call", "call_id": "c", "name": "get_weather", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c", "output": "sunny"}
USER = {"role": "user", "content": "Hi"}


def ask(simulator: Running, input: Any = "Hello", *, path: str = PATH, **members: Any) -> Got:
    body = {"model": "sim-chat", "input": input, **members}
    return send(simulator, "POST", path, json.dumps(body).encode())


def streamed(simulator: Running, input: Any = "Hello", **members: Any) -> Grammar:
    got = ask(simulator, input, stream=True, **members)
    assert got.status == 200, got.body
    grammar = read_stream(got.body)
    assert grammar.faults == []
    return grammar


def output(grammar: Grammar) -> list[dict[str, Any]]:
    assert grammar.final is not None
    found: list[dict[str, Any]] = grammar.final["output"]
    return found


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"tools": [TOOL], "tool_choice": "required"},
        {"model": "sim-reasoner", "include": SECRETS, "reasoning": {"summary": "auto"}},
        {"tools": [{"type": "custom", "name": "note"}], "tool_choice": "required"},
        {"max_output_tokens": 16, "input": "Write 500 words"},
        {"text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}}},
    ],
)
def test_a_stream_is_sound_and_says_what_the_whole_says(
    simulator: Running, members: dict[str, Any]
) -> None:
    grammar = streamed(simulator, **members)
    whole = ask(simulator, **members).json
    kept = ("status", "incomplete_details", "text", "tools")
    assert grammar.final is not None
    assert {n: grammar.final[n] for n in kept} == {n: whole[n] for n in kept}
    told = [{n: v for n, v in i.items() if n not in ("id", "call_id")} for i in output(grammar)]
    assert told == [
        {n: v for n, v in i.items() if n not in ("id", "call_id")} for i in whole["output"]
    ]


@needs_document
def test_its_events_are_valid_by_openais_document(simulator: Running) -> None:
    members = {"model": "sim-reasoner", "include": SECRETS, "reasoning": {"summary": "auto"}}
    got = ask(simulator, "call get_weather", stream=True, tools=[TOOL], **members)
    unset = {"usage": "response/usage"}  # null until the end, as the provider has it
    for name, told in got.named:
        found = [f for f in faults(schema_of_event(name), told) if not f.startswith(unset["usage"])]
        assert found == [], name


def test_a_tool_loop_with_its_thoughts(simulator: Running) -> None:
    members = {"model": "sim-reasoner", "include": SECRETS, "tools": [TOOL], "store": False}
    asked = {"role": "user", "content": "call get_weather for Seoul"}
    first = ask(simulator, [asked], **members).json
    thought, call = first["output"]
    assert thought["encrypted_content"]
    result = {"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}
    second = ask(simulator, [asked, thought, call, result], **members)
    assert second.status == 200, second.body
    assert "sunny" in second.json["output"][-1]["content"][0]["text"]
    broken = {**thought, "encrypted_content": thought["encrypted_content"][:-8] + "AAAAAAA="}
    refused = ask(simulator, [asked, broken, call, result], **members)
    assert refused.json["error"]["code"] == "invalid_encrypted_content"


@pytest.mark.parametrize(
    ("status", "param", "input", "members"),
    [
        (400, "input", None, {}),
        (400, "nonsense", "Hi", {"nonsense": 1}),
        (400, "messages", "Hi", {"messages": []}),
        (400, "max_output_tokens", "Hi", {"max_output_tokens": 15}),
        (400, "temperature", "Hi", {"temperature": 2.5}),
        (400, "include[0]", "Hi", {"include": ["everything"]}),
        (400, "include", "Hi", {"include": SECRETS}),
        (400, "model", "Hi", {"model": "unknown"}),
        (400, "temperature", "Hi", {"model": "sim-reasoner", "temperature": 0.5}),
        (400, "reasoning.effort", "Hi", {"reasoning": {"effort": "low"}}),
        (400, "previous_response_id", "Hi", {"previous_response_id": "resp_1"}),
        (400, "tool_choice", "Hi", {"tool_choice": "required"}),
        (400, "stream_options", "Hi", {"stream_options": {}}),
        (400, "input[0]", [{"type": "mesage"}], {}),
        (400, "input[0].content", [{"role": "user"}], {}),
        (400, "input[0].tool_calls", [{**USER, "tool_calls": []}], {}),
        (400, "input[0].content[0]", [{**USER, "content": [{"type": "text", "text": "x"}]}], {}),
        (400, "input[0].call_id", [{**CALL, "call_id": "x" * 65}, OUTPUT], {}),
        (400, "input", [USER, CALL], {}),
        (400, "input", [USER, OUTPUT], {}),
        (404, "input", [{"type": "item_reference", "id": "rs_1"}], {}),
        (404, "input", [USER, {"type": "reasoning", "id": "rs_1", "summary": []}], {}),
    ],
)
def test_it_refuses_what_the_provider_refuses(
    simulator: Running, status: int, param: str, input: Any, members: dict[str, Any]
) -> None:
    got = ask(simulator, input, **members)
    assert got.status == status, got.body
    assert got.json["error"]["param"] == param
    assert set(got.json["error"]) == {"message", "type", "param", "code"}


def test_paths_methods_and_keys_are_the_providers(simulator: Running) -> None:
    body = json.dumps({"model": "sim-chat", "input": "Hi"}).encode()
    assert send(simulator, "GET", PATH).status == 405
    assert send(simulator, "POST", PATH, body, key=None).status == 401
    assert ask(simulator, path="/as/openai/v1/responses").status == 200


def test_faults_can_be_asked_for(simulator: Running) -> None:
    cut = ask(simulator, "Hi [[simulate cut_after_events=5]]", stream=True)
    assert not read_stream(cut.body.rpartition(b"\n\n")[0] + b"\n\n").ended_well
    busy = ask(simulator, "Hi [[simulate status=429]]")
    assert busy.status == 429


GATEWAYS = [
    {"input": "Hello", "instructions": "Be brief.", "metadata": {"a": "b"}, "user": "ada"},
    {"input": [USER, CALL, OUTPUT], "tools": [TOOL], "parallel_tool_calls": False},
    {"input": "Hi", "tools": [TOOL], "tool_choice": {"type": "function", "name": "get_weather"}},
    {"input": "Hi", "max_output_tokens": 5, "prompt_cache_key": "k", "store": True},
    {"input": "Hi", "reasoning": {"effort": "low", "summary": "auto"}, "temperature": 0.3},
    {"input": "Hi", "text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}}},
]


@pytest.mark.parametrize("asked", GATEWAYS)
@pytest.mark.parametrize("made", [False, True], ids=["own", "translated"])
def test_what_the_gateway_sends_is_taken(
    simulator: Running, asked: dict[str, Any], made: bool
) -> None:
    """A caller's items as they came, and the same conversation made anew from turns."""
    chat = decode(json.dumps({"model": "m", **asked}).encode(), {})
    if made:
        canonical = ResponsesRendering(lambda: 1).canonical(chat, "team_a")
        foreign = type(canonical)(
            **{n: getattr(canonical, n) for n in canonical.__struct_fields__}
            | {"dialect": "elsewhere", "opaque": {}, "extra": {}}
        )
        wire = lane()._wire
        call = wire.request(foreign, responses_endpoint("sim-reasoner"), provider(ALWAYS))
    else:
        call = lane().request(chat, responses_endpoint("sim-reasoner"), provider(ALWAYS), "team_a")
    got = send(simulator, "POST", "/v1" + call.path, call.body)
    assert got.status == 200, got.body


ALWAYS = type(SEALED)(
    responses="sealed",
    drop_when_reasoning=SEALED.drop_when_reasoning,
    models=(type(SEALED.models[0])("sim-reasoner", reasoning="always"),),
)


# --- the official SDK ----------------------------------------------------------------------------
@pytest.fixture
def client(simulator: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=simulator.url + "/v1", api_key="sk-test", max_retries=0, timeout=5
    ) as made:
        yield made


def test_the_official_client_reads_it(client: openai.OpenAI) -> None:
    made = client.responses.create(model="sim-chat", input="What is the capital of France?")
    assert "capital of France" in made.output_text
    with client.responses.stream(model="sim-chat", input="Hello") as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert "".join(deltas) == final.output_text


# --- recordings ----------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(SimulatorSettings(cases=Path(RECORDINGS), strict_cases=True, gap_s=0.0)) as made:
        yield made


@needs_recordings
def test_every_recording_is_replayed_to_the_byte(recorded: Running) -> None:
    seen = set()
    for case in recorded_responses().values():
        body = {**loads(case.request), "stream": case.stream}
        path = f"/as/{case.provider}/v1/responses"
        got = send(recorded, "POST", path, dumps(body), timeout_s=10)
        assert (got.status, got.body) == (case.status, case.response), case.case_id
        seen.add(case.case_id)
    assert len(seen) == 32
