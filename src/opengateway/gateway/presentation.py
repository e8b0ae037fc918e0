"""From an error to what its caller is shown. The only place that decides what is said."""

from __future__ import annotations

from collections.abc import Sequence

from opengateway.domain.catalog import Endpoint
from opengateway.domain.chat import ChatRequest
from opengateway.domain.errors import (
    CallerError,
    CapacityError,
    GatewayError,
    InsufficientFunds,
    NotAuthenticated,
    ShownError,
    UpstreamError,
)
from opengateway.domain.records import AttemptRecord
from opengateway.gateway.pricing import affordable_output
from opengateway.policies.errors import ERROR_POLICIES

MAX_RETRY_AFTER_S = 120.0
"""The official clients give up on a larger value (reference: providers, A.7)."""


def present(
    error: BaseException, request_id: str, attempts: Sequence[AttemptRecord] = ()
) -> ShownError:
    """What the caller is told. Anything that is not of our tree is our bug, and told as such."""
    if isinstance(error, UpstreamError):
        return _present_upstream(error, request_id, attempts)
    if isinstance(error, CallerError | CapacityError):
        return ShownError(
            status=error.status,
            type=error.type,
            code=error.code,
            message=error.message,
            request_id=request_id,
            param=error.param,
            retry_after_s=_bounded(error.retry_after_s),
            should_retry=error.should_retry,
            unavailability=error.unavailability if isinstance(error, CallerError) else None,
        )
    return ShownError(
        status=500,
        type=GatewayError.type,
        code=GatewayError.code,
        message=f"the gateway made a mistake; it was recorded under {request_id}",
        request_id=request_id,
        should_retry=True,
    )


def _present_upstream(
    error: UpstreamError, request_id: str, attempts: Sequence[AttemptRecord]
) -> ShownError:
    policy = ERROR_POLICIES[error.error_class]
    if policy.reveal and error.detail:
        message = error.detail
    else:
        message = error.message
        if len(attempts) > 1:
            message += f" (the last of {len(attempts)} attempts)"
    body = error.body if policy.reveal else b""
    return ShownError(
        status=error.upstream_status if body else policy.status,
        body=body,
        type=policy.type,
        code=policy.code,
        message=message,
        request_id=request_id,
        param=error.param if policy.reveal else None,
        retry_after_s=_bounded(error.retry_after_s),
        should_retry=policy.should_retry,
        previous=tuple(
            (a.provider, a.error_code or "", a.upstream_status)
            for a in attempts
            if a.status == "failed"
        ),
    )


def affordable(
    error: InsufficientFunds, chat: ChatRequest, endpoint: Endpoint
) -> InsufficientFunds:
    """The same refusal with the `max_tokens` that would be served, where there is one."""
    available = error.available_nanos
    fits = affordable_output(chat, endpoint, available) if available is not None else 0
    if not fits:
        return error
    told = InsufficientFunds(
        f"{error.message}; with max_tokens of {fits:,} or less it would be served",
        code=error.code,
        param="max_tokens",
    )
    told.available_nanos = available
    return told


def _bounded(seconds: float | None) -> float | None:
    return None if seconds is None else min(max(seconds, 0.0), MAX_RETRY_AFTER_S)


def challenge(error: ShownError) -> tuple[bytes, bytes] | None:
    """The `WWW-Authenticate` header that a 401 owes its caller (RFC 9110, 11.6.1)."""
    if error.status == NotAuthenticated.status:
        return b"www-authenticate", b'Bearer realm="opengateway"'
    return None
