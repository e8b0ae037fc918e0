"""From Google's error, `{"error": {code, message, status, details}}` or that in an array, to a class.

Its words come first. The message of an ordinary 429 speaks of quota and billing, so that words in
it say nothing; what says that a day's allowance is used up is the `QuotaFailure` among the details.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from opengateway.domain.catalog import Provider
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.kit.json import JsonObject, loads
from opengateway.wires.openai_chat.error_body import VendorError, error_in, read_error
from opengateway.wires.openai_chat.retry_after import retry_after_s
from opengateway.wires.openai_chat.signals import signals

_SEARCHED_BYTES: Final = 16 * 1024
_MAX_DETAILS: Final = 64
_PER_DAY: Final = re.compile(r"per_?\s?day", re.IGNORECASE)
_KEY: Final = re.compile(r"api[ _]key (?:not (?:valid|found)|expired|invalid)", re.IGNORECASE)
_BILLING: Final = re.compile(r"billing|free tier|prepayment|credits", re.IGNORECASE)
_AUTH_REASONS: Final = frozenset(
    (
        "API_KEY_INVALID",
        "API_KEY_EXPIRED",
        "API_KEY_SERVICE_BLOCKED",
        "API_KEY_IP_ADDRESS_BLOCKED",
        "ACCESS_TOKEN_EXPIRED",
        "CREDENTIALS_MISSING",
        "CONSUMER_INVALID",
        "CONSUMER_SUSPENDED",
        "SERVICE_DISABLED",
    )
)
_BY_STATUS: Final = {
    "RESOURCE_EXHAUSTED": ErrorClass.RATE_LIMITED,
    "UNAVAILABLE": ErrorClass.OVERLOADED,
    "UNAUTHENTICATED": ErrorClass.AUTH,
    "PERMISSION_DENIED": ErrorClass.AUTH,
    "NOT_FOUND": ErrorClass.MODEL_GONE,
    "DEADLINE_EXCEEDED": ErrorClass.SERVER_ERROR,
    "INTERNAL": ErrorClass.SERVER_ERROR,
    "UNKNOWN": ErrorClass.SERVER_ERROR,
    "ABORTED": ErrorClass.SERVER_ERROR,
    "CANCELLED": ErrorClass.SERVER_ERROR,
    "DATA_LOSS": ErrorClass.SERVER_ERROR,
}
"""google.rpc.Code, where the word alone decides. INVALID_ARGUMENT and its like say more in words."""


def error_of_status(
    status: int, headers: Mapping[str, str], body: bytes, provider: Provider
) -> UpstreamError:
    """An answer of status >= 300. `headers` have lower-case names."""
    try:
        document: object = loads(body)
    except (ValueError, RecursionError):
        document = None
    wait = retry_after_s(headers, body[:_SEARCHED_BYTES].decode("utf-8", "replace"))
    did = f"answered with status {status}"
    return _error(read_error(body), document, status, provider, wait, did)


def error_in_answer(document: object, text: bytes, provider: Provider, where: str) -> UpstreamError:
    """Trouble told inside a 200: `document` is what `text` says. `where` is for the message."""
    said = error_in(document)
    wait = retry_after_s({}, text[:_SEARCHED_BYTES].decode("utf-8", "replace"))
    return _error(said, document, said.status, provider, wait, f"told of an error {where}")


def _error(
    said: VendorError,
    document: object,
    status: int,
    provider: Provider,
    wait: float | None,
    did: str,
) -> UpstreamError:
    error_class = classify(status, said, list(_details(document)))
    return UpstreamError(
        error_class,
        f"the provider {provider.id} {did} ({error_class.value})",
        upstream_status=status,
        upstream_code=said.type or said.code or None,
        detail=said.message,
        retry_after_s=wait,
    )


def classify(status: int, said: VendorError, details: list[JsonObject]) -> ErrorClass:
    """`status` is 0 for trouble inside a 200 that names no status."""
    word, text = said.type.upper(), said.message
    if word == "RESOURCE_EXHAUSTED" or status == 429:
        return ErrorClass.QUOTA if _is_used_up(text, details) else ErrorClass.RATE_LIMITED
    reasons = {str(detail.get("reason")) for detail in details}
    if "BILLING_DISABLED" in reasons:
        return ErrorClass.QUOTA
    if not reasons.isdisjoint(_AUTH_REASONS) or _KEY.search(text):
        return ErrorClass.AUTH
    if word == "FAILED_PRECONDITION":  # of our account: no billing, or a place that is not served
        if _BILLING.search(text):
            return ErrorClass.QUOTA
        if "location" in text.lower():
            return ErrorClass.AUTH
    by_words = signals().classify(status, frozenset((word.lower(),)), text)
    if by_words is ErrorClass.CONTEXT_EXCEEDED:
        return by_words
    if word == "PERMISSION_DENIED" and _BILLING.search(text):
        return ErrorClass.QUOTA
    return _BY_STATUS.get(word, by_words)


def _is_used_up(text: str, details: list[JsonObject]) -> bool:
    """Whether the allowance of a day is gone, or there is none: waiting a minute will not do."""
    named = [violation for detail in details for violation in _objects(detail.get("violations"))]
    if not named:
        return _PER_DAY.search(text) is not None
    return any(
        _PER_DAY.search(str(violation.get("quotaId") or violation.get("subject") or ""))
        or str(violation.get("quotaValue")) == "0"
        for violation in named
    )


def _details(document: object) -> Iterator[JsonObject]:
    if isinstance(document, list):
        document = document[0] if document else None
    error = document.get("error") if isinstance(document, dict) else None
    if isinstance(error, dict):
        yield from _objects(error.get("details"))


def _objects(value: Any) -> Iterator[JsonObject]:
    for item in value[:_MAX_DETAILS] if isinstance(value, list) else ():
        if isinstance(item, dict):
            yield item
