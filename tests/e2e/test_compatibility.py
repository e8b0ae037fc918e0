"""What is strict, what is kept, what is not served yet, and whose an id is: through the product."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import openai
import pytest

from e2e.conftest import CHAT, small_zone
from e2e.operating import Team, new_team
from e2e.product import Product, Simulator, http, product, until

Json = dict[str, Any]


@pytest.fixture(scope="module")
def gateway(provider: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    zone = small_zone(provider, tmp_path_factory)
    zone.provider("groq")
    zone.model("lab/groq", ("groq", "sim-chat"))
    zone.provider_at("anthropic", "/anthropic")
    zone.model("lab/claude", ("anthropic", "claude-sonnet-4-5"))
    with product(zone) as running:
        yield running


@pytest.fixture(scope="module")
def team(gateway: Product) -> Team:
    return new_team(gateway, "keeps")


@pytest.fixture(scope="module")
def others(gateway: Product) -> Team:
    return new_team(gateway, "others")


def client_of(gateway: Product, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=gateway.url + "/v1", api_key=key, max_retries=0)


@pytest.fixture(scope="module")
def client(gateway: Product, team: Team) -> Iterator[openai.OpenAI]:
    with client_of(gateway, team.key) as made:
        yield made


@pytest.fixture(scope="module")
def keeping(gateway: Product, team: Team, others: Team) -> None:
    """Both teams let their responses be kept, and the gateway has heard of it."""
    for one in (team, others):
        changed = one.done("PATCH", "", {"keep_responses": True})
        assert changed["keep_responses"] is True
        with client_of(gateway, one.key) as asking:
            until(lambda asking=asking: asking.responses.create(model=CHAT, input="hi").store)


def call(
    gateway: Product, key: str, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, Json, dict[str, str]]:
    status, raw, told = http(
        gateway.url + path,
        method=method,
        body=None if body is None else json.dumps(body).encode(),
        headers={
            "authorization": f"Bearer {key}",
            "content-type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        },
    )
    return status, json.loads(raw), told


# --- strict ----------------------------------------------------------------------------------------
ASK: Json = {
    "model": "lab/groq",
    "messages": [{"role": "user", "content": "hi"}],
    "logit_bias": {"1": 1},
}


def test_what_is_left_out_is_told_and_a_strict_request_is_refused(gateway: Product) -> None:
    status, _, told = call(gateway, gateway.key, "POST", "/v1/chat/completions", ASK)
    assert (status, told["x-opengateway-dropped-params"]) == (200, "logit_bias")
    status, body, _ = call(
        *(gateway, gateway.key, "POST", "/v1/chat/completions", ASK),
        x_opengateway_strict_parameters="true",
    )
    assert (status, body["error"]["param"]) == (400, "logit_bias")
    assert body["error"]["code"] == "unsupported_parameter"


def test_a_strict_key_makes_every_request_strict(gateway: Product, team: Team) -> None:
    key = team.new_key(name="strict", strict_parameters=True)
    status, body, _ = call(gateway, key["key"], "POST", "/v1/chat/completions", ASK)
    assert (status, body["error"]["param"]) == (400, "logit_bias")
    lenient = {**ASK, "extra": {"strict_parameters": False}}
    assert call(gateway, key["key"], "POST", "/v1/chat/completions", lenient)[0] == 200


def test_strictness_is_told_in_anthropics_words_on_its_surface(gateway: Product) -> None:
    body = {
        "model": "lab/groq",
        "max_tokens": 50,
        "messages": [{"role": "user", "content": "hi"}],
        "top_k": 5,
    }
    status, told, headers = call(gateway, gateway.key, "POST", "/v1/messages", body)
    assert (status, "top_k" in headers.get("x-opengateway-dropped-params", "")) == (200, True)
    status, told, _ = call(
        *(gateway, gateway.key, "POST", "/v1/messages", body),
        x_opengateway_strict_parameters="true",
    )
    assert (status, told["type"], told["error"]["type"]) == (400, "error", "invalid_request_error")
    assert "top_k" in told["error"]["message"]


# --- kept ------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("keeping")
def test_a_team_that_keeps_responses_goes_on_with_them(client: openai.OpenAI) -> None:
    first = client.responses.create(model=CHAT, input="My name is Ada.")
    second = client.responses.create(
        model=CHAT, input="What is my name?", previous_response_id=first.id
    )
    assert second.previous_response_id == first.id
    found = client.responses.retrieve(second.id)
    assert found.output_text == second.output_text
    listed = [item.id for item in client.responses.input_items.list(second.id)]
    assert len(listed) >= 3
    client.responses.delete(second.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(second.id)


@pytest.mark.usefixtures("keeping")
def test_no_id_of_one_team_resolves_for_another(
    gateway: Product, client: openai.OpenAI, others: Team
) -> None:
    """Both are served by one account upstream."""
    made = client.responses.create(model=CHAT, input="A secret.")
    item = made.output[-1].id
    assert item is not None
    with client_of(gateway, others.key) as strangers:
        for reach in (
            lambda: strangers.responses.retrieve(made.id),
            lambda: strangers.responses.delete(made.id),
            lambda: strangers.responses.input_items.list(made.id),
            lambda: strangers.responses.create(
                model=CHAT, input="go on", previous_response_id=made.id
            ),
            lambda: strangers.responses.create(
                model=CHAT, input=[{"type": "item_reference", "id": item}]
            ),
        ):
            with pytest.raises(openai.NotFoundError):
                reach()
    assert client.responses.retrieve(made.id).id == made.id, "it is still there for its own team"


FOREIGN: list[tuple[str, Json]] = [
    ("/v1/responses", {"input": "go on", "conversation": "conv_1"}),
    ("/v1/responses", {"input": "go on", "prompt": {"id": "pmpt_1"}}),
    (
        "/v1/responses",
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]},
    ),
    (
        "/v1/responses",
        {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "file-1"}]}]},
    ),
    (
        "/v1/chat/completions",
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]},
    ),
    (
        "/v1/chat/completions",
        {
            "messages": [
                {"role": "user", "content": "hi"},
                {"role": "assistant", "audio": {"id": "audio_1"}},
                {"role": "user", "content": "again"},
            ]
        },
    ),
    (
        "/v1/messages",
        {"messages": [{"role": "user", "content": "hi"}], "container": "container_1"},
    ),
    (
        "/v1/messages",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "document", "source": {"type": "file", "file_id": "file_1"}}
                    ],
                }
            ]
        },
    ),
]


@pytest.mark.parametrize("model", [CHAT, "lab/claude"])
@pytest.mark.parametrize(("path", "body"), FOREIGN)
def test_an_id_of_the_account_upstream_is_nobodys(
    gateway: Product, provider: Simulator, path: str, body: Json, model: str
) -> None:
    before = provider.stats()["requests"]
    asked = {"model": model, **({"max_tokens": 50} if path == "/v1/messages" else {}), **body}
    status, told, _ = call(gateway, gateway.key, "POST", path, asked)
    assert status in (400, 404), told
    assert provider.stats()["requests"] == before, "nothing was sent upstream"


# --- not served yet --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/realtime"),
        ("POST", "/v1/realtime/client_secrets"),
        ("POST", "/v1/files"),
        ("GET", "/v1/files/file-1/content"),
        ("POST", "/v1/batches"),
        ("GET", "/v1/batches/batch_1"),
        ("POST", "/v1/conversations"),
    ],
)
def test_surfaces_that_come_later_are_501(gateway: Product, method: str, path: str) -> None:
    body = {} if method == "POST" else None
    status, told, headers = call(gateway, gateway.key, method, path, body)
    assert (status, told["error"]["code"]) == (501, "not_implemented")
    assert headers["x-should-retry"] == "false"


def test_a_realtime_socket_is_refused_before_it_opens(gateway: Product) -> None:
    socket = {"connection": "Upgrade", "upgrade": "websocket", "sec_websocket_version": "13"}
    status, told, _ = call(
        *(gateway, gateway.key, "GET", "/v1/realtime"),
        sec_websocket_key="dGhlIHNhbXBsZSBub25jZQ==",
        **socket,
    )
    assert (status, told["error"]["code"]) == (501, "not_implemented")


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/messages/batches"), ("GET", "/v1/files")]
)
def test_they_are_501_in_anthropics_words_for_its_clients(
    gateway: Product, method: str, path: str
) -> None:
    status, told, _ = call(
        *(gateway, gateway.key, method, path, {} if method == "POST" else None),
        anthropic_version="2023-06-01",
    )
    assert (status, told["type"], told["error"]["type"]) == (501, "error", "api_error")


def test_background_is_501_in_the_words_of_responses(gateway: Product) -> None:
    body = {"model": CHAT, "input": "hi", "background": True}
    status, told, _ = call(gateway, gateway.key, "POST", "/v1/responses", body)
    assert (status, told["error"]["param"]) == (501, "background")
    assert told["error"]["code"] == "not_implemented"


# --- described -------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def described(gateway: Product) -> Json:
    status, raw, _ = http(gateway.url + "/openapi.json")
    assert status == 200
    document: Json = json.loads(raw)
    return document


def is_valid(described: Json, name: str, value: Any) -> bool:
    schema = {"$ref": f"#/components/schemas/{name}", "components": described["components"]}
    valid: bool = jsonschema_rs.Draft202012Validator(schema).is_valid(value)
    return valid


@pytest.mark.parametrize(
    ("method", "path", "name", "body"),
    [
        ("POST", "/v1/chat/completions", "ChatCompletion", {"messages": ASK["messages"]}),
        ("POST", "/v1/responses", "Response", {"input": "hi"}),
        ("POST", "/v1/messages", "Message", {"messages": ASK["messages"], "max_tokens": 50}),
        ("POST", "/v1/messages/count_tokens", "TokenCount", {"messages": ASK["messages"]}),
        ("POST", "/v1/messages", "MessagesError", {"messages": []}),
        ("POST", "/v1/chat/completions", "Error", {"messages": []}),
        ("GET", "/v1/models", "Models", None),
        ("GET", f"/v1/models/{CHAT}", "Model", None),
        ("GET", f"/v1/models/{CHAT}/endpoints", "Endpoints", None),
        ("GET", "/v1/key", "Key", None),
        ("GET", "/v1/credits", "Credits", None),
        ("GET", "/healthz", "Health", None),
        ("GET", "/readyz", "Readiness", None),
        ("GET", "/version", "Version", None),
    ],
)
def test_what_is_answered_is_as_it_is_described(
    gateway: Product, described: Json, method: str, path: str, name: str, body: Any
) -> None:
    asked = None if body is None else {"model": CHAT, **body}
    _, told, _ = call(gateway, gateway.key, method, path, asked)
    assert is_valid(described, name, told), told
