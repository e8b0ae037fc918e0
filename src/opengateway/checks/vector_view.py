"""Vectors as the vendors recorded them, beside those that a caller gets: in both forms."""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Iterator, Sequence
from typing import Any

from opengateway.kit.json import JsonObject

_PRECISION = 1e-6
"""Relative to the vector's largest number: a 32-bit float has 7 digits."""


def compare_vectors(recorded: Any, shown: JsonObject, turned: JsonObject) -> Iterator[str]:
    """Faults, in words. `turned` is the same answer in the other form."""
    wanted = [_numbers(vector) for vector in _recorded(recorded)]
    for name, answer in (("the form asked for", shown), ("the other form", turned)):
        got = [_numbers(item["embedding"]) for item in answer["data"]]
        if [item["index"] for item in answer["data"]] != list(range(len(wanted))):
            yield f"in {name}, the order is another"
        elif [len(vector) for vector in got] != [len(vector) for vector in wanted]:
            yield f"in {name}, there are other dimensions"
        elif not all(_near(a, b) for a, b in zip(got, wanted, strict=True)):
            yield f"in {name}, there are other numbers"


def _recorded(answer: Any) -> list[Any]:
    """Vectors in the order of the texts, whoever the vendor is."""
    if "data" in answer:
        return [item["embedding"] for item in sorted(answer["data"], key=lambda i: i["index"])]
    if "predictions" in answer:
        return [one["embeddings"]["values"] for one in answer["predictions"]]
    if "embedding" in answer:
        return [answer["embedding"]["values"]]
    embeddings = answer["embeddings"]
    if isinstance(embeddings, dict):
        return next(vectors for vectors in embeddings.values() if vectors)
    return [one["values"] for one in embeddings]


def _numbers(vector: Any) -> Sequence[float]:
    if isinstance(vector, str):
        data = base64.b64decode(vector)
        return struct.unpack(f"<{len(data) // 4}f", data)
    return list(vector)


def _near(a: Sequence[float], b: Sequence[float]) -> bool:
    scale = max(1e-30, *(abs(x) for x in b))
    return all(math.isclose(x, y, abs_tol=scale * _PRECISION) for x, y in zip(a, b, strict=True))
