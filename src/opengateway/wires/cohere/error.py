"""From `{"message", "id"}` to a class. Some of its statuses are its own: 498 and 499."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opengateway.domain.catalog import Provider
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.wires.openai_chat.error_body import VendorError, error_in, read_error
from opengateway.wires.openai_chat.retry_after import retry_after_s
from opengateway.wires.openai_chat.signals import signals

_SEARCHED_BYTES: Final = 16 * 1024
_OWN: Final = frozenset((498, 499))
_BY_STATUS: Final = {
    404: ErrorClass.MODEL_GONE,
    498: ErrorClass.AUTH,  # an invalid token
    499: ErrorClass.ABORTED,  # "client closed request": ours did not
}


def error_of_status(
    status: int, headers: Mapping[str, str], body: bytes, provider: Provider
) -> UpstreamError:
    """An answer of status >= 300. `headers` have lower-case names."""
    wait = retry_after_s(headers, body[:_SEARCHED_BYTES].decode("utf-8", "replace"))
    return _error(read_error(body), status, provider, wait, f"answered with status {status}")


def error_in_answer(document: object, provider: Provider, where: str) -> UpstreamError:
    """Trouble told inside a 200. `where` is for the message."""
    said = error_in(document)
    wait = retry_after_s({}, said.message)
    return _error(said, said.status, provider, wait, f"told of an error {where}")


def _error(
    said: VendorError, status: int, provider: Provider, wait: float | None, did: str
) -> UpstreamError:
    by_words = signals().classify(status, said.names, said.message)
    # Other vendors mean something else by 498.
    if status in _OWN or by_words in (ErrorClass.BAD_REQUEST, ErrorClass.SERVER_ERROR):
        by_words = _BY_STATUS.get(status, by_words)
    return UpstreamError(
        by_words,
        f"the provider {provider.id} {did} ({by_words.value})",
        upstream_status=status,
        upstream_code=said.code or said.type or None,
        detail=said.message,
        param=said.param,
        retry_after_s=wait,
    )
