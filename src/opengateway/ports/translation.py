"""The translation lane: a dialect and a wire that differ, joined by the canonical form.

N wires parse, one renderer a dialect: N + M, never N x M, and never wire to wire to wire.
`gateway/translation.py` joins a pair into a `ports.provider.ChatWire`; it alone keeps the terminal
invariant and counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from opengateway.domain.canonical import CanonicalRequest
from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import ChatRequest, Meter, UpstreamCall
from opengateway.domain.errors import UpstreamError
from opengateway.domain.events import Event


class StreamParser(Protocol):
    """Upstream bytes to events. New per stream; raises nothing: trouble is a `Failure`."""

    def feed(self, chunk: bytes) -> Sequence[Event]:
        """The events that `chunk` completes. Cut anywhere, the events are the same."""
        ...

    def end(self) -> Sequence[Event]:
        """The upstream closed: what was held back; a `Failure` (truncated) without end marker."""
        ...


class CanonicalWire(Protocol):
    """One upstream shape, from and to the canonical form. Pure; one object serves all requests."""

    def request(
        self, request: CanonicalRequest, endpoint: Endpoint, provider: Provider
    ) -> UpstreamCall:
        """Raises `InvalidRequest` for what this vendor cannot do and must not be dropped."""
        ...

    def reply(self, body: bytes, endpoint: Endpoint, provider: Provider) -> Sequence[Event]:
        """A whole 2xx answer as events, `End` or `Failure` last. Raises nothing."""
        ...

    def parser(self, endpoint: Endpoint, provider: Provider) -> StreamParser: ...

    def error(
        self, status: int, headers: Mapping[str, str], body: bytes, provider: Provider
    ) -> UpstreamError:
        """Classify an answer of status >= 300. `headers` have lower-case names."""
        ...


class StreamRenderer(Protocol):
    """Events to one dialect's frames, whole ones only. New per stream.

    `Finish` and usage leave with `End`: a stream that breaks never shows a finish. `End` does not
    make the dialect's end marker; the relay sends it once the record is safe. `Failure` makes no
    frame either: the relay tells it.
    """

    def render(self, event: Event) -> bytes: ...


class EventGuard(Protocol):
    """Keeps the terminal invariant, and counts. One per answer; see `gateway.translation.Guard`."""

    meter: Meter
    done: bool
    error: UpstreamError | None

    def take(self, events: Sequence[Event]) -> Sequence[Event]:
        """The events that may be shown."""
        ...

    def close(self) -> None:
        """Nothing comes any more: without an end, that is an error."""
        ...


class ChatRenderer(Protocol):
    """A dialect's way into and out of the canonical form."""

    def canonical(self, chat: ChatRequest, team_id: str) -> CanonicalRequest:
        """Raises `InvalidRequest` with the member at fault."""
        ...

    def stream(self, chat: ChatRequest, model_id: str) -> StreamRenderer: ...

    def whole(self, events: Sequence[Event], meter: Meter, model_id: str) -> bytes:
        """The whole answer's body. `events` hold no `Failure`."""
        ...
