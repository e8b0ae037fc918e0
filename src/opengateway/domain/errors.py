"""Every error of the product, in one tree.

    GatewayError
    ├─ CallerError            the caller can mend it: 4xx, not retried, not paged
    │  ├─ InvalidRequest 400 · NotAuthenticated 401 · InsufficientFunds 402 · NotAllowed 403
    │  ├─ NotFound 404 · Conflict 409 · TooLarge 413 · Unprocessable 422 · RateLimited 429
    │  └─ NotImplementedYet 501
    ├─ CapacityError 503      we cannot take it now: retried, paged on rate
    ├─ UpstreamError          a provider failed; `error_class` says how (policies/errors.toml)
    └─ OperatorError          our configuration is wrong: refuses to start

How each is shown to a caller is decided in one place, `http/render.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Unavailability:
    """Why no endpoint was left for a request, and what would be near.

    `excluded_by` are `code` or `code:detail` of each filter that took endpoints away.
    """

    requested: tuple[str, ...]
    excluded_by: tuple[str, ...]
    providers: tuple[str, ...] = ()
    """Who serves the model, and was taken away."""
    alternatives: tuple[str, ...] = ()
    """Other models that the same request could name."""


class GatewayError(Exception):
    """The root. `message` is safe to show: it holds no secret and no provider's internals."""

    status: int = 500
    code: str = "internal_error"
    type: str = "server_error"
    should_retry: bool = False
    """Whether the same request may well succeed later."""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s
        if code is not None:
            self.code = code


class CallerError(GatewayError):
    status = 400
    code = "invalid_request"
    type = "invalid_request_error"
    unavailability: Unavailability | None = None


class InvalidRequest(CallerError):
    pass


class NotAuthenticated(CallerError):
    status = 401
    code = "invalid_api_key"
    type = "authentication_error"


class InsufficientFunds(CallerError):
    status = 402
    code = "team_credit_exhausted"
    type = "billing_error"
    available_nanos: int | None = None
    """What the request could have held at most, where that is known."""


class BudgetExceeded(CallerError):
    """A key's, a member's or a team's own limit; the message names the broadest one."""

    status = 402
    code = "budget_exceeded"
    type = "billing_error"


class NotAllowed(CallerError):
    status = 403
    code = "not_allowed"
    type = "permission_error"


class NotFound(CallerError):
    status = 404
    code = "not_found"


class MethodNotAllowed(CallerError):
    """`allow` is the value of the `Allow` header (RFC 9110, 15.5.6)."""

    status = 405
    code = "method_not_allowed"

    def __init__(self, message: str, *, allow: str) -> None:
        super().__init__(message)
        self.allow = allow


class Conflict(CallerError):
    status = 409
    code = "conflict"
    type = "conflict_error"


class RequestInFlight(Conflict):
    """A request with the same `Idempotency-Key` is still running."""

    code = "idempotency_in_flight"
    should_retry = True


class TooLarge(CallerError):
    status = 413
    code = "request_too_large"


class Unprocessable(CallerError):
    status = 422
    code = "unprocessable"


class RateLimited(CallerError):
    """The caller's own limit. `headers` tell of it: `x-ratelimit-...`."""

    status = 429
    code = "rate_limit_exceeded"
    type = "rate_limit_error"
    should_retry = True
    headers: tuple[tuple[bytes, bytes], ...] = ()


class RequestOverLimit(RateLimited):
    """One request alone asks for more than its limit ever gives."""

    code = "request_over_limit"
    should_retry = False


class NotImplementedYet(CallerError):
    status = 501
    code = "not_implemented"


class CapacityError(GatewayError):
    """Ours or the providers' capacity, or infrastructure trouble. Never shown as 401."""

    status = 503
    code = "temporarily_unavailable"
    type = "server_error"
    should_retry = True


class OperatorError(GatewayError):
    """The configuration is at fault; says which file, key and line where it can."""

    code = "misconfigured"


class ErrorClass(StrEnum):
    """What kind of trouble a provider had. What each means is data: policies/errors.toml."""

    BAD_REQUEST = "bad_request"
    CONTEXT_EXCEEDED = "context_exceeded"
    CONTENT_FILTER = "content_filter"
    TOOL_CALL_FAILED = "tool_call_failed"  # the model's own malformed call or JSON
    AUTH = "auth"  # our credential, not the caller's
    MODEL_GONE = "model_gone"
    QUOTA = "quota"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    CONNECT = "connect"  # nothing was sent: DNS, TCP, TLS
    TIMEOUT_FIRST_TOKEN = "timeout_first_token"
    TIMEOUT_IDLE = "timeout_idle"
    TIMEOUT_DEADLINE = "timeout_deadline"
    TRUNCATED = "truncated"  # ended without the wire's end marker
    MALFORMED = "malformed"  # not the wire's shape, or a 200 that holds no answer
    ABORTED = "aborted"  # the connection broke while answering


class UpstreamError(GatewayError):
    """A provider's failure, already classified.

    `upstream_status` is the provider's HTTP status, 0 when there was none. `detail` is the
    provider's own words, cut to 2 kB: shown only where the class allows it (`reveal`).
    """

    status = 502
    code = "upstream_error"
    body: bytes = b""
    """The provider's whole answer, where the caller speaks its dialect: shown as `detail` is."""
    refused_member: str | None = None
    """The request's member that the provider says it does not know, or not for this model."""

    def __init__(
        self,
        error_class: ErrorClass,
        message: str,
        *,
        upstream_status: int = 0,
        upstream_code: str | None = None,
        detail: str = "",
        param: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, param=param, retry_after_s=retry_after_s)
        self.error_class = error_class
        self.upstream_status = upstream_status
        self.upstream_code = upstream_code
        self.detail = detail[:2048]


@dataclass(frozen=True, slots=True)
class ShownError:
    """An error as the caller will see it, before a dialect gives it its envelope.

    `previous` lists the attempts that failed before: provider, our code, the provider's status.
    """

    status: int
    type: str
    code: str
    message: str
    request_id: str
    param: str | None = None
    retry_after_s: float | None = None
    should_retry: bool = False
    previous: tuple[tuple[str, str, int], ...] = ()
    unavailability: Unavailability | None = None
    body: bytes = b""
    """The provider's own answer in the caller's dialect, shown as it is with its own status."""
