"""`usage` to disjoint dimensions. `inputTokens` leaves what the cache read and wrote out (E29)."""

from __future__ import annotations

from typing import Any, Final

from opengateway.domain.usage import Dimension, Usage

_MAX_TOKENS: Final = 1 << 50
_MAX_DETAILS: Final = 100


def usage_of(told: object) -> Usage | None:
    """The quantities that `told` names, or None where it names none."""
    if not isinstance(told, dict):
        return None
    written = _count(told, "cacheWriteInputTokens", "cacheWriteInputTokenCount")
    details = told.get("cacheDetails")
    hour = sum(
        _count(one, "inputTokens")
        for one in (details[:_MAX_DETAILS] if isinstance(details, list) else ())
        if isinstance(one, dict) and one.get("ttl") == "1h"
    )
    hour = min(hour, written)
    counts = {
        Dimension.INPUT: _count(told, "inputTokens"),
        Dimension.CACHE_READ: _count(told, "cacheReadInputTokens", "cacheReadInputTokenCount"),
        Dimension.CACHE_WRITE: written - hour,
        Dimension.CACHE_WRITE_1H: hour,
        Dimension.OUTPUT: _count(told, "outputTokens"),
    }
    known = {dimension: count for dimension, count in counts.items() if count}
    return Usage(known) if known else None


def _count(told: dict[str, Any], *names: str) -> int:
    """The first that is a number of tokens; 0 where none is."""
    for name in names:
        value = told.get(name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and 0 < value <= _MAX_TOKENS:
            return int(value)
    return 0
