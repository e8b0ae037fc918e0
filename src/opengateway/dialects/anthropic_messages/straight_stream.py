"""A stream of this very dialect, handed on: whole events as they came, read on their way.

What is read is read by the wire's own parser and counted by the same guard as in the translation
lane, so that both lanes bill alike. Only three things are not as they came: the model's name; the
stop reason, which waits for the end, since a stream that breaks must not show one; and the end
itself, which leaves when the record is safe. An error is withheld: the relay tells it.
"""

from __future__ import annotations

from typing import Final

import msgspec

from opengateway.domain.chat import Meter
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.domain.events import Failure
from opengateway.kit.json import DecodeError, Raw, dumps, loads_raw_object
from opengateway.kit.sse import Decoder, FrameTooLarge, ServerEvent
from opengateway.ports.translation import EventGuard, StreamParser

EVENT_LIMIT_BYTES: Final = 16 * 1024 * 1024
HELD_BYTES: Final = 1024 * 1024
"""Of events behind a stop reason."""


class _Kind(msgspec.Struct):
    type: str = ""


_kind = msgspec.json.Decoder(_Kind).decode


class StraightStream:
    """One stream. See `ports.provider.ChatStream`."""

    __slots__ = (
        "_decoder",
        "_guard",
        "_has_begun",
        "_held",
        "_held_bytes",
        "_model",
        "_parser",
        "meter",
    )

    def __init__(self, parser: StreamParser, guard: EventGuard, model_id: str) -> None:
        self._parser = parser
        self._guard = guard
        self._model = model_id
        self._decoder = Decoder(EVENT_LIMIT_BYTES)
        self._has_begun = False
        self._held: list[bytes] = []
        self._held_bytes = 0
        self.meter: Meter = guard.meter

    @property
    def done(self) -> bool:
        return self._guard.done

    @done.setter
    def done(self, done: bool) -> None:
        self._guard.done = done

    @property
    def error(self) -> UpstreamError | None:
        return self._guard.error

    @error.setter
    def error(self, error: UpstreamError | None) -> None:
        self._guard.error = error

    def feed(self, chunk: bytes) -> bytes:
        out: list[bytes] = []
        if self._is_over:
            return b""
        try:
            for event in self._decoder.feed(chunk):
                if not self._is_over:
                    self._take(event, out)
        except FrameTooLarge as error:
            self._fail(f"the provider sent {error}")
        return b"".join(out)

    def end(self) -> bytes:
        out: list[bytes] = []
        if self._is_over:
            return b""
        for event in self._decoder.end():
            self._take(event, out)
        if not self._is_over:
            self._guard.take(self._parser.end())
            self._guard.close()
        return b"".join(out)

    @property
    def _is_over(self) -> bool:
        return self._guard.done or self._guard.error is not None

    def _take(self, event: ServerEvent, out: list[bytes]) -> None:
        """What an event is stands in its data; clients go by its name: here both are the same."""
        data = event.data if b"\n" not in event.data else event.data.replace(b"\n", b" ")
        guard = self._guard
        guard.take(self._parser.feed(b"data: %b\n\n" % data))
        if guard.error is not None:
            return
        if guard.done:
            out += self._held
            return
        try:
            name = _kind(data).type or event.event
        except DecodeError:  # of another shape: the parser passed it over
            return
        if name == "message_start":
            self._has_begun = True
            data = self._named(data)
        elif not self._has_begun and name != "ping":
            self._fail("the provider began its answer without a message_start")
            return
        if not name or not name.isprintable() or name in ("message_stop", "error"):
            return
        frame = b"event: %b\ndata: %b\n\n" % (name.encode(), data)
        if name == "message_delta" or self._held:
            self._hold(frame)
        else:
            out.append(frame)

    def _hold(self, frame: bytes) -> None:
        self._held.append(frame)
        self._held_bytes += len(frame)
        if self._held_bytes > HELD_BYTES:
            self._fail(f"the provider sent more than {HELD_BYTES} bytes after its stop reason")

    def _named(self, data: bytes) -> bytes:
        """The start with the model's name of our catalogue (decision 30)."""
        told = loads_raw_object(data)
        message = loads_raw_object(told["message"])
        message["model"] = Raw(dumps(self._model))
        told["message"] = Raw(dumps(message))
        return dumps(told)

    def _fail(self, what: str) -> None:
        self._guard.take((Failure(UpstreamError(ErrorClass.MALFORMED, what)),))
