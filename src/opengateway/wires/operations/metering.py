"""What an operation used: tokens by the vendor's word, other units by our count.

Units other than tokens are counted only where the endpoint has a price for them: a vendor bills a
model by one of several kinds, and the price row says which.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from opengateway.domain.catalog import Endpoint
from opengateway.domain.chat import ChatRequest, Meter
from opengateway.domain.usage import Dimension, Usage
from opengateway.kit.json import JsonObject

_MAX_COUNT: Final = 1 << 50
"""No count is larger: what is, is noise, and would not fit a 64-bit ledger once priced."""


def count(value: object) -> int:
    """A count, 0 for anything that is not one. Fractions are rounded up."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    if not 0 < value <= _MAX_COUNT:  # NaN fails this too
        return 0
    return math.ceil(value)


def first(reported: Mapping[str, Any], *names: str) -> int:
    """The first of the counts that is not 0."""
    return next((found for name in names if (found := count(reported.get(name)))), 0)


def details(reported: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    return next((v for name in names if isinstance(v := reported.get(name), dict)), {})


def priced(endpoint: Endpoint, **counts: int) -> dict[Dimension, int]:
    """Those of our counts that this endpoint is billed by. Names are the dimensions'."""
    rates = endpoint.price.rates
    found = {Dimension(name): made for name, made in counts.items() if made}
    return {dimension: made for dimension, made in found.items() if dimension in rates}


def meter_of(quantities: Mapping[Dimension, int], upstream_id: object = None) -> Meter:
    """The meter of a whole answer. Without quantities, what it used is estimated later."""
    named = {dimension: made for dimension, made in quantities.items() if made}
    return Meter(
        usage=Usage(named) if named else None,
        upstream_id=upstream_id[:200] if isinstance(upstream_id, str) and upstream_id else None,
        has_content=True,
        kept=None,
    )


def estimated_tokens(chat: ChatRequest, endpoint: Endpoint) -> int:
    """Of the input, where the vendor says nothing: by the model's usual density."""
    demand = chat.demand
    assert demand is not None
    return max(1, math.ceil(demand.text_bytes / endpoint.bytes_per_token) + demand.tokens)


def read_tokens(
    chat: ChatRequest, endpoint: Endpoint, reported: object, upstream_id: object = None
) -> tuple[Meter, JsonObject]:
    """The meter and the usage object of an operation that reads text and makes none.

    Where the vendor says nothing, both hold our own count, and the meter says so.
    """
    told = reported if isinstance(reported, dict) else {}
    tokens = first(told, "prompt_tokens", "total_tokens", "input_tokens")
    meter = meter_of({Dimension.INPUT: tokens}, upstream_id)
    if not tokens:
        tokens = estimated_tokens(chat, endpoint)
        meter.usage = Usage({Dimension.INPUT: tokens}, estimated=True)
    return meter, {"prompt_tokens": tokens, "total_tokens": tokens}
