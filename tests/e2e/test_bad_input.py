"""Bad input gets a clear error in OpenAI's shape, and nothing is sent to a provider."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from e2e.conftest import CHAT
from e2e.product import Product, Simulator, http

HELLO: list[Any] = [{"role": "user", "content": "hi"}]
OK: dict[str, Any] = {"model": CHAT, "messages": HELLO}


def bomb(depth: int) -> bytes:
    return b'{"model":"lab/chat","messages":' + b"[" * depth + b"]" * depth + b"}"


BAD: list[tuple[str, bytes | dict[str, Any], int, str | None, str | None]] = [
    ("not JSON", b"{not json", 400, None, "invalid_json"),
    ("empty", b"", 400, None, "invalid_json"),
    ("an array", b"[]", 400, None, None),
    ("not UTF-8", b'{"model":"\xff","messages":[]}', 400, None, None),
    ("a depth bomb", bomb(100_000), 400, None, None),
    ("a shallow bomb", bomb(500), 400, None, None),
    ("33 MB", b'{"model":"lab/chat","x":"' + b"a" * 33_000_000 + b'"}', 413, None, "request_too_large"),
    ("no model", {"messages": HELLO}, 400, "model", "missing_required_parameter"),
    ("no messages", {"model": CHAT}, 400, "messages", "missing_required_parameter"),
    ("unknown model", {**OK, "model": "lab/none"}, 404, "model", "model_not_found"),
    ("model of a wrong type", {**OK, "model": 7}, 400, "model", None),
    ("header injection", {**OK, "model": "a\r\nset-cookie: x=1"}, 400, "model", None),
    ("session injection", {**OK, "session_id": "a\r\nx: y"}, 400, "session_id", None),
    ("messages of a wrong type", {**OK, "messages": "hi"}, 400, "messages", None),
    ("no message", {**OK, "messages": []}, 400, "messages", None),
    ("a role nobody has", {**OK, "messages": [{"role": "king", "content": "x"}]}, 400, "messages[0].role", None),
    ("content of a wrong type", {**OK, "messages": [{"role": "user", "content": 5}]}, 400, "messages[0].content", None),
    ("temperature in words", {**OK, "temperature": "hot"}, 400, "temperature", None),
    ("temperature too high", {**OK, "temperature": 3}, 400, "temperature", None),
    ("stream in words", {**OK, "stream": "yes"}, 400, "stream", None),
    ("n of 0", {**OK, "n": 0}, 400, "n", None),
    ("tools of a wrong type", {**OK, "tools": {}}, 400, "tools", None),
    ("a tool without a name", {**OK, "tools": [{"type": "function", "function": {}}]}, 400, "tools[0].function.name", None),
    (
        "two lists of fallbacks",
        {**OK, "models": ["a/b"], "extra": {"fallbacks": ["c/d"]}},
        400,
        None,
        None,
    ),
    ("too many fallbacks", {**OK, "models": ["a/b", "c/d", "e/f"]}, 400, "models", None),
    ("a provider nobody has", {**OK, "provider": {"only": ["nobody"]}}, 404, "provider", "no_endpoints"),
    ("an image for a model that reads", {**OK, "model": "lab/text", "messages": [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}]}
    ]}, 400, "messages", "unsupported_modality"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "status", "param", "code"), [row[1:] for row in BAD], ids=[row[0] for row in BAD]
)
def test_it_is_told_and_not_sent(
    gateway: Product,
    provider: Simulator,
    body: bytes | dict[str, Any],
    status: int,
    param: str | None,
    code: str | None,
) -> None:
    before = provider.stats()["requests"]
    found, raw, headers = gateway.chat(body)
    error = json.loads(raw)["error"]
    assert found == status, error
    assert set(error) >= {"message", "type", "param", "code"}
    assert isinstance(error["type"], str)
    assert isinstance(error["code"], str)
    assert len(error["message"]) > 15, "it says what to do"
    if param is not None:
        assert error["param"] == param
    if code is not None:
        assert error["code"] == code
    assert headers["x-should-retry"] == "false"
    assert headers["x-request-id"].startswith("gen_")
    assert "set-cookie" not in headers
    assert provider.stats()["requests"] == before, "nothing was sent upstream"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("POST", "/v1/models", 405, "method_not_allowed"),
        ("POST", "/v1/chat/completions/", 404, "unknown_url"),
        ("POST", "/v1/v1/chat/completions", 404, "unknown_url"),
        ("POST", "/v1/realtime", 501, "not_implemented"),
        ("GET", "/v1/models/lab/none", 404, "model_not_found"),
    ],
)
def test_a_wrong_path_or_method_says_what_is_right(
    gateway: Product, method: str, path: str, status: int, code: str
) -> None:
    headers = {"authorization": f"Bearer {gateway.key}"}
    body = b"{}" if method == "POST" else None
    found, raw, answered = http(gateway.url + path, method=method, body=body, headers=headers)
    assert (found, json.loads(raw)["error"]["code"]) == (status, code)
    if status == 405:
        assert answered["allow"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Basic abc"},
        {"authorization": "Bearer "},
        {"authorization": "Bearer x"},
    ],
)
def test_no_key_is_401_before_the_body_is_read(gateway: Product, headers: dict[str, str]) -> None:
    status, raw, answered = http(
        gateway.url + "/v1/chat/completions", method="POST", body=b"{bad", headers=headers
    )
    assert status == 401
    assert json.loads(raw)["error"]["type"] == "authentication_error"
    assert answered["www-authenticate"]


_TWO_LENGTHS = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n"
    b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n"
)
"""A request that could be read in two ways: request smuggling's favourite."""


def raw_exchange(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(data)
        received = b""
        while part := connection.recv(65536):
            received += part
            if b"}}" in received:
                break
        return received


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /v1/models HTTP/1.1\r\nx: " + b"a" * 70_000 + b"\r\n\r\n", b"431"),
        (b"GET /v1/models HTTP/1.1\r\nbad header\r\n\r\n", b"400"),
        (b"\x16\x03\x01 this is not HTTP\r\n\r\n", b"400"),
        (_TWO_LENGTHS, b"400"),
    ],
)  # fmt: skip
def test_what_is_not_http_is_answered_in_the_api_s_envelope(
    gateway: Product, head: bytes, status: bytes
) -> None:
    answer = raw_exchange(gateway.port, head)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["type"] == "invalid_request_error"
