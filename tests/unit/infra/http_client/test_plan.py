"""The head of a request: built once, and nothing in it but what may be sent."""

from __future__ import annotations

import pytest

from contract.transport_case import post
from opengateway.infra.http_client.plan import Plans
from opengateway.infra.http_client.pool import Origin
from opengateway.infra.outbound import MisdirectedCredential
from opengateway.ports.transport import Credential

URL = "https://provider.example/v1/chat/completions"


def plans() -> Plans:
    return Plans(lambda key: Origin(*key))


def lines(url: str, **members: object) -> list[str]:
    return plans()(post(url, **members)).head.decode().split("\r\n")


def test_the_head_ends_where_the_length_begins() -> None:
    head = lines(URL, headers={"Content-Type": "application/json"})
    assert head[:3] == [
        "POST /v1/chat/completions HTTP/1.1",
        "host: provider.example",
        "content-type: application/json",
    ]
    assert head[-2:] == ["accept-encoding: identity", "content-length: "]


def test_a_plan_is_built_once_for_what_is_the_same() -> None:
    make = plans()
    credential = Credential("main", "s3cret", "https://provider.example")
    first = make(post(URL, credential=credential, headers={"a": "1"}))
    assert make(post(URL, credential=credential, headers={"a": "1"}, body=b"other")) is first
    twin = Credential("main", "other", "https://provider.example")
    for other in (
        post(URL, credential=twin, headers={"a": "1"}),
        post(URL, headers={"a": "1"}),
        post(URL, credential=credential, headers={"a": "2"}),
        post(URL + "/x", credential=credential, headers={"a": "1"}),
        post(URL, credential=credential, headers={"a": "1"}, method="GET"),
    ):
        assert make(other).head != first.head


def test_a_credential_is_kept_as_long_as_its_plan() -> None:
    """Its identity is in the key: another credential must not be given the same."""
    make = plans()
    credential = Credential("main", "s3cret", "https://provider.example")
    assert make(post(URL, credential=credential)).credential is credential


def test_plans_are_bounded() -> None:
    make = plans()
    first = make(post(URL))
    for number in range(1024):
        make(post(f"{URL}/{number}"))
    assert make(post(URL)) is not first
    assert len(make._kept) == 1024


@pytest.mark.parametrize(
    ("url", "line", "host"),
    [
        ("http://a.example", "/", "a.example"),
        ("http://a.example:80/x", "/x", "a.example"),
        ("https://a.example:80/x", "/x", "a.example:80"),
        ("http://[::1]:8080/x?", "/x", "[::1]:8080"),
        ("http://A.example/p q?r=s t#f", "/p%20q?r=s%20t", "a.example"),
        ("http://a.example/%2Fa:b@c?x=%41&y=a/b?c", "/%2Fa:b@c?x=%41&y=a/b?c", "a.example"),
        ("http://bücher.example/é", "/%C3%A9", "xn--bcher-kva.example"),
        ("http://user:pass@a.example/", "/", "a.example"),
    ],
)
def test_the_target_is_written_as_http_wants_it(url: str, line: str, host: str) -> None:
    head = lines(url)
    assert head[0] == f"POST {line} HTTP/1.1"
    assert head[1] == f"host: {host}"


def test_framing_is_not_up_to_the_caller() -> None:
    headers = {
        "Content-Length": "1",
        "Transfer-Encoding": "chunked",
        "Connection": "close",
        "Host": "other",
        "TE": "trailers",
        "User-Agent": "mine",
    }
    names = [line.partition(":")[0] for line in lines(URL, headers=headers)[1:]]
    assert names == ["host", "user-agent", "accept-encoding", "content-length"]


@pytest.mark.parametrize(
    ("name", "value"), [("x", "s3cret\n"), ("x", "s3cret\x00"), ("x y", "s3cret"), ("", "s3cret")]
)
def test_a_header_that_cannot_be_sent_is_named_and_not_shown(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"header {name!r}") as caught:
        plans()(post(URL, headers={name: value}))
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("method", ["", "GET /", "PO ST", "POST\r\n"])
def test_a_method_is_one_word(method: str) -> None:
    with pytest.raises(ValueError, match="is not a method"):
        plans()(post(URL, method=method))


def test_a_refused_request_leaves_no_plan() -> None:
    make = plans()
    credential = Credential("main", "s3cret", "https://other.example")
    for _ in range(2):
        with pytest.raises(MisdirectedCredential):
            make(post(URL, credential=credential))
    assert make._kept == {}
