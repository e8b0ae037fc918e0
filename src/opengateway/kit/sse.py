"""Server-sent events as bytes: cutting a byte stream into whole events, within a bound.

Follows the WHATWG event-stream grammar: LF, CR and CRLF end a line, a blank line ends an event,
lines that begin with a colon are comments, a byte-order mark at the start is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec


class FrameTooLarge(ValueError):
    """One event is larger than the decoder's bound."""


class ServerEvent(msgspec.Struct, frozen=True):
    """One event. `data` joins the event's data lines with LF; `event` is empty when unnamed.

    A struct, not a dataclass: one is made for every event of every stream.
    """

    data: bytes
    event: str = ""


class Decoder:
    """Feed it chunks cut anywhere; it yields whole events. Not thread-safe; one per stream."""

    __slots__ = ("_buffer", "_limit", "_pending_cr", "_started", "comments")

    def __init__(self, limit_bytes: int) -> None:
        self._buffer = b""
        self._limit = limit_bytes
        self._started = False
        self._pending_cr = False
        self.comments = 0
        """How many comment lines went past: the peer lives, though it says nothing."""

    @property
    def buffered(self) -> int:
        """Bytes of an event that has begun and not ended."""
        return len(self._buffer)

    def whole(self, chunk: bytes) -> bytes | None:
        """The data of the one unnamed event of one line that `chunk` is, and nothing else: most are
        that. Else None, with nothing taken: then `feed` it."""
        if (
            self._started
            and not self._buffer
            and not self._pending_cr
            and chunk.startswith(b"data: ")
            and chunk.find(b"\n") == len(chunk) - 2
            and chunk.endswith(b"\n")
            and b"\r" not in chunk
            and len(chunk) <= self._limit
        ):
            return chunk[6:-2]
        return None

    def feed(self, chunk: bytes) -> Iterator[ServerEvent]:
        """Yield every event that `chunk` completes. Raises `FrameTooLarge`.

        The iterator must be used up before the next call.
        """
        if not self._started and (chunk or self._buffer):
            whole = self._buffer + chunk
            if len(whole) < 3 and b"\xef\xbb\xbf".startswith(whole):
                self._buffer = whole
                return
            self._buffer, chunk = b"", whole.removeprefix(b"\xef\xbb\xbf")
            self._started = True
        if self._pending_cr or b"\r" in chunk:
            chunk = self._normalise(chunk)
        # What was buffered holds no blank line: look again only from its last byte on.
        search = max(0, len(self._buffer) - 1)
        buffer = self._buffer + chunk if self._buffer else chunk
        start = 0
        while (end := buffer.find(b"\n\n", search)) >= 0:
            block = buffer[start:end]
            start = search = end + 2
            # More blank lines than one may stand between two events.
            if (event := self._parse(block)) is not None:
                yield event
        self._buffer = buffer[start:]
        if len(self._buffer) > self._limit:
            raise FrameTooLarge(f"an event is larger than {self._limit} bytes")

    def end(self) -> Iterator[ServerEvent]:
        """The stream is over: a lone CR that waited for its LF may yet have ended an event."""
        if self._pending_cr:
            self._pending_cr = False
            yield from self.feed(b"\n")

    def _normalise(self, chunk: bytes) -> bytes:
        """Make every line ending LF. A CR at the end waits: an LF of the next chunk is its half."""
        if self._pending_cr:
            chunk = b"\r" + chunk
        self._pending_cr = chunk.endswith(b"\r")
        if self._pending_cr:
            chunk = chunk[:-1]
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _parse(self, block: bytes) -> ServerEvent | None:
        if block.startswith(b"data:") and b"\n" not in block:  # nearly every event
            return ServerEvent(block[6:] if block[5:6] == b" " else block[5:])
        if block.startswith(b"event: "):  # and nearly every named one
            name_line, _, rest = block.partition(b"\n")
            if rest.startswith(b"data: ") and b"\n" not in rest:
                return ServerEvent(rest[6:], name_line[7:].decode(errors="replace"))
        data: list[bytes] = []
        name = ""
        for line in block.split(b"\n"):
            field, colon, value = line.partition(b":")
            if not field:
                if colon:
                    self.comments += 1
                continue
            value = value.removeprefix(b" ")
            if field == b"data":
                data.append(value)
            elif field == b"event":
                name = value.decode(errors="replace")
        if not data:
            return None
        return ServerEvent(b"\n".join(data), name)
