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
