"""What came in: the immutable beginning of a request."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Arrival(msgspec.Struct, frozen=True):
    """Made by step 1, `accept`. `accepted_at` is monotonic seconds; header names are lower-case."""

    request_id: str
    started_at_ns: int
    accepted_at: float
    operation: str
    headers: Mapping[str, str]
    body: bytes
    client_request_id: str | None


def client_request_id(headers: Mapping[str, str]) -> str | None:
    """The caller's own id, kept beside ours (decision 26); only what is printable."""
    value = headers.get("x-request-id") or headers.get("x-client-request-id")
    if value and len(value) <= 128 and value.isprintable():
        return value
    return None
