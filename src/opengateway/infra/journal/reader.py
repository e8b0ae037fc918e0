"""Reading segments: for the shipper in batches, for tools record by record.

A segment may end in a torn write (a kill, a power loss) or in zeros (the reserve). Nothing valid
follows those; where something does, the bytes between are damage.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import msgspec

from opengateway.domain.records import JournalRecord
from opengateway.kit.framing import HEAD_BYTES, MAX_PAYLOAD_BYTES, CorruptFrame, scan

BATCH_BYTES: Final = 1024 * 1024

DAMAGED_KEPT: Final = 16
"""Files kept as evidence of damage; past it they are mended without a copy."""

_HEAD: Final = struct.Struct("<II")
_MARKS: Final = (b"\xa4type\xa4open", b"\xa4type\xa5close")
"""How a record's payload begins, after the one or three bytes that say it is a map: by these the
next frame is found after damage. The byte before `open` and `close` cannot follow `type` in UTF-8,
so no text of a caller holds a mark."""
_MARK_BYTES: Final = max(map(len, _MARKS))
_MAP_HEADS: Final = (1, 3)

_decoder: Final = msgspec.msgpack.Decoder(JournalRecord)


class Batch(NamedTuple):
    data: bytes
    """Whole frames, in their framing."""
    payloads: list[bytes]
    more: bool
    """Whether to ask again after them: there may be more frames."""


@dataclass(slots=True)
class Skipped:
    """What a reader that goes on after damage left out."""

    stretches: int = 0
    bytes: int = 0


def read_records(path: Path, *, skipped: Skipped | None = None) -> Iterator[JournalRecord]:
    """The records of a segment, in order. A torn or empty tail is the end.

    Raises `CorruptFrame` at damage that readable records follow; given `skipped`, goes on after it
    and counts there.
    """
    at = 0
    while True:
        try:
            batch = read_batch(path, at)
        except CorruptFrame:
            after = find_frame(path, at + 1)
            if skipped is None or after is None:
                raise
            skipped.stretches += 1
            skipped.bytes += after - at
            at = after
            continue
        for payload in batch.payloads:
            try:
                record = _decoder.decode(payload)
            except msgspec.MsgspecError as error:
                if skipped is None:
                    raise CorruptFrame(
                        f"an unreadable record at offset {at}: {error}", at
                    ) from error
                skipped.stretches += 1
                skipped.bytes += HEAD_BYTES + len(payload)
            else:
                yield record
            at += HEAD_BYTES + len(payload)
        if not batch.more:
            return


def read_batch(path: Path, at: int, limit: int = BATCH_BYTES) -> Batch:
    """The whole frames from `at` on, about `limit` bytes of them, at least one if there is one.

    Raises `CorruptFrame` when `at` is damaged and something readable follows, and `OSError`.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(at)
        chunk = file.read(limit)
        if len(chunk) >= HEAD_BYTES:
            first = HEAD_BYTES + _HEAD.unpack_from(chunk)[0]
            if len(chunk) < first <= min(size - at, HEAD_BYTES + MAX_PAYLOAD_BYTES):
                chunk += file.read(first - len(chunk))
        try:
            payloads, used = scan(chunk)
        except CorruptFrame as error:
            used = int(error.args[1])
            payloads, _ = scan(chunk[:used])
        if used == 0 and at < size and (after := _find(file, size, at + 1)) is not None:
            raise CorruptFrame(f"damage from offset {at} to {after}", at)
    return Batch(chunk[:used], payloads, more=used > 0 and at + used < size)


def find_frame(path: Path, start: int) -> int | None:
    """Where the first whole frame of a record at or after `start` begins, if there is one."""
    with path.open("rb") as file:
        return _find(file, os.fstat(file.fileno()).st_size, start)


def _find(file: BinaryIO, size: int, start: int) -> int | None:
    lead = HEAD_BYTES + max(_MAP_HEADS) + _MARK_BYTES
    at = start
    while at < size:
        file.seek(at)
        window = file.read(BATCH_BYTES + lead)
        for head in _candidates(window):
            if head < BATCH_BYTES and _is_frame(file, size, at + head):
                return at + head
        at += BATCH_BYTES
    return None


def _candidates(window: bytes) -> Iterator[int]:
    """Where frames may begin in `window`, in order, by the marks in it."""
    heads: list[int] = []
    for mark in _MARKS:
        found = window.find(mark)
        while found >= 0:
            heads.extend(found - HEAD_BYTES - extra for extra in _MAP_HEADS)
            found = window.find(mark, found + 1)
    return iter(sorted(head for head in heads if head >= 0))


def _is_frame(file: BinaryIO, size: int, at: int) -> bool:
    file.seek(at)
    head = file.read(HEAD_BYTES)
    length: int
    checksum: int
    length, checksum = _HEAD.unpack(head)
    if not 0 < length <= min(MAX_PAYLOAD_BYTES, size - at - HEAD_BYTES):
        return False
    return zlib.crc32(file.read(length)) == checksum


def salvage(path: Path, keep: int, damaged: Path) -> Skipped:
    """Leave out of a segment what is damaged after its first `keep` bytes.

    The file as it was is linked as `damaged` first, for whoever wants to know. Raises `OSError`.
    """
    skipped = Skipped()
    clean = path.with_suffix(".clean")
    with path.open("rb") as source, clean.open("wb") as target:
        for at in range(0, keep, BATCH_BYTES):
            target.write(source.read(min(BATCH_BYTES, keep - at)))
        at = keep
        while True:
            try:
                batch = read_batch(path, at)
            except CorruptFrame:
                after = find_frame(path, at + 1)
                assert after is not None, "damage is what readable records follow"
                skipped.stretches += 1
                skipped.bytes += after - at
                at = after
                continue
            target.write(batch.data)
            at += len(batch.data)
            if not batch.more:
                break
        target.flush()
        os.fsync(target.fileno())
    damaged.parent.mkdir(mode=0o700, exist_ok=True)
    if not damaged.exists() and len(os.listdir(damaged.parent)) < DAMAGED_KEPT:
        os.link(path, damaged)
    os.replace(clean, path)
    return skipped
