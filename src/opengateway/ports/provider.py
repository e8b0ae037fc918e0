"""What a provider is to the pipeline: pure mappers for one wire. No I/O, no clock, no chance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import ChatReply, ChatRequest, Meter, UpstreamCall
from opengateway.domain.errors import UpstreamError


class ChatStream(Protocol):
    """Maps one stream. New per attempt. Bytes in, whole caller frames out.

    It never emits the dialect's end marker: the relay does, after the record is safe.
    """

    meter: Meter
    done: bool
    """The wire's end marker was seen. What comes after it is ignored."""
    error: UpstreamError | None
    """In-band trouble, set by `feed` or `end`; frames returned with it came before it."""

    def feed(self, chunk: bytes) -> bytes:
        """Take upstream bytes cut anywhere; return the whole frames they complete (maybe empty).

        Raises nothing: malformed input sets `error`.
        """
        ...

    def end(self) -> bytes:
        """The upstream closed. Sets `error` (truncated) unless the end marker was seen."""
        ...


class ChatWire(Protocol):
    """One upstream shape: request, reply, stream and error, each its own direction."""

    def request(
        self, chat: ChatRequest, endpoint: Endpoint, provider: Provider, team_id: str
    ) -> UpstreamCall:
        """Make the upstream request.

        `team_id` salts what names a user or a cache. Raises `InvalidRequest` for what this
        provider cannot do and must not be dropped (n, a schema, a forced tool, ...).
        """
        ...

    def reply(
        self, body: bytes, chat: ChatRequest, endpoint: Endpoint, provider: Provider, model_id: str
    ) -> ChatReply:
        """Map a whole 2xx answer. Raises `UpstreamError` for a 200 that holds an error."""
        ...

    def stream(
        self, chat: ChatRequest, endpoint: Endpoint, provider: Provider, model_id: str
    ) -> ChatStream: ...

    def error(
        self, status: int, headers: Mapping[str, str], body: bytes, provider: Provider
    ) -> UpstreamError:
        """Classify an answer of status >= 300. `headers` have lower-case names."""
        ...
