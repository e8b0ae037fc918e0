"""Length- and checksum-framed records, for files that may end in a torn write.

A frame is four bytes of payload length, four bytes of CRC-32 of the payload (both little-endian),
then the payload. A length of zero is the end: preallocated space reads as zeros.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

_HEAD: Final = struct.Struct("<II")
HEAD_BYTES: Final = _HEAD.size
MAX_PAYLOAD_BYTES: Final = 16 * 1024 * 1024


class CorruptFrame(ValueError):
    """A frame's checksum or length is wrong: the bytes were damaged, not merely cut short."""


def frame(payload: bytes) -> bytes:
    """One frame. The payload is 1 byte to 16 MiB."""
    assert 0 < len(payload) <= MAX_PAYLOAD_BYTES, "payload size out of bounds"
    return _HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def scan(data: bytes | memoryview) -> tuple[list[bytes], int]:
    """The whole frames at the start of `data`, and how many bytes they take.

    Stops at a frame cut short or at zeros. Raises `CorruptFrame` for damage, with nothing lost:
    `CorruptFrame.args[1]` is the offset of the damaged frame.
    """
    view = memoryview(data)
    frames: list[bytes] = []
    at = 0
    while at + HEAD_BYTES <= len(view):
        length, checksum = _HEAD.unpack_from(view, at)
        if length == 0:
            break
        if length > MAX_PAYLOAD_BYTES:
            raise CorruptFrame(f"a frame of {length} bytes at offset {at}", at)
        end = at + HEAD_BYTES + length
        if end > len(view):
            break
        payload = bytes(view[at + HEAD_BYTES : end])
        if zlib.crc32(payload) != checksum:
            raise CorruptFrame(f"a wrong checksum at offset {at}", at)
        frames.append(payload)
        at = end
    return frames, at
