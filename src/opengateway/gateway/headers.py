"""Response headers: what is said of a request beside its body (contract, part 4)."""

from __future__ import annotations

import math
from typing import Protocol

from opengateway.domain.errors import ShownError
from opengateway.gateway.presentation import challenge
from opengateway.gateway.services import GatewayServices
from opengateway.gateway.state import ExchangeState

Header = tuple[bytes, bytes]


class Told(Protocol):
    services: GatewayServices
    state: ExchangeState

    def elapsed_ms(self) -> float: ...


def json_headers(told: Told, length: int, error: ShownError | None = None) -> list[Header]:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % length),
        *_served_by(told),
    ]
    if error is not None:
        headers.extend(error_headers(error))
    return headers


def stream_headers(told: Told) -> list[Header]:
    return [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        # Nothing on the way may hold events back or change them.
        (b"cache-control", b"no-cache, no-transform"),
        (b"x-accel-buffering", b"no"),
        *_served_by(told),
    ]


def error_headers(error: ShownError) -> list[Header]:
    """What tells an SDK whether, and when, to try again."""
    headers = [(b"x-should-retry", b"true" if error.should_retry else b"false")]
    if error.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % math.ceil(error.retry_after_s)))
    if (asked := challenge(error)) is not None:
        headers.append(asked)
    return headers


def _served_by(told: Told) -> list[Header]:
    state = told.state
    overhead_ms = max(0.0, told.elapsed_ms() - state.waited_s * 1e3)
    headers = [
        (b"x-request-id", state.arrival.request_id.encode()),
        (b"x-opengateway-zone", told.services.zone.encode()),
        (b"x-opengateway-attempts", b"%d" % len(state.attempts)),
        (b"x-opengateway-sticky", b"none"),
        (b"x-opengateway-overhead-ms", b"%.2f" % overhead_ms),
    ]
    winner = state.winner
    if winner is not None:
        headers += [
            (b"x-opengateway-provider", winner.provider.id.encode()),
            (b"x-opengateway-region", winner.endpoint.region.encode()),
            (b"x-opengateway-model", winner.model.id.encode()),
        ]
    if state.dropped:
        headers.append((b"x-opengateway-dropped-params", ",".join(state.dropped).encode()))
    return headers
