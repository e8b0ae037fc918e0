"""Response headers: what is said of a request beside its body (contract, part 4).

They are made as lines, each with its CRLF: that is how they leave, and joining them anew from pairs
would cost more than all that is said in them.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final, Protocol

from opengateway.domain.errors import ShownError
from opengateway.gateway.presentation import challenge
from opengateway.gateway.routing.route import Route
from opengateway.gateway.services import GatewayServices
from opengateway.gateway.state import ExchangeState

JSON: Final = b"content-type: application/json\r\n"
# Nothing on the way may hold events back or change them.
_EVENTS: Final = (
    b"content-type: text/event-stream; charset=utf-8\r\n"
    b"cache-control: no-cache, no-transform\r\n"
    b"x-accel-buffering: no\r\n"
)


_STICKY: Final = {"": b"none", "hit": b"hit", "miss": b"miss", "moved": b"moved"}


class Told(Protocol):
    services: GatewayServices
    state: ExchangeState
    route: Route

    def elapsed_s(self) -> float: ...


def json_head(
    told: Told, error: ShownError | None = None, content_type: str = "application/json"
) -> bytes:
    """Of a whole answer."""
    kind = JSON if content_type == "application/json" else _kind(content_type)
    head = kind + _served_by(told)
    return head if error is None else head + error_lines(error)


def stream_head(told: Told) -> bytes:
    return _EVENTS + _served_by(told)


def refusal_head(error: ShownError) -> bytes:
    """Of an error before an exchange began."""
    return b"%bx-request-id: %b\r\n%b" % (JSON, error.request_id.encode(), error_lines(error))


def pairs_of(head: bytes) -> list[tuple[bytes, bytes]]:
    """Lines as pairs, for what keeps an answer."""
    return [
        (name, value)
        for name, _, value in (line.partition(b": ") for line in head.split(b"\r\n") if line)
    ]


def error_lines(error: ShownError) -> bytes:
    """What tells an SDK whether, and when, to try again."""
    lines = b"x-should-retry: true\r\n" if error.should_retry else b"x-should-retry: false\r\n"
    if error.retry_after_s is not None:
        lines += b"retry-after: %d\r\n" % math.ceil(error.retry_after_s)
    if (asked := challenge(error)) is not None:
        lines += b"%b: %b\r\n" % asked
    return lines


def _served_by(told: Told) -> bytes:
    state = told.state
    overhead_ms = (told.elapsed_s() - state.waited_s) * 1e3
    winner = state.winner
    if winner is None:
        place = _zone(told.services.zone)
    else:
        place = _place(
            told.services.zone, winner.provider.id, winner.endpoint.region, winner.model.id
        )
    lines = (
        b"x-request-id: %b\r\nrequest-id: %b\r\n%bx-opengateway-attempts: %d\r\n"
        b"x-opengateway-sticky: %b\r\nx-opengateway-overhead-ms: %.2f\r\n"
        % (
            state.arrival.request_id.encode(),
            state.arrival.request_id.encode(),
            place,
            len(state.attempts),
            _STICKY[told.route.sticky],
            max(0.0, overhead_ms),
        )
    )
    if state.rates is not None and told.services.rates is not None:
        lines += b"".join(b"%b: %b\r\n" % pair for pair in told.services.rates.headers(state.rates))
    if state.dropped:
        lines += b"x-opengateway-dropped-params: %b\r\n" % ",".join(state.dropped).encode()
    if state.emulated:
        lines += b"x-opengateway-emulated-params: %b\r\n" % ",".join(state.emulated).encode()
    return lines


@lru_cache(maxsize=64)
def _kind(content_type: str) -> bytes:
    return b"content-type: %b\r\n" % content_type.encode()


@lru_cache(maxsize=64)
def _zone(zone: str) -> bytes:
    return b"x-opengateway-zone: %b\r\n" % zone.encode()


@lru_cache(maxsize=4096)
def _place(zone: str, provider: str, region: str, model: str) -> bytes:
    """The same for every answer of one place."""
    return (
        b"%bx-opengateway-provider: %b\r\nx-opengateway-region: %b\r\nx-opengateway-model: %b\r\n"
        % (_zone(zone), provider.encode(), region.encode(), model.encode())
    )
