"""From `{"type": "error", "error": {type, message}, "request_id"}` to a class.

The words come first: a budget that is used up and a prompt that is too long are both told as a 400
of `invalid_request_error` (reference: providers, C.2 and E41).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from opengateway.domain.catalog import Provider
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.kit.json import loads
from opengateway.wires.openai_chat.error_body import VendorError, error_in, read_error
from opengateway.wires.openai_chat.retry_after import retry_after_s
from opengateway.wires.openai_chat.signals import signals

_SEARCHED_BYTES: Final = 16 * 1024
_LIMITS: Final = ("requests", "tokens", "input-tokens", "output-tokens")
_BY_TYPE: Final = {
    "request_too_large": ErrorClass.CONTEXT_EXCEEDED,
    "permission_error": ErrorClass.AUTH,
    "not_found_error": ErrorClass.MODEL_GONE,
}
"""Where the type says more than a status, or stands alone in a stream."""


def error_of_status(
    status: int, headers: Mapping[str, str], body: bytes, provider: Provider
) -> UpstreamError:
    """An answer of status >= 300. `headers` have lower-case names."""
    try:
        document: object = loads(body)
    except (ValueError, RecursionError):
        document = None
    text = body[:_SEARCHED_BYTES].decode("utf-8", "replace")
    wait = retry_after_s(headers, text)
    if wait is None:
        wait = _reset_s(headers)
    did = f"answered with status {status}"
    return _error(read_error(body), document, status, provider, wait, did)


def error_in_answer(document: object, provider: Provider, where: str) -> UpstreamError:
    """Trouble told inside a 200. `where` is for the message."""
    said = error_in(document)
    wait = retry_after_s({}, said.message)
    return _error(said, document, said.status, provider, wait, f"told of an error {where}")


def _error(
    said: VendorError,
    document: object,
    status: int,
    provider: Provider,
    wait: float | None,
    did: str,
) -> UpstreamError:
    error_class = _classify(status, said)
    identifier = _request_id(document)
    detail = f"{said.message} (request_id: {identifier})" if identifier else said.message
    return UpstreamError(
        error_class,
        f"the provider {provider.id} {did} ({error_class.value})",
        upstream_status=status,
        upstream_code=said.code or said.type or None,
        detail=detail,
        param=said.param,
        retry_after_s=wait,
    )


def _classify(status: int, said: VendorError) -> ErrorClass:
    """`status` is 0 for trouble inside a 200."""
    by_words = signals().classify(status, said.names, said.message)
    if by_words not in (ErrorClass.BAD_REQUEST, ErrorClass.SERVER_ERROR):
        return by_words
    if status == 413:
        return ErrorClass.CONTEXT_EXCEEDED
    return _BY_TYPE.get(said.type.lower(), by_words)


def _reset_s(headers: Mapping[str, str]) -> float | None:
    """The longest reset among the limits that are used up; dates as of RFC 3339."""
    waits = []
    for kind in _LIMITS:
        told = {
            "x-ratelimit-remaining-tokens": headers.get(
                f"anthropic-ratelimit-{kind}-remaining", ""
            ),
            "x-ratelimit-reset-tokens": headers.get(f"anthropic-ratelimit-{kind}-reset", ""),
            "date": headers.get("date", ""),
        }
        waits.append(retry_after_s(told, ""))
    return max((wait for wait in waits if wait is not None), default=None)


def _request_id(document: Any) -> str:
    identifier = document.get("request_id") if isinstance(document, dict) else None
    return identifier[:100] if isinstance(identifier, str) else ""
