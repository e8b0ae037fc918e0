"""Vertex AI and Azure as callers meet them; and recordings of the clouds, found again."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from bedrock_calls import KEY
from simulated import Running, running, send

from opengateway.simulator.settings import SimulatorSettings
from recordings import RECORDINGS, needs_recordings

PLACE = "/vertex/v1/projects/p/locations/l/publishers"
BEARER = {"authorization": "Bearer ya29.x", "content-type": "application/json"}
BODY: dict[str, Any] = {
    "anthropic_version": "vertex-2023-10-16",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Hello"}],
}


def vertex(simulator: Running, action: str = "rawPredict", **members: Any) -> Any:
    body = {n: v for n, v in (BODY | members).items() if v is not None}
    path = f"{PLACE}/anthropic/models/sim-claude@default:{action}"
    return send(simulator, "POST", path, json.dumps(body).encode(), headers=BEARER)


def test_claude_on_vertex_is_the_maker_s_answer(simulator: Running) -> None:
    whole = vertex(simulator)
    assert (whole.status, whole.json["type"]) == (200, "message")
    stream = vertex(simulator, "streamRawPredict", stream=True)
    assert [name for name, _ in stream.named][-1] == "message_stop"


@pytest.mark.parametrize(
    "wrong", [{"anthropic_version": None}, {"model": "sim-claude"}, {"stream": True}]
)
def test_claude_on_vertex_wants_its_envelope(simulator: Running, wrong: dict[str, Any]) -> None:
    assert vertex(simulator, **wrong).status == 400


def test_gemini_on_vertex_is_the_gemini_wire_s(simulator: Running) -> None:
    path = f"{PLACE}/google/models/sim-gemini:generateContent"
    body = json.dumps({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}).encode()
    got = send(simulator, "POST", path, body, headers=BEARER)
    assert got.json["candidates"][0]["finishReason"] == "STOP"
    assert send(simulator, "POST", path, body, headers={}).status == 403


def part(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("head", "claims", "signature", "status"),
    [
        ({}, {}, b"x" * 256, 200),
        ({"alg": "none"}, {}, b"x" * 256, 400),
        ({}, {"exp": 1}, b"x" * 256, 400),
        ({}, {"iat": 1 << 40}, b"x" * 256, 400),
        ({}, {"scope": ""}, b"x" * 256, 400),
        ({}, {}, b"x", 400),
    ],
)
def test_a_token_is_given_for_a_statement_that_is_whole_and_of_now(
    simulator: Running, head: Any, claims: Any, signature: bytes, status: int
) -> None:
    now = int(time.time())
    said = {"iss": "a@p", "scope": "s", "aud": "x", "iat": now, "exp": now + 3600} | claims
    statement = ".".join((part({"alg": "RS256"} | head), part(said), part(signature)))
    grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    form = urlencode({"grant_type": grant, "assertion": statement}).encode()
    got = send(simulator, "POST", "/vertex/token", form, headers={})
    assert got.status == status
    assert ("access_token" in got.json) is (status == 200)
    broken = send(simulator, "POST", "/vertex/token", b"grant_type=x", headers={})
    assert broken.json["error"] == "unsupported_grant_type"


CHAT = {"model": "sim-chat", "messages": [{"role": "user", "content": "Hello"}]}


def azure(simulator: Running, path: str, **headers: str) -> Any:
    given = headers or {"api-key": "k"}
    named = {name.replace("_", "-"): value for name, value in given.items()}
    return send(simulator, "POST", path, json.dumps(CHAT).encode(), headers=named)


V1 = "/azure/openai/v1/chat/completions"
DEPLOYED = "/azure/openai/deployments/sim-chat/chat/completions"


@pytest.mark.parametrize("path", [V1, f"{DEPLOYED}?api-version=2024-10-21"])
def test_azure_answers_at_both_its_surfaces(simulator: Running, path: str) -> None:
    assert azure(simulator, path).json["choices"][0]["finish_reason"] == "stop"
    assert azure(simulator, path, authorization="Bearer entra").status == 200


@pytest.mark.parametrize(
    ("path", "headers", "status", "says"),
    [
        (DEPLOYED, {}, 404, "Resource not found"),
        ("/azure/openai/chat/completions", {}, 404, "Resource not found"),
        ("/azure/openai/deployments/none/chat/completions?api-version=1", {}, 404, "deployment"),
        (V1, {"x": "y"}, 401, "invalid subscription key"),
        (V1, {"api_key": "bad-key-1"}, 401, "invalid subscription key"),
    ],
)
def test_azure_refuses_in_its_own_words(
    simulator: Running, path: str, headers: dict[str, str], status: int, says: str
) -> None:
    got = azure(simulator, path, **headers)
    assert got.status == status
    assert says in got.json["error"]["message"]


# --- recorded --------------------------------------------------------------------------------------
def played() -> dict[str, dict[str, Any]]:
    found = {}
    for path in sorted((RECORDINGS / "bedrock").glob("*.json")):
        case = json.loads(path.read_bytes())
        spoken = case["endpoint"] in ("converse", "converse-stream")
        body = case["request"].get("body")
        if spoken or (isinstance(body, dict) and "anthropic_version" in body):
            found[case["case_id"]] = case
    return found


CASES = played() if RECORDINGS.is_dir() else {}


@pytest.fixture(scope="module")
def recorded() -> Iterator[Running]:
    settings = SimulatorSettings(cases=Path(RECORDINGS / "bedrock"), strict_cases=True, gap_s=0.0)
    with running(settings) as started:
        yield started


@needs_recordings
@pytest.mark.parametrize("case_id", sorted(CASES) or ["none"])
def test_a_recording_is_found_again_and_answered_byte_for_byte(
    recorded: Running, case_id: str
) -> None:
    case = CASES[case_id]
    request, response = case["request"], case["response"]
    raw = json.dumps(request["body"]).encode()
    got = send(recorded, "POST", f"/bedrock{request['path']}", raw, headers=KEY)
    assert got.status == response["status"], got.body[:300]
    if response.get("body_b64"):
        assert got.body == base64.b64decode(response["body_b64"])
    else:
        assert got.body.decode() == response["body"]
