"""`usage` to disjoint dimensions: four kinds of input, and output with and without reasoning.

`input_tokens` leaves the cache out (reference: providers, E29 to E32). A stream tells usage twice,
cumulatively: what its end restates replaces what its start said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from opengateway.domain.usage import INPUT_TOKENS, Dimension, Usage
from opengateway.kit.json import JsonObject

_MAX_TOKENS: Final = 1 << 50
"""No count is larger: what is, is noise, and would not fit a 64-bit ledger once priced."""
_MAX_PASSES: Final = 1000


def merged(held: JsonObject, told: object) -> JsonObject:
    """`held` with what `told` says anew. What it leaves out or has as null stays."""
    if not isinstance(told, dict):
        return held
    return {**held, **{name: value for name, value in told.items() if value is not None}}


def usage_of(reported: Mapping[str, Any]) -> Usage | None:
    """The quantities that `reported` names, or None where it names none.

    A pass that compacted the conversation is billed as well, and the totals leave it out.
    """
    quantities: dict[Dimension, int] = {}
    passes = reported.get("iterations")
    for one in [reported, *(passes[:_MAX_PASSES] if isinstance(passes, list) else ())]:
        if one is reported or (isinstance(one, dict) and one.get("type") == "compaction"):
            for dimension, count in _counted(one):
                if count:
                    quantities[dimension] = quantities.get(dimension, 0) + count
    return Usage(quantities) if quantities else None


def input_of(reported: Mapping[str, Any]) -> Usage | None:
    """The input's part alone."""
    usage = usage_of(reported)
    if usage is None:
        return None
    counts: dict[Dimension, int] = {
        kind: count for kind, count in usage.quantities.items() if kind in INPUT_TOKENS
    }
    return Usage(counts) if counts else None


def _counted(reported: Mapping[str, Any]) -> tuple[tuple[Dimension, int], ...]:
    get = reported.get
    split = _object(get("cache_creation"))
    hour = _count(split.get("ephemeral_1h_input_tokens"))
    minutes = _count(split.get("ephemeral_5m_input_tokens"))
    # The total is cumulative and the split may be of the start only: the total holds.
    total = get("cache_creation_input_tokens")
    written = hour + minutes if total is None else _count(total)
    hour = min(hour, written)
    output = _count(get("output_tokens"))
    reasoning = min(_count(_object(get("output_tokens_details")).get("thinking_tokens")), output)
    return (
        (Dimension.INPUT, _count(get("input_tokens"))),
        (Dimension.CACHE_READ, _count(get("cache_read_input_tokens"))),
        (Dimension.CACHE_WRITE, written - hour),
        (Dimension.CACHE_WRITE_1H, hour),
        (Dimension.OUTPUT, output - reasoning),
        (Dimension.REASONING, reasoning),
    )


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int:
    """A token count, 0 for anything that is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    if not 0 < value <= _MAX_TOKENS:  # NaN fails this too
        return 0
    return int(value)
