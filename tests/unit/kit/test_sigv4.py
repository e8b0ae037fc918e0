"""Signatures are AWS's own: its published vectors, and what no vector says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from opengateway.kit.sigv4 import AwsKey, SignatureScope, signed_headers

# AWS's published test suite: its key, its moment, its host.
KEY = AwsKey("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
AT_S = int(datetime(2015, 8, 30, 12, 36, tzinfo=UTC).timestamp())
HOST = "https://example.amazonaws.com"
FORM = "application/x-www-form-urlencoded"


def signed(method: str, url: str, *, key: AwsKey = KEY, **members: Any) -> dict[str, str]:
    scope = SignatureScope("us-east-1", members.pop("service", "service"))
    given: dict[str, Any] = {"headers": {}, "body": b"", "at_s": AT_S, **members}
    return signed_headers(key, scope, method=method, url=url, **given)


def signature(headers: dict[str, str]) -> str:
    return headers["authorization"].rpartition("Signature=")[2]


VECTORS: list[tuple[str, str, dict[str, Any], str]] = [
    ("GET", "/", {}, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("POST", "/", {}, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    (
        "GET",
        "/?Param2=value2&Param1=value1",
        {},
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    (
        "POST",
        "/",
        {"headers": {"Content-Type": FORM}, "body": b"Param1=value1"},
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
    ("GET", "/\u1234", {}, "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
    (
        "GET",
        "/example space/",
        {},
        "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
    ),
    ("GET", "/./", {}, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    (
        "GET",
        "/example1/example2/../..",
        {},
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    (
        "GET",
        "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        {},
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ),
]


@pytest.mark.parametrize(("method", "path", "members", "expected"), VECTORS)
def test_a_published_vector_is_signed_as_published(
    method: str, path: str, members: dict[str, Any], expected: str
) -> None:
    assert signature(signed(method, HOST + path, **members)) == expected


def test_the_example_of_the_general_reference_is_signed_as_there() -> None:
    headers = signed(
        "GET",
        "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
        headers={"content-type": f"{FORM}; charset=utf-8"},
        service="iam",
    )
    assert headers == {
        "x-amz-date": "20150830T123600Z",
        "authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/"
        "aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature="
        "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    }


def test_a_session_s_token_is_sent_and_signed() -> None:
    key = AwsKey(KEY.access_key_id, KEY.secret_access_key, "token")
    headers = signed("GET", f"{HOST}/", key=key)
    assert headers["x-amz-security-token"] == "token"
    assert "SignedHeaders=host;x-amz-date;x-amz-security-token," in headers["authorization"]


def test_what_is_escaped_in_a_path_is_signed_escaped_once_more() -> None:
    escaped = signature(signed("POST", f"{HOST}/model/a%3A0/converse"))
    plain = signature(signed("POST", f"{HOST}/model/a:0/converse"))
    assert escaped != plain


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("https://h.test/", "https://h.test:443/", True),
        ("http://h.test/", "http://h.test:80/", True),
        ("http://h.test/", "http://h.test:8080/", False),
        ("http://[::1]:80/", "http://[::1]/", True),
        ("https://h.test", "https://h.test/", True),
    ],
)
def test_a_host_is_signed_as_clients_write_it(one: str, other: str, is_same: bool) -> None:
    assert (signature(signed("GET", one)) == signature(signed("GET", other))) is is_same


@pytest.mark.parametrize(
    "other",
    [
        signed("POST", f"{HOST}/", body=b"other"),
        signed("POST", f"{HOST}/", at_s=AT_S + 1),
        signed("PUT", f"{HOST}/"),
        signed("POST", f"{HOST}/a"),
        signed("POST", f"{HOST}/", headers={"x-amz-target": "t"}),
        signed("POST", f"{HOST}/", headers={"content-type": "t"}),
        signed("POST", f"{HOST}/", service="other"),
    ],
)
def test_whatever_is_changed_changes_the_signature(other: dict[str, str]) -> None:
    assert signature(other) != signature(signed("POST", f"{HOST}/"))


def test_no_secret_shows() -> None:
    assert "wJalr" not in repr(KEY)
    assert "token" not in repr(AwsKey("A", "s", "token"))
