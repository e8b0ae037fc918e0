"""From `{"message"}` and `x-amzn-errortype`, or an exception within a stream, to a class.

The message goes before the type: a prompt that is too long is told as a `ValidationException`, and so
is a model that does not exist (reference: providers, B.5 and C.2).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from opengateway.domain.catalog import Provider
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.kit.event_stream import Message
from opengateway.kit.json import loads
from opengateway.wires.openai_chat.retry_after import retry_after_s
from opengateway.wires.openai_chat.signals import signals

_MAX_TEXT: Final = 2048
_BY_TYPE: Final = {
    "accessdenied": ErrorClass.AUTH,
    "expiredtoken": ErrorClass.AUTH,
    "incompletesignature": ErrorClass.AUTH,
    "invalidclienttokenid": ErrorClass.AUTH,
    "invalidsignature": ErrorClass.AUTH,
    "missingauthenticationtoken": ErrorClass.AUTH,
    "notauthorized": ErrorClass.AUTH,
    "optinrequired": ErrorClass.AUTH,
    "requestexpired": ErrorClass.AUTH,
    "signaturedoesnotmatch": ErrorClass.AUTH,
    "unrecognizedclient": ErrorClass.AUTH,
    "internalserver": ErrorClass.SERVER_ERROR,
    "internalfailure": ErrorClass.SERVER_ERROR,
    "modelerror": ErrorClass.SERVER_ERROR,
    "modelstreamerror": ErrorClass.SERVER_ERROR,
    "modeltimeout": ErrorClass.SERVER_ERROR,
    "modelnotready": ErrorClass.OVERLOADED,
    "resourcenotfound": ErrorClass.MODEL_GONE,
    "servicequotaexceeded": ErrorClass.QUOTA,
    "serviceunavailable": ErrorClass.OVERLOADED,
    "throttling": ErrorClass.RATE_LIMITED,
    "toomanyrequests": ErrorClass.RATE_LIMITED,
    "validation": ErrorClass.BAD_REQUEST,
}
"""Names of exceptions, in lower case and without `exception` at their end."""
_GONE: Final = re.compile(
    r"(?i)model identifier is invalid|on-demand throughput isn.t supported|end of its life"
    r"|model .{0,200}(?:not found|is not supported in this region|marked .{0,40}legacy)"
)
_BLOCKED: Final = re.compile(r"(?i)content filter|blocked by .{0,40}(?:guardrail|polic)")


def error_of_status(
    status: int, headers: Mapping[str, str], body: bytes, provider: Provider
) -> UpstreamError:
    """An answer of status >= 300. `headers` have lower-case names."""
    try:
        document: object = loads(body)
    except (ValueError, RecursionError):
        document = body[:_MAX_TEXT].decode("utf-8", "replace").strip()
    told = document if isinstance(document, dict) else {}
    name = headers.get("x-amzn-errortype") or told.get("__type") or ""
    message = _text_of(document)
    did = f"answered with status {status}"
    error = _error(_bare(name), message, status, provider, did)
    error.retry_after_s = retry_after_s(headers, message)
    return error


def error_in_stream(message: Message, provider: Provider) -> UpstreamError:
    """An `exception`, or an `error`, in place of an event."""
    name = message.text(":exception-type") or message.text(":error-code")
    text = message.text(":error-message")
    status = 0
    try:
        document: object = loads(message.payload) if message.payload else None
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        text = _text_of(document) or text
        original = document.get("originalStatusCode")
        if isinstance(original, int) and 400 <= original < 600:
            status = original
    return _error(_bare(name), text, status, provider, "told of an error within its answer")


def _error(name: str, message: str, status: int, provider: Provider, did: str) -> UpstreamError:
    error_class = _classify(name, message, status)
    return UpstreamError(
        error_class,
        f"the provider {provider.id} {did} ({error_class.value})",
        upstream_status=status,
        upstream_code=name[:200] or None,
        detail=message[:_MAX_TEXT],
    )


def _classify(name: str, message: str, status: int) -> ErrorClass:
    """`status` is 0 for trouble inside a stream that names none."""
    by_type = _BY_TYPE.get(name.lower().removesuffix("exception"))
    if by_type in (None, ErrorClass.BAD_REQUEST, ErrorClass.MODEL_GONE) and status < 500:
        if _GONE.search(message):
            return ErrorClass.MODEL_GONE
        if _BLOCKED.search(message):
            return ErrorClass.CONTENT_FILTER
        by_words = signals().classify(status or 400, frozenset(), message)
        if by_words is not ErrorClass.BAD_REQUEST or by_type is None:
            return by_words if by_type is not None or status else ErrorClass.SERVER_ERROR
    return by_type or signals().classify(status, frozenset(), message)


def _bare(name: object) -> str:
    """`ValidationException` of `ValidationException:http://...` and of `com.amazon#Validation...`."""
    return str(name).partition(":")[0].rpartition("#")[2].strip() if name else ""


def _text_of(document: object) -> str:
    if isinstance(document, str):
        return "" if document.startswith("<") else document[:_MAX_TEXT]
    if isinstance(document, dict):
        for member in ("message", "Message", "errorMessage"):
            text = document.get(member)
            if isinstance(text, str):
                return text[:_MAX_TEXT]
    return ""
