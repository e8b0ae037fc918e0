"""AWS's binary event stream, `application/vnd.amazon.eventstream`: bytes to messages and back.

A message is a prelude (its whole length and its headers' length, each 4 bytes big-endian, and the
CRC32 of these 8 bytes), headers, payload, and the CRC32 of all before it. A header is its name
(1 byte of length), 1 byte of type, and a value; strings and bytes have 2 bytes of length.

Nothing is believed before its checksum fits, and no length reserves memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct, error
from typing import Final
from zlib import crc32

import msgspec

MAX_HEADER_BYTES: Final = 128 * 1024
"""The format's own bound for the headers of one message."""
_PRELUDE: Final = Struct(">III")
_LENGTHS: Final = Struct(">II")
_WORD: Final = Struct(">I")
_SHORT: Final = Struct(">H")
_OVERHEAD: Final = 16
"""Of a message without headers and payload: the prelude and the last checksum."""
_MAX_HEADERS: Final = 256
_FIXED: Final = {
    2: Struct(">b"),
    3: Struct(">h"),
    4: Struct(">i"),
    5: Struct(">q"),
    8: Struct(">q"),
}
_UUID_BYTES: Final = 16

HeaderValue = str | bytes | int | bool


class BadFrame(ValueError):
    """What came is no event stream. Its text says why, in a few words."""


class Message(msgspec.Struct, frozen=True):
    headers: Mapping[str, HeaderValue]
    payload: bytes

    def text(self, name: str) -> str:
        """The header, empty where it is absent or no string."""
        value = self.headers.get(name)
        return value if isinstance(value, str) else ""


class Decoder:
    """Takes bytes cut anywhere. Of no use any more once it has raised."""

    __slots__ = ("_buffer", "_limit", "_needed")

    def __init__(self, limit_bytes: int) -> None:
        self._buffer = bytearray()
        self._limit = limit_bytes
        self._needed = _PRELUDE.size
        """No more can be said before so many bytes are here."""

    @property
    def buffered(self) -> int:
        """Bytes of a message that is not whole yet: at the stream's end there must be none."""
        return len(self._buffer)

    def feed(self, chunk: bytes) -> list[Message]:
        """The messages that `chunk` completes. Raises `BadFrame`; those before it are lost."""
        messages, fault = self.take(chunk)
        if fault is not None:
            raise fault
        return messages

    def take(self, chunk: bytes) -> tuple[list[Message], BadFrame | None]:
        """The messages that `chunk` completes, and what was wrong with what follows them."""
        buffer = self._buffer
        buffer += chunk
        messages: list[Message] = []
        at, fault = 0, None
        while len(buffer) - at >= self._needed:
            try:
                size = self._size(at)
                if len(buffer) - at < size:
                    self._needed = size
                    break
                messages.append(_message(bytes(buffer[at : at + size])))
            except BadFrame as bad:
                fault = bad
                break
            at += size
            self._needed = _PRELUDE.size
        del buffer[:at]
        return messages, fault

    def _size(self, at: int) -> int:
        """The length of the message that begins at `at`. Raises `BadFrame`."""
        size, headers, checksum = _PRELUDE.unpack_from(self._buffer, at)
        if crc32(self._buffer[at : at + _LENGTHS.size]) != checksum:
            raise BadFrame("a prelude whose checksum does not fit")
        if size < _OVERHEAD or headers > size - _OVERHEAD:
            raise BadFrame("a message shorter than its parts")
        if size > self._limit or headers > MAX_HEADER_BYTES:
            raise BadFrame(f"a message larger than {self._limit} bytes")
        return int(size)


def _message(frame: bytes) -> Message:
    (checksum,) = _WORD.unpack_from(frame, len(frame) - _WORD.size)
    body = memoryview(frame)[: -_WORD.size]
    if crc32(body) != checksum:
        raise BadFrame("a message whose checksum does not fit")
    (headers_size,) = _WORD.unpack_from(frame, 4)
    start = _PRELUDE.size + headers_size
    try:
        return Message(_headers(frame[_PRELUDE.size : start]), bytes(body[start:]))
    except (error, IndexError, UnicodeDecodeError):
        raise BadFrame("headers that cannot be read") from None


def _headers(block: bytes) -> dict[str, HeaderValue]:
    headers: dict[str, HeaderValue] = {}
    at = 0
    while at < len(block):
        if len(headers) >= _MAX_HEADERS:
            raise BadFrame(f"more than {_MAX_HEADERS} headers")
        name, at = _piece(block, at + 1, block[at])
        kind = block[at]
        at += 1
        value: HeaderValue
        match kind:
            case 0 | 1:
                value = kind == 0
            case 6 | 7:
                (size,) = _SHORT.unpack_from(block, at)
                raw, at = _piece(block, at + _SHORT.size, size)
                value = raw.decode() if kind == 7 else raw
            case 9:
                value, at = _piece(block, at, _UUID_BYTES)
            case _ if (fixed := _FIXED.get(kind)) is not None:
                (value,) = fixed.unpack_from(block, at)
                at += fixed.size
            case _:
                raise BadFrame(f"a header of the unknown type {kind}")
        headers[name.decode()] = value
    return headers


def _piece(block: bytes, at: int, size: int) -> tuple[bytes, int]:
    """`size` bytes and where they end. Raises `BadFrame` where there are fewer."""
    piece = block[at : at + size]
    if len(piece) < size:
        raise BadFrame("a header longer than the headers")
    return piece, at + size


def encode(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message with string headers. Raises `ValueError` for a name or value that is too long."""
    block = bytearray()
    for name, value in headers.items():
        written, said = name.encode(), value.encode()
        if not 0 < len(written) < 256 or len(said) > 0x7FFF:
            raise ValueError(f"the header {name[:60]!r} is too long; shorten it")
        block += bytes((len(written),)) + written + b"\x07" + _SHORT.pack(len(said)) + said
    lengths = _LENGTHS.pack(_OVERHEAD + len(block) + len(payload), len(block))
    frame = lengths + _WORD.pack(crc32(lengths)) + block + payload
    return frame + _WORD.pack(crc32(frame))
