"""What a caller sent and was answered, where the team keeps that (ADR-0038)."""

from __future__ import annotations

import zlib
from typing import Final

import msgspec

MAX_BYTES: Final = 4 * 1024 * 1024
"""Of one body while it travels, as it was: what is larger was not made by a gateway."""


class CapturedBody(msgspec.Struct, frozen=True):
    """As the gateway saw it. `request_bytes` and `answer_bytes` count what was cut off too."""

    request_id: str
    team_id: str
    member_id: str | None
    started_at_ns: int
    operation: str
    request: bytes
    request_bytes: int
    answer: bytes
    answer_bytes: int
    stream: bool


class SealedBody(msgspec.Struct, frozen=True):
    """As it lies and travels. `sealed` is an envelope for `purpose_of` it."""

    request_id: str
    team_id: str
    member_id: str | None
    started_at_ns: int
    sealed: bytes


class KeptBody(msgspec.Struct, frozen=True):
    """As it is kept: a stream is one answer again, and what must not be kept is taken out."""

    request: str
    request_bytes: int
    request_cut: bool
    answer: str
    answer_bytes: int
    answer_cut: bool
    redactions: int


def purpose_of(team_id: str, request_id: str) -> str:
    """What an envelope is for: a row that is moved to another team cannot be opened."""
    return f"body:{team_id}:{request_id}"


def packed(body: CapturedBody | KeptBody) -> bytes:
    return zlib.compress(msgspec.msgpack.encode(body), 1)


def captured_of(data: bytes) -> CapturedBody:
    """Raises `BadBody`."""
    try:
        return _captured(_unpacked(data))
    except (msgspec.MsgspecError, zlib.error):
        raise BadBody("this is no body of a gateway") from None


def kept_of(data: bytes) -> KeptBody:
    """Raises `BadBody`."""
    try:
        return _kept(_unpacked(data))
    except (msgspec.MsgspecError, zlib.error):
        raise BadBody("this is no kept body") from None


class BadBody(ValueError):
    """It cannot be read. Says nothing of it."""


def _unpacked(data: bytes) -> bytes:
    opening = zlib.decompressobj()
    plain = opening.decompress(data, MAX_BYTES)
    if not opening.eof:
        raise BadBody(f"a body of more than {MAX_BYTES} bytes")
    return plain


_captured: Final = msgspec.msgpack.Decoder(CapturedBody).decode
_kept: Final = msgspec.msgpack.Decoder(KeptBody).decode
