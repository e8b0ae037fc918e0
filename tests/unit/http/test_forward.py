"""What control is told of a request that is passed on to it."""

from __future__ import annotations

from typing import Any

import pytest

from opengateway.http.forward import _headers
from opengateway.kit.client_address import networks

TRUSTED = networks(["10.0.0.0/8"])


def scope(client: str, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"client": (client, 1234), "scheme": "https", "headers": list(headers)}


@pytest.mark.parametrize(
    ("client", "told", "found"),
    [
        ("203.0.113.1", b"198.51.100.1", "203.0.113.1"),  # anybody may write that header
        ("10.0.0.1", b"192.0.2.66, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", b"10.0.0.7", "10.0.0.7"),
    ],
)
def test_the_address_is_the_one_that_a_trusted_proxy_saw(
    client: str, told: bytes, found: str
) -> None:
    headers = _headers(scope(client, (b"x-forwarded-for", told)), TRUSTED)
    assert headers.getall("x-forwarded-for") == [found]
    assert headers["x-forwarded-proto"] == "https"


def test_what_belongs_to_one_connection_is_not_passed_on() -> None:
    sent = scope("203.0.113.1", (b"connection", b"close"), (b"cookie", b"a=b"), (b"te", b"x"))
    headers = _headers(sent, ())
    assert "connection" not in headers
    assert "te" not in headers
    assert headers["cookie"] == "a=b"
