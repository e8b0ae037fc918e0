"""From a vendor's error to an `UpstreamError` of one class."""

from __future__ import annotations

from collections.abc import Mapping

from opengateway.domain.catalog import Provider
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.wires.openai_chat.error_body import VendorError, error_in, read_error
from opengateway.wires.openai_chat.retry_after import retry_after_s
from opengateway.wires.openai_chat.signals import signals

_SEARCHED_BYTES = 16 * 1024
"""Of a body, for a hint when to come again."""


def error_of_status(
    status: int, headers: Mapping[str, str], body: bytes, provider: Provider
) -> UpstreamError:
    """An answer of status >= 300. `headers` have lower-case names."""
    said = read_error(body)
    wait = retry_after_s(headers, body[:_SEARCHED_BYTES].decode("utf-8", "replace"))
    return _error(said, status, provider, wait, f"answered with status {status}")


def error_in_answer(document: object, provider: Provider, where: str) -> UpstreamError:
    """Trouble told inside a 200: a body or chunk that holds an error. `where` is for the message.

    The class follows the status that the error names, where it names one.
    """
    said = error_in(document)
    wait = retry_after_s({}, said.message)
    return _error(said, said.status, provider, wait, f"told of an error {where}")


def _error(
    said: VendorError, status: int, provider: Provider, wait: float | None, did: str
) -> UpstreamError:
    error_class = signals().classify(status, said.names, said.message)
    error = UpstreamError(
        error_class,
        f"the provider {provider.id} {did} ({error_class.value})",
        upstream_status=status,
        upstream_code=said.code or said.type or None,
        detail=said.message,
        param=said.param,
        retry_after_s=wait,
    )
    is_about_the_request = error_class is ErrorClass.BAD_REQUEST and said.param is not None
    if is_about_the_request and signals().refuses_member(said.names, said.message):
        error.refused_member = said.param
    return error


def malformed(provider: Provider, what: str) -> UpstreamError:
    return UpstreamError(ErrorClass.MALFORMED, f"the provider {provider.id} {what}")


def truncated(provider: Provider) -> UpstreamError:
    return UpstreamError(
        ErrorClass.TRUNCATED, f"the provider {provider.id} ended its stream before the answer did"
    )
