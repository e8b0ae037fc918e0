"""A public shape: what callers send, and how errors and stream ends look to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from opengateway.domain.chat import ChatRequest
from opengateway.domain.errors import ShownError
from opengateway.kit.json import JsonObject


class ChatDialect(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def end_marker(self) -> bytes:
        """What tells the caller that a stream ended well. Sent by the relay, last."""
        ...

    @property
    def keep_alive(self) -> bytes:
        """Bytes that mean nothing, for a silence within a stream."""
        ...

    def decode(self, body: bytes, headers: Mapping[str, str]) -> ChatRequest:
        """Raises `InvalidRequest` with the member at fault; anything else is a bug of ours."""
        ...

    def shown(self, error: ShownError) -> ShownError:
        """The error with this dialect's own status, type and wording."""
        ...

    def error_body(self, error: ShownError) -> bytes: ...

    def error_event(self, error: ShownError) -> bytes:
        """The last event of a stream that broke. The end marker does not follow it."""
        ...


class RoutingNotes(Protocol):
    """How a dialect shows `debug.routing`. Not every dialect has a place for it."""

    def whole(self, body: bytes, note: JsonObject) -> bytes:
        """A whole answer or error with the note in it."""
        ...

    def event(self, request_id: str, created: int, model: str, note: JsonObject) -> bytes:
        """The last event of a stream before its end marker."""
        ...

    def seam(self, request_id: str, created: int, model: str, note: JsonObject) -> bytes:
        """An event between what one provider said and what another goes on with."""
        ...
