"""Vectors as lists of numbers and as base64 of little-endian 32-bit floats, both ways."""

from __future__ import annotations

import base64
import binascii
import math
import struct
import sys
from array import array
from collections.abc import Sequence
from typing import Any, Final

MAX_DIMENSIONS: Final = 65_536


def encoded(values: Sequence[float]) -> str:
    """Raises `ValueError` for what is no vector."""
    try:
        return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
    except (struct.error, OverflowError) as error:
        raise ValueError(f"not a vector: {error}") from None


def decoded(text: str) -> list[float]:
    """Raises `ValueError` for what is no vector."""
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"not a vector: {error}") from None
    if not data or len(data) % 4 or len(data) // 4 > MAX_DIMENSIONS:
        raise ValueError("not a vector: not whole 32-bit floats, or too many")
    values = array("f", data)
    if sys.byteorder == "big":
        values.byteswap()
    if not all(map(math.isfinite, values)):
        raise ValueError("not a vector: it holds what is no number")
    return values.tolist()


def in_form(vector: Any, wanted: str) -> str | list[float]:
    """A vector in either form in the wanted one. Raises `ValueError` for what is none."""
    if isinstance(vector, str):
        return vector if wanted == "base64" else decoded(vector)
    if not isinstance(vector, list) or not 0 < len(vector) <= MAX_DIMENSIONS:
        raise ValueError("not a vector: neither a list nor base64")
    if not all(isinstance(value, int | float) for value in vector):
        raise ValueError("not a vector: it holds what is no number")
    return encoded(vector) if wanted == "base64" else vector
