"""The translation lane for dialects whose answers repeat what was asked, and end in one word.

Two things such a dialect needs beside what `translation` gives: its whole answer is made with the
request at hand, and its last event is made by the renderer that made all others (it holds the whole
answer, and its number). That last event is kept back until the record is safe, as an end marker is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from opengateway.domain.canonical import CanonicalRequest
from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import ChatReply, ChatRequest, Meter, UpstreamCall
from opengateway.domain.errors import ShownError, UpstreamError
from opengateway.domain.events import Event
from opengateway.gateway.fences import unfenced, unfencing
from opengateway.gateway.translation import Guard, TranslatedStream
from opengateway.ports.dialect import ChatDialect
from opengateway.ports.provider import ChatStream
from opengateway.ports.translation import CanonicalWire, StreamParser, StreamRenderer


class EndingRenderer(StreamRenderer, Protocol):
    """A stream's renderer that makes the stream's last event too."""

    @property
    def ending(self) -> bytes:
        """What tells that the answer is whole; empty until it is."""
        ...

    def broken(self, error: ShownError) -> bytes:
        """What tells that it broke. Nothing follows."""
        ...


class EchoingRenderer(Protocol):
    """A dialect's way into and out of the canonical form. See `ports.translation.ChatRenderer`."""

    def canonical(self, chat: ChatRequest, team_id: str) -> CanonicalRequest: ...

    def stream(self, chat: ChatRequest, model_id: str) -> EndingRenderer: ...

    def whole_of(
        self, chat: ChatRequest, events: Sequence[Event], meter: Meter, model_id: str
    ) -> bytes:
        """The whole answer's body. `events` hold no `Failure`."""
        ...


class EchoingStream(TranslatedStream):
    """One stream, with its own last word."""

    __slots__ = ("_ending",)

    def __init__(self, parser: StreamParser, renderer: EndingRenderer, provider_id: str) -> None:
        super().__init__(parser, renderer, provider_id)
        self._ending = renderer

    @property
    def ending(self) -> bytes:
        return self._ending.ending

    def broken(self, error: ShownError) -> bytes:
        return self._ending.broken(error)


def ending_of(stream: ChatStream, dialect: ChatDialect) -> bytes:
    """What tells the caller that a stream ended well: its own last event, or the dialect's mark."""
    return stream.ending if isinstance(stream, EchoingStream) else dialect.end_marker


def broken_of(stream: ChatStream, dialect: ChatDialect, error: ShownError) -> bytes:
    """What tells the caller that a stream broke."""
    if isinstance(stream, EchoingStream):
        return stream.broken(error)
    return dialect.error_event(error)


class EchoingWire:
    """A canonical wire and such a dialect as a `ports.provider.ChatWire`. Holds no state."""

    __slots__ = ("_renderer", "_wire")

    def __init__(self, wire: CanonicalWire, renderer: EchoingRenderer) -> None:
        self._wire = wire
        self._renderer = renderer

    def request(
        self, chat: ChatRequest, endpoint: Endpoint, provider: Provider, team_id: str
    ) -> UpstreamCall:
        return self._wire.request(self._renderer.canonical(chat, team_id), endpoint, provider)

    def reply(
        self, body: bytes, chat: ChatRequest, endpoint: Endpoint, provider: Provider, model_id: str
    ) -> ChatReply:
        guard = Guard(provider.id)
        kept = guard.take(unfenced(chat, self._wire.reply(body, endpoint, provider)))
        guard.close()
        if guard.error is not None:
            raise guard.error
        whole = self._renderer.whole_of(chat, kept, guard.meter, model_id)
        return ChatReply(whole, guard.meter)

    def stream(
        self, chat: ChatRequest, endpoint: Endpoint, provider: Provider, model_id: str
    ) -> EchoingStream:
        parser = unfencing(chat, self._wire.parser(endpoint, provider))
        return EchoingStream(parser, self._renderer.stream(chat, model_id), provider.id)

    def error(
        self, status: int, headers: Mapping[str, str], body: bytes, provider: Provider
    ) -> UpstreamError:
        return self._wire.error(status, headers, body, provider)
