"""How much of a long text was made and not written: base64, hex, random letters.

Such text has twice the tokens a byte that people's text has, so holds must not take it for that. A
few samples tell, without reading the whole: in what people write and in what programs send as JSON,
every few letters something separates words; in what was encoded, nothing does.
"""

from __future__ import annotations

from typing import Final

SAMPLES: Final = 16
SAMPLE_BYTES: Final = 256
_SEPARATORS: Final = b" \"'\\,.:;()[]{}<>=/_-\n\t"
_LEAST: Final = SAMPLE_BYTES // 25
"""Natural text has a separator every 5 to 20 bytes; base64 has two of these signs among 64, and
hex none."""
_RARE_LEADS: Final = bytes(range(0xF0, 0xF5))
"""Begin the characters beyond the first 65,536: emoji, and letters that hardly anybody uses."""


def made_share(text: memoryview) -> float:
    """The share of samples, evenly spread, that look made: from 0 to 1."""
    if len(text) <= SAMPLE_BYTES:
        return float(_is_made(bytes(text)))
    step = (len(text) - SAMPLE_BYTES) / (SAMPLES - 1)
    starts = (round(step * n) for n in range(SAMPLES))
    return sum(_is_made(bytes(text[at : at + SAMPLE_BYTES])) for at in starts) / SAMPLES


def _is_made(sample: bytes) -> bool:
    if sample.isascii():
        return len(sample) - len(sample.translate(None, _SEPARATORS)) < _LEAST
    # Scripts beyond ASCII need no separators; what is beyond the usual scripts is dense.
    return len(sample) - len(sample.translate(None, _RARE_LEADS)) > SAMPLE_BYTES // 25
