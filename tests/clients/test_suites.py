"""Suites of compliance, as their makers publish them, against the running product; and what they leave out.

llm-comply speaks three shapes and carries the schemas of the vendors' documents and of Open Responses:
every answer and every event is held against them. A warning of a suite is no fault: it is said of what the
suite itself calls advisory. Open Responses' own suite is not published as a package: what it asks and
llm-comply does not is asked here, against the same document (adr/0034).
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from clients.conftest import MODELS, REASONERS
from e2e.product import ROOT, Product, http
from opengateway.kit.sse import Decoder

COMPLY = Path(
    os.environ.get("OPENGATEWAY_LLM_COMPLY") or str(ROOT / ".tools/clients/bin/llm-comply")
)
MATRIX = ROOT / "docs" / "suite-matrix.json"
SHAPES = {"open-responses": 13, "openai-chat": 9, "anthropic": 9}
"""And how many tests there are at least."""
_UNKNOWN = "unknown SSE event type: response.reasoning_summary_text."
"""llm-comply 0.5.0 looks these events up by another name than the document has that it carries."""
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a place.",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string"}},
        "required": ["location"],
    },
}


@pytest.fixture(scope="module")
def told() -> Iterator[dict[str, dict[str, str]]]:
    """Suite to who serves to what came of it. Written once all was tried."""
    found: dict[str, dict[str, str]] = {}
    yield found
    known = json.loads(MATRIX.read_text()) if MATRIX.is_file() else {}
    for name, served in found.items():
        known.setdefault(name, {}).update(served)
    MATRIX.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")


def comply(gateway: Product, shape: str, model: str) -> list[dict[str, Any]]:
    """What came of each of its tests."""
    command = [str(COMPLY), "-u", f"{gateway.url}/v1", "-k", gateway.key, "-m", model]
    command += ["--format", shape, "--json", "-i", _UNKNOWN]
    if shape == "anthropic":
        command += ["--auth-header", "x-api-key", "--no-bearer"]
        command += ["-H", "anthropic-version:2023-06-01"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.stdout.strip(), done.stderr[-2000:]
    results: list[dict[str, Any]] = json.loads(done.stdout)["results"]
    return results


@pytest.mark.parametrize("served", MODELS)
@pytest.mark.parametrize("shape", SHAPES)
def test_llm_comply_finds_nothing_wrong(
    gateway: Product, told: dict[str, dict[str, str]], shape: str, served: str
) -> None:
    row = told.setdefault(f"llm-comply, {shape}", {})
    row[served] = "fails"
    results = comply(gateway, shape, REASONERS[served])
    wrong = {r["id"]: r.get("errors") for r in results if r["status"] != "passed"}
    assert not wrong, json.dumps(wrong, indent=1)[:4000]
    assert len(results) >= SHAPES[shape]
    row[served] = f"{len(results)} of {len(results)}"


# --- Open Responses ---------------------------------------------------------------------------------
@cache
def document() -> dict[str, Any]:
    """Open Responses' own, as llm-comply carries it."""
    # Its schema of an answer's form has nulls alone for the form's schema, and wants a description that
    # OpenAI's document lets be no null: an answer's form is held against what was asked.
    (path,) = COMPLY.parents[1].glob(
        "lib/python3*/site-packages/llm_comply/specs/openresponses.json"
    )
    loaded: dict[str, Any] = json.loads(path.read_bytes())
    form = loaded["components"]["schemas"]["JsonSchemaResponseFormat"]
    form["properties"] |= {"schema": {"type": "object"}}
    form["required"].remove("description")
    return loaded


def faults(name: str, value: Any) -> list[str]:
    root = {"$ref": f"#/components/schemas/{name}", "components": document()["components"]}
    found = jsonschema_rs.Draft202012Validator(root).iter_errors(value)
    return [f"{'/'.join(map(str, one.instance_path))}: {one.message[:200]}" for one in found]


@cache
def event_schemas() -> dict[str, str]:
    """The schema of each event, by the type that the event has."""
    schemas = document()["components"]["schemas"].items()
    return {
        schema["properties"]["type"]["enum"][0]: name
        for name, schema in schemas
        if name.endswith("StreamingEvent")
    }


def respond(gateway: Product, **body: Any) -> bytes:
    status, answer, _ = http(
        f"{gateway.url}/v1/responses",
        method="POST",
        body=json.dumps(body).encode(),
        headers={"authorization": f"Bearer {gateway.key}", "content-type": "application/json"},
    )
    assert status == 200, answer
    return answer


ASKED: dict[str, dict[str, Any]] = {
    "text": {"input": "Count from 1 to 5."},
    "call": {"input": "Please call get_weather for San Francisco.", "tools": [WEATHER]},
    "demanded call": {"input": "Hello", "tools": [WEATHER], "tool_choice": "required"},
    "thoughts": {"input": "What is 15 * 37?", "reasoning": {"effort": "low", "summary": "auto"}},
    "form": {
        "input": "Name a city.",
        "text": {
            "format": {
                "type": "json_schema",
                "name": "city",
                "strict": True,
                "schema": {
                    "type": "object",
                    "properties": {"city": {"type": "string"}},
                    "required": ["city"],
                    "additionalProperties": False,
                },
            }
        },
    },
    "cut": {"input": "Tell a story of 200 words.", "max_output_tokens": 16},
    "turns": {
        "instructions": "Speak as a pirate.",
        "input": [
            {"type": "message", "role": "system", "content": "Be brief."},
            {"type": "message", "role": "user", "content": "My name is Alice."},
            {"type": "message", "role": "assistant", "content": "Hello Alice!"},
            {"type": "message", "role": "user", "content": "What is my name?"},
        ],
    },
}


@pytest.mark.parametrize("served", MODELS)
@pytest.mark.parametrize("what", ASKED)
def test_answers_and_every_event_are_valid_by_open_responses(
    gateway: Product, told: dict[str, dict[str, str]], what: str, served: str
) -> None:
    row = told.setdefault(f"Open Responses' document, {what}", {})
    row[served] = "fails"
    asked = {"model": REASONERS[served], **ASKED[what]}
    whole = json.loads(respond(gateway, **asked))
    assert faults("ResponseResource", whole) == []
    events = list(_events(respond(gateway, **asked, stream=True)))
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    for event in events:
        assert faults(event_schemas()[event["type"]], event) == [], event["type"]
    last = events[-1]["response"]
    assert events[-1]["type"] == f"response.{last['status']}" == f"response.{whole['status']}"
    assert {item["type"] for item in last["output"]} == {item["type"] for item in whole["output"]}
    if "text" in asked:
        assert last["text"]["format"] == asked["text"]["format"]
    if "call" in what:
        _has_a_call(events)
    row[served] = "works"


def _events(stream: bytes) -> Iterator[dict[str, Any]]:
    for event in Decoder(1 << 26).feed(stream):
        told = json.loads(event.data)
        assert event.event == told["type"]
        yield told


def _has_a_call(events: list[dict[str, Any]]) -> None:
    """It is opened, filled, told whole and closed, under one id."""
    of_calls = [
        event
        for event in events
        if event.get("item", {}).get("type") == "function_call"
        or event["type"].startswith("response.function_call_arguments.")
    ]
    kinds = list(dict.fromkeys(event["type"] for event in of_calls))
    assert kinds == [
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
    ]
    assert len({event.get("item_id") or event["item"]["id"] for event in of_calls}) == 1
    done = of_calls[-1]["item"]
    pieces = "".join(event.get("delta", "") for event in of_calls)
    assert (pieces, done["status"]) == (done["arguments"], "completed")
