"""The records in pushed journal bytes, some at a time, so that a large push needs no large memory."""

from __future__ import annotations

import struct
import zlib
from typing import Final

import msgspec

from opengateway.domain.records import JournalRecord
from opengateway.kit import framing

_decode: Final = msgspec.msgpack.Decoder(JournalRecord).decode
_HEAD: Final = struct.Struct("<II")


class JournalReader:
    """Reads on through `body`. `consumed` is the offset after the last whole record that was given.

    Nothing is wrong with a frame that is cut short: the rest of it comes with the next push.
    `damage` says what is wrong at `consumed`; reading ends there.
    """

    def __init__(self, body: bytes) -> None:
        self._body = memoryview(body)
        self.consumed = 0
        self.damage: str | None = None

    def next(self, limit: int) -> list[JournalRecord]:
        """At most `limit` records; none at the end of what can be read."""
        records: list[JournalRecord] = []
        if self.damage is not None:
            return records
        body, at, end = self._body, self.consumed, len(self._body)
        while len(records) < limit and at + framing.HEAD_BYTES <= end:
            length, checksum = _HEAD.unpack_from(body, at)
            begin = at + framing.HEAD_BYTES
            if length == 0 or (begin + length > end and length <= framing.MAX_PAYLOAD_BYTES):
                break
            if length > framing.MAX_PAYLOAD_BYTES:
                self.damage = f"a frame of {length} bytes at offset {at}"
                break
            payload = body[begin : begin + length]
            if zlib.crc32(payload) != checksum:
                self.damage = f"a wrong checksum at offset {at}"
                break
            try:
                records.append(_decode(payload))
            except msgspec.DecodeError as error:
                # Whole, but not a record of ours: written by another version, or by nobody of us.
                self.damage = f"a record at offset {at} cannot be read: {error}"
                break
            at = begin + length
        self.consumed = at
        return records
