"""Where a URL leads, and whom a secret belongs to."""

from __future__ import annotations

from pathlib import Path

import pytest

from opengateway.infra.outbound import (
    MisdirectedCredential,
    authorization,
    target_of,
    tls_context,
)
from opengateway.ports.transport import Credential


@pytest.mark.parametrize(
    ("url", "origin", "literal", "is_loopback"),
    [
        ("https://API.acme.example/v1/x", ("https", "api.acme.example", 443), None, False),
        ("http://acme.example:8000", ("http", "acme.example", 8000), None, False),
        ("http://127.0.0.1:9100/v1", ("http", "127.0.0.1", 9100), "127.0.0.1", True),
        ("http://localhost/v1", ("http", "localhost", 80), None, True),
        ("http://[::1]:8000/v1", ("http", "::1", 8000), "::1", True),
        ("http://10.0.0.5", ("http", "10.0.0.5", 80), "10.0.0.5", False),
    ],
)
def test_a_target_is_read_of_a_url(
    url: str, origin: tuple[str, str, int], literal: str | None, is_loopback: bool
) -> None:
    target = target_of(url)
    assert (target.origin, target.literal, target.is_loopback) == (origin, literal, is_loopback)


@pytest.mark.parametrize("url", ["", "acme.example/v1", "ftp://acme.example", "https://", "/v1"])
def test_what_is_no_absolute_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not an absolute"):
        target_of(url)


@pytest.mark.parametrize(
    ("origin", "url"),
    [
        ("https://acme.example", "https://acme.example/v1/chat"),
        ("https://acme.example:443", "https://acme.example/v1/chat"),
        ("HTTPS://Acme.Example/", "https://acme.example:443/v1/chat"),
        ("http://[::1]:8000", "http://[::1]:8000/v1"),
        ("http://::1:8000", "http://[::1]:8000/v1"),
    ],
)
def test_a_secret_goes_to_its_origin_however_that_is_written(origin: str, url: str) -> None:
    name, value = authorization(Credential("main", "s3cret", origin), target_of(url))
    assert (name, value) == ("authorization", "Bearer s3cret")


@pytest.mark.parametrize(
    "url",
    [
        "http://acme.example/v1",
        "https://acme.example:8443/v1",
        "https://acme.example.evil.example/v1",
        "https://evil.example/acme.example",
        "https://acme.example@evil.example/v1",
    ],
)
def test_a_secret_goes_nowhere_else_and_is_not_named_in_the_bug(url: str) -> None:
    credential = Credential("main", "s3cret", "https://acme.example")
    with pytest.raises(MisdirectedCredential) as caught:
        authorization(credential, target_of(url))
    assert "s3cret" not in str(caught.value)
    assert "'main'" in str(caught.value)


def test_an_unreadable_authority_file_is_an_error_at_start(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        tls_context(tmp_path / "absent.pem")
