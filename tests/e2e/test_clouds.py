"""The official SDK against the clouds: signatures, service accounts, envelopes; nothing must show."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from e2e.product import Product, Simulator, Zone, product, simulator

os.environ["OG_TEST_AWS_SECRET"] = "simulator-secret-access-key"
MODELS = (
    "cloud/nova",
    "cloud/claude-signed",
    "cloud/claude-invoked",
    "cloud/gemini-vertex",
    "cloud/claude-vertex",
    "cloud/azure",
    "cloud/azure-deployed",
)
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


def account(folder: Any, provider: Simulator) -> str:
    """A service account's key file, whose issuer is the simulator."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    told = {
        "type": "service_account",
        "client_email": "gateway@p.example",
        "private_key": pem.decode(),
        "private_key_id": "kid",
        "token_uri": f"{provider.url}/vertex/token",
    }
    path = folder / "account.json"
    path.write_text(json.dumps(told))
    return f"file:{path}"


@pytest.fixture(scope="module")
def provider() -> Iterator[Simulator]:
    with simulator() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(provider: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("zone")
    zone = Zone(provider, folder)
    keys = {
        "name": "main",
        "aws_access_key_id": "AKIASIMULATOR001",
        "aws_secret_access_key": "env:OG_TEST_AWS_SECRET",
    }
    google = {"name": "main", "service_account": account(folder, provider)}
    place = "/vertex/v1/projects/p/locations/l"
    zone.provider_at("bedrock", "/bedrock")
    zone.provider_at("signed", "/bedrock")
    zone.providers["signed"] |= {"like": "bedrock", "credentials": [dict(keys)]}
    zone.provider_at("invoked", "/bedrock")
    zone.providers["invoked"] |= {
        "wire": "anthropic-bedrock",
        "auth": "bearer",
        "credentials": [dict(keys)],
    }
    for name in ("google-vertex", "google-vertex-anthropic"):
        zone.provider_at(name, place)
        zone.providers[name] |= {"credentials": [dict(google)]}
    zone.provider_at("azure", "/azure/openai/v1")
    zone.provider_at("azure-deployments", "/azure/openai")
    zone.model("cloud/nova", ("bedrock", "sim-nova"))
    zone.model("cloud/claude-signed", ("signed", "us.anthropic.sim-claude-think"), reasoning=True)
    zone.model("cloud/claude-invoked", ("invoked", "us.anthropic.sim-claude"))
    zone.model("cloud/gemini-vertex", ("google-vertex", "sim-gemini-3"), reasoning=True)
    zone.model("cloud/claude-vertex", ("google-vertex-anthropic", "sim-claude@default"))
    zone.model("cloud/azure", ("azure", "sim-chat"))
    zone.model("cloud/azure-deployed", ("azure-deployments", "sim-chat"))
    with product(zone) as running:
        yield running


@pytest.fixture(scope="module")
def client(gateway: Product) -> openai.OpenAI:
    return openai.OpenAI(base_url=gateway.url + "/v1", api_key=gateway.key, max_retries=0)


def user(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


@pytest.mark.parametrize("model", MODELS)
def test_a_chat_whole_and_streamed_says_the_same(client: openai.OpenAI, model: str) -> None:
    messages: list[Any] = [{"role": "system", "content": "Be brief."}, *user("Say hello.")]
    whole = client.chat.completions.create(model=model, messages=messages)
    assert (whole.model, whole.choices[0].finish_reason) == (model, "stop")
    assert whole.usage is not None
    assert whole.usage.completion_tokens
    chunks = list(
        client.chat.completions.create(
            model=model, messages=messages, stream=True, stream_options={"include_usage": True}
        )
    )
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content != ""
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].usage == whole.usage


@pytest.mark.parametrize("model", MODELS)
def test_a_tool_loop_is_gone_through_to_its_end(client: openai.OpenAI, model: str) -> None:
    asked = user("Use the tool weather for Oslo.")
    first = client.chat.completions.create(model=model, messages=asked, tools=[TOOL])  # type: ignore[list-item]
    choice = first.choices[0]
    assert choice.finish_reason == "tool_calls"
    calls = choice.message.tool_calls or []
    results = [{"role": "tool", "tool_call_id": c.id, "content": "sunny"} for c in calls]
    history: list[Any] = [*asked, choice.message.model_dump(exclude_none=True), *results]
    second = client.chat.completions.create(model=model, messages=history, tools=[TOOL])  # type: ignore[list-item]
    assert "sunny" in (second.choices[0].message.content or "")


@pytest.mark.parametrize("model", ["cloud/claude-signed", "cloud/nova"])
def test_a_stream_that_breaks_is_an_error_and_never_an_end(
    client: openai.OpenAI, model: str
) -> None:
    for fault in ("cut_after_events=4", "error_after_events=4 error=rate_limited",
                  "no_done", "malformed_after_events=4"):  # fmt: skip
        stream = client.chat.completions.create(
            model=model, messages=user(f"[[simulate {fault}]] Hi"), stream=True
        )
        finishes: list[str] = []
        with pytest.raises(openai.APIError):
            finishes.extend(c.finish_reason for k in stream for c in k.choices if c.finish_reason)
        assert finishes == [], fault


def test_one_token_served_all_and_each_request_was_signed(
    client: openai.OpenAI, provider: Simulator
) -> None:
    for model in ("cloud/gemini-vertex", "cloud/claude-signed"):
        client.chat.completions.create(model=model, messages=user("Once more."))
    records = provider.stats()["records"]
    vertex = {r["key"] for r in records if "/projects/" in r["path"] and r["ending"] == "finished"}
    assert 1 <= len(vertex) <= 2, "a token for each of the two providers, and no more"
    assert any(r["key"] == "R001" for r in records), "the access key's id"
