"""The official SDKs, unchanged but for base URL and key, through the running product."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from e2e import recorded
from e2e.product import ROOT, Product, Simulator, Zone, product, simulator
from recordings import RECORDINGS, needs_recordings

pytestmark = needs_recordings
CASES = recorded.cases()
IDS = [case["case_id"][:70] for case in CASES]


@pytest.fixture(scope="module")
def provider() -> Iterator[Simulator]:
    with simulator(RECORDINGS) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(provider: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    zone = Zone(provider, tmp_path_factory.mktemp("zone"))
    recorded.fill(zone)
    zone.provider("main", "openai")
    zone.model("lab/chat", ("main", "sim-chat"))
    with product(zone) as running:
        yield running


@pytest.fixture(scope="module")
def client(gateway: Product) -> openai.OpenAI:
    return openai.OpenAI(base_url=gateway.url + "/v1", api_key=gateway.key, max_retries=0)


def expect_usage(found: dict[str, Any], case: dict[str, Any]) -> None:
    wanted = case["expect"]["usage"]
    if not wanted:
        return
    assert found["prompt_tokens"] == wanted["input"]
    assert found["completion_tokens"] == wanted["output"]
    if "cache_read" in wanted and found.get("prompt_tokens_details"):
        assert (found["prompt_tokens_details"].get("cached_tokens") or 0) == wanted["cache_read"]


def expect_answer(found: dict[str, Any], case: dict[str, Any]) -> None:
    """What a client saw is what the provider said, by the recording's own digest."""
    wanted = case["expect"]
    assert found["text"] == wanted["text"]
    assert found["reasoning"] == wanted["reasoning"]
    seen = [(name, recorded.arguments(text)) for name, text in found["tools"]]
    assert seen == [(t["name"], t["arguments"]) for t in wanted["tool_calls"]]
    if wanted["finish"]:
        assert found["finish"] == wanted["finish"]
    if found["usage"] is not None:
        expect_usage(found["usage"], case)
    assert found["model"] == recorded.model_id(case)


def through_python(client: openai.OpenAI, body: dict[str, Any]) -> dict[str, Any]:
    """One call with the Python SDK; what its user gets."""
    rest = {k: v for k, v in body.items() if k not in ("model", "messages", "stream")}
    try:
        answer = client.chat.completions.create(
            model=body["model"],
            messages=body["messages"],
            stream=bool(body.get("stream")),
            extra_body=rest,
        )
        if not body.get("stream"):
            message = answer.choices[0].message
            calls = message.tool_calls or []
            return {
                "model": answer.model,
                "text": message.content or "",
                "reasoning": getattr(message, "reasoning_content", None) or "",
                "tools": [(c.function.name, c.function.arguments) for c in calls],
                "finish": answer.choices[0].finish_reason,
                "usage": answer.usage.model_dump() if answer.usage else None,
            }
        return collect(answer)
    except openai.APIStatusError as error:
        return {"error": {"status": error.status_code, "code": error.code}}
    except openai.APIError as error:
        return {"error": {"status": None, "code": error.code}}


def collect(stream: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"text": "", "reasoning": "", "tools": {}, "finish": None}
    found |= {"usage": None, "model": None}
    for chunk in stream:
        found["model"] = chunk.model
        if chunk.usage:
            assert found["usage"] is None, "usage comes once"
            found["usage"] = chunk.usage.model_dump()
        for choice in chunk.choices:
            if choice.index:
                continue
            found["text"] += choice.delta.content or ""
            found["reasoning"] += getattr(choice.delta, "reasoning_content", None) or ""
            for part in choice.delta.tool_calls or []:
                call = found["tools"].setdefault(part.index, ["", ""])
                call[0] += part.function.name or ""
                call[1] += part.function.arguments or ""
            found["finish"] = choice.finish_reason or found["finish"]
    found["tools"] = list(found["tools"].values())
    return found


def check(found: dict[str, Any], case: dict[str, Any]) -> None:
    wanted = case["expect"]
    if wanted["kind"] == "generation" and "stream_error" not in wanted:
        assert "error" not in found, found
        expect_answer(found, case)
        return
    assert "error" in found, "the provider failed, and the caller must know"
    status = wanted.get("status")
    if status in (400, 422):
        assert found["error"]["status"] == 400
    elif status is not None:
        assert found["error"]["status"] in (404, 502, 503)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_python_sees_what_the_provider_said(client: openai.OpenAI, case: dict[str, Any]) -> None:
    check(through_python(client, recorded.call(case)), case)


@pytest.fixture(scope="module")
def node_results(gateway: Product) -> dict[str, Any]:
    calls = [{"id": case["case_id"], "body": recorded.call(case)} for case in CASES]
    node = os.environ.get("OPENGATEWAY_TEST_NODE", str(ROOT / ".tools/node/bin/node"))
    done = subprocess.run(
        [node, "run.mjs"],
        cwd=Path(__file__).parent / "node",
        input=json.dumps({"baseURL": gateway.url + "/v1", "apiKey": gateway.key, "calls": calls}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {row["id"]: row for row in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_node_sees_what_the_provider_said(
    node_results: dict[str, Any], case: dict[str, Any]
) -> None:
    check(node_results[case["case_id"]], case)


def test_the_cases_cover_what_clients_use() -> None:
    """The recordings hold every feature that the SDKs are shown with, or this suite is hollow."""
    features = {f for case in CASES for f in case["features"]}
    assert {"tools", "tool_call", "reasoning", "error"} <= features
    assert any(case["stream"] and len(case["expect"].get("tool_calls", [])) > 1 for case in CASES)
    assert any("image_url" in json.dumps(case["request"]["body"]) for case in CASES)
    assert any("response_format" in case["request"]["body"] for case in CASES)
    assert len({case["provider"] for case in CASES}) == len(recorded.PROVIDERS)


class TestErrors:
    def ask(self, client: openai.OpenAI, text: str, **extra: Any) -> Any:
        messages = [{"role": "user", "content": text}]
        return client.chat.completions.create(model="lab/chat", messages=messages, **extra)

    def test_a_wrong_key_is_401(self, gateway: Product) -> None:
        client = openai.OpenAI(base_url=gateway.url + "/v1", api_key="og_live_wrong", max_retries=0)
        with pytest.raises(openai.AuthenticationError) as failed:
            self.ask(client, "hello")
        assert failed.value.code == "invalid_api_key"

    def test_an_unknown_model_is_404(self, client: openai.OpenAI) -> None:
        with pytest.raises(openai.NotFoundError) as failed:
            client.chat.completions.create(
                model="nobody/nothing", messages=[{"role": "user", "content": "x"}]
            )
        assert (failed.value.code, failed.value.param) == ("model_not_found", "model")

    def test_a_wrong_parameter_is_400_and_names_it(self, client: openai.OpenAI) -> None:
        with pytest.raises(openai.BadRequestError) as failed:
            self.ask(client, "hello", temperature=9)
        assert failed.value.param == "temperature"

    @pytest.mark.parametrize(
        ("directive", "status", "kind"),
        [
            ("[[simulate status=429 retry_after=3]]", 503, openai.InternalServerError),
            ("[[simulate status=500]]", 502, openai.InternalServerError),
            ("[[simulate status=503]]", 503, openai.InternalServerError),
            ("[[simulate error_200=true]]", 502, openai.InternalServerError),
        ],
    )
    @pytest.mark.parametrize("stream", [False, True])
    def test_a_provider_s_trouble_is_told_with_what_to_do(
        self, client: openai.OpenAI, directive: str, status: int, kind: type, stream: bool
    ) -> None:
        with pytest.raises(kind) as failed:
            self.ask(client, directive, stream=stream)
        error = failed.value
        assert isinstance(error, openai.APIStatusError)
        assert error.status_code == status
        assert error.response.headers["x-should-retry"] == "true"
        assert isinstance(error.code, str)
        if "retry_after" in directive:
            assert error.response.headers["retry-after"] == "3"

    def test_a_stream_that_breaks_raises_in_the_client(self, client: openai.OpenAI) -> None:
        stream = self.ask(client, "[[simulate cut_after_events=4]] tell me a story", stream=True)
        with pytest.raises(openai.APIError) as failed:
            for _ in stream:
                pass
        assert failed.value.code in ("provider_disconnected", "stream_truncated")
