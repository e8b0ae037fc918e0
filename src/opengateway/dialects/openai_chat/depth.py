"""Bounds on what decoding a body may cost, cheap for bodies that are far from them.

Nesting is bounded by us, since a bare decode stops where its interpreter does (about 900 levels in
CPython 3.11, 10,000 in 3.12), and a provider that breaks on a deep body would look unhealthy.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any, Final

import msgspec

from opengateway.kit.json import JsonObject

MAX_DEPTH: Final = 128
LARGE_BYTES: Final = 1024 * 1024
"""Above this a body is not made into plain values: each bracket would be an object."""

MAX_VALUES: Final = 2_000_000
"""Quotes and opening brackets of a large body: each may become an object even so."""

_COMMON_LEVELS: Final = 10
_BRACKETS: Final = b"[]{}"
_OTHERS: Final = bytes(byte for byte in range(256) if byte not in _BRACKETS)
_STEPS: Final = bytes.maketrans(_BRACKETS, b"\x01\xff\x01\xff")


def _levels(count: int) -> Any:
    """A type that holds any JSON of at most `count` nested containers."""
    kind: Any = str | int | float | bool | None
    for _ in range(count):
        kind = str | int | float | bool | None | list[kind] | dict[str, kind]
    return kind


def _shallow_decoder() -> msgspec.json.Decoder[JsonObject]:
    return msgspec.json.Decoder(dict[str, _levels(_COMMON_LEVELS - 1)])  # type: ignore[misc]


loads_shallow = _shallow_decoder().decode
"""A JSON object as plain values, if it is nested as little as nearly every request is.

As fast as a decode without the bound. Raises `ValidationError` for what is deeper.
"""


def depth_of(body: bytes) -> int:
    """The deepest nesting of well-formed JSON, by counting brackets outside strings.

    Takes memory of the body's order, and about 4 ns a byte.
    """
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside = b"".join(body.split(b'"')[::2])
    steps = outside.translate(_STEPS, _OTHERS)
    return max(accumulate(memoryview(steps).cast("b")), default=0)


def has_too_many_values(body: bytes) -> bool:
    """Whether decoding a large body would make too many objects."""
    return (
        len(body) > LARGE_BYTES
        and body.count(b'"') + body.count(b"{") + body.count(b"[") > MAX_VALUES
    )
