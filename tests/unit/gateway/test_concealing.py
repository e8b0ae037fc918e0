from __future__ import annotations

from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.gateway.concealing import conceal
from opengateway.ports.transport import Credential

SECRET = "a1b2c3d4e5f6"


def test_a_provider_that_repeats_its_credential_does_not_tell_it_to_callers() -> None:
    said = f"incorrect key {SECRET}"
    error = UpstreamError(
        ErrorClass.AUTH, said, upstream_code=SECRET, detail=f"{said}!", param=f"key.{SECRET}"
    )
    error.body = b'{"error": "' + SECRET.encode() + b'"}'
    conceal(error, Credential("main", SECRET, "https://api.example.com"))
    assert error.message == "incorrect key [redacted]"
    assert error.detail == "incorrect key [redacted]!"
    assert (error.upstream_code, error.param) == ("[redacted]", "key.[redacted]")
    assert error.body == b'{"error": "[redacted]"}'


def test_words_are_left_alone_where_the_credential_is_a_word() -> None:
    error = UpstreamError(ErrorClass.AUTH, "no test for it")
    conceal(error, Credential("main", "test", "http://127.0.0.1"))
    conceal(error, None)
    assert error.message == "no test for it"
