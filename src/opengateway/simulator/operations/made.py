"""What a vendor makes, made up: the same for the same request, and of the right size."""

from __future__ import annotations

import base64
import math
import re
import struct
import zlib
from hashlib import blake2b
from typing import Final

DIMENSIONS: Final = 256
_SAMPLE_RATE: Final = 24_000
_CHARACTERS_PER_SECOND: Final = 15
_MAGIC: Final = {
    "mp3": b"ID3\x04\x00\x00\x00\x00\x00\x00",
    "opus": b"OggS\x00\x02",
    "aac": b"\xff\xf1\x50\x80",
    "flac": b"fLaC\x00\x00\x00\x22",
    "pcm": b"",
}


def vector(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """Of length 1. Texts with words in common are nearer to each other than others."""
    sums = [0.0] * dimensions
    for word in re.findall(r"\w+", text.lower())[:256] or [text[:256]]:
        seed = blake2b(word.encode(), digest_size=64).digest()
        for at in range(dimensions):
            sums[at] += (seed[at % 64] ^ (at * 37 % 251)) / 128 - 1
    norm = math.sqrt(math.fsum(value * value for value in sums)) or 1.0
    # As a 32-bit float has it, so that both forms say the same.
    packed = struct.pack(f"<{dimensions}f", *(value / norm for value in sums))
    return list(struct.unpack(f"<{dimensions}f", packed))


def as_base64(values: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def score(query: str, document: str) -> float:
    """The share of the query's words that stand in the document, and a little by the length."""
    wanted = set(re.findall(r"\w+", query.lower()))
    found = wanted & set(re.findall(r"\w+", document.lower()))
    return round((len(found) + 1 / (2 + len(document))) / (len(wanted) + 1), 7)


def png(side: int = 1) -> bytes:
    """A grey square."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    rows = (b"\x00" + b"\x80" * side) * side
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def sound(text: str, form: str, speed: float = 1.0) -> bytes:
    """Silence as long as the text takes to say."""
    seconds = max(0.1, len(text) / _CHARACTERS_PER_SECOND / speed)
    if form in ("wav", "pcm"):
        samples = bytes(2 * round(seconds * _SAMPLE_RATE))
        return samples if form == "pcm" else _wav_head(len(samples)) + samples
    return _MAGIC[form] + bytes(round(seconds * 4000))


def _wav_head(size: int) -> bytes:
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, _SAMPLE_RATE, 2 * _SAMPLE_RATE, 2, 16)
    return (
        b"RIFF" + struct.pack("<I", 36 + size) + b"WAVE" + form + struct.pack("<4sI", b"data", size)
    )


def seconds_of(data: bytes) -> float:
    """How long a sound is: by its head if it is a WAV, else by its size at 64 kbit/s."""
    if data[:4] == b"RIFF" and len(data) >= 44:
        rate = int.from_bytes(data[28:32], "little")
        return (len(data) - 44) / rate if rate else 0.0
    return len(data) / 8000
