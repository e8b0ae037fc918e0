"""JSON at the edges of the process. Swap the codec here, nowhere else.

`Raw` holds a member's bytes as they came, so that what we do not change leaves as it arrived.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

JsonObject: TypeAlias = dict[str, Any]
Raw = msgspec.Raw
RawObject: TypeAlias = dict[str, msgspec.Raw]

DecodeError = msgspec.DecodeError
"""The input is not JSON. `ValidationError`, its child, means JSON of another shape."""
ValidationError = msgspec.ValidationError

loads = msgspec.json.Decoder().decode
"""Bytes or text to plain Python values. Raises `DecodeError`, or `RecursionError` when too deep."""

loads_raw_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
"""A JSON object to its members, each undecoded, in order; a repeated name keeps its last value."""

dumps = msgspec.json.Encoder().encode
"""Plain values, structs and `Raw` to compact UTF-8 bytes."""
