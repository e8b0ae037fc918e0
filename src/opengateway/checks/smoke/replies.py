"""What came back from a call of the public API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from opengateway.kit import json

NOT_REACHED: Final = 0
"""The status where nothing came back."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    duration_ms: float

    @property
    def request_id(self) -> str:
        return self.headers.get("x-request-id", "")

    def json(self) -> Any:
        """None where it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Streamed:
    """`events` are the data of each; `ended` whether the end marker came."""

    status: int
    headers: Mapping[str, str]
    events: list[Any]
    ended: bool
    duration_ms: float
    first_token_ms: float | None
    body: bytes = b""

    @property
    def request_id(self) -> str:
        return self.headers.get("x-request-id", "")
