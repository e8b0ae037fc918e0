"""Step 11, `settle`: from what was used to what is charged. Pure arithmetic over the policy."""

from __future__ import annotations

import math
from dataclasses import dataclass

from opengateway.domain.catalog import Endpoint
from opengateway.domain.chat import ChatRequest, Meter
from opengateway.domain.money import Nanos, price_units
from opengateway.domain.records import Ending
from opengateway.domain.usage import Cost, Dimension, Usage, cost_of
from opengateway.policies.settlement import SETTLEMENT

_STREAM_HOLD_TOKENS = 4096
"""Streams hold this much output at first (decision 13)."""


@dataclass(frozen=True, slots=True)
class Settlement:
    usage: Usage
    cost: Cost


def estimate_usage(chat: ChatRequest, endpoint: Endpoint, meter: Meter) -> Usage:
    """Our own count where the provider gave none: the input, and the output that was handed on."""
    ratio = endpoint.bytes_per_token
    if meter.input_usage is not None:  # the provider told this much
        quantities = dict(meter.input_usage.quantities)
    else:
        quantities = {Dimension.INPUT: max(1, math.ceil(chat.input_bytes / ratio))}
    if meter.characters:
        # The ratio is of bytes. Where the text is gone, its characters are a lower bound of them.
        kept = meter.kept
        size = len(kept.getvalue().encode()) if kept is not None else 0
        quantities[Dimension.OUTPUT] = math.ceil(max(meter.characters, size) / ratio)
    return Usage(quantities, estimated=True)


def settle(ending: Ending, chat: ChatRequest, endpoint: Endpoint, meter: Meter) -> Settlement:
    """What a request that reached `endpoint` is charged."""
    policy = SETTLEMENT[ending]
    price = endpoint.price
    finished = ending is Ending.COMPLETED
    if not meter.has_content and not finished:
        usage = meter.usage or Usage()
        return Settlement(usage, Cost(0, {}, price.id))
    if meter.usage is not None:
        charged = policy.known == "price"
        usage = meter.usage
    else:
        charged = policy.missing == "estimate"
        usage = estimate_usage(chat, endpoint, meter) if charged else Usage()
    return Settlement(usage, cost_of(usage, price) if charged else Cost(0, {}, price.id))


def hold_amount(chat: ChatRequest, endpoint: Endpoint) -> Nanos:
    """What is reserved before the call: a bound on the input, and the output it may have."""
    rates = endpoint.price.rates
    input_rate = max((rates.get(d, 0) for d in _INPUT_DIMENSIONS), default=0)
    output_rate = max(rates.get(Dimension.OUTPUT, 0), rates.get(Dimension.REASONING, 0))
    input_tokens = math.ceil(chat.input_bytes * endpoint.hold_tokens_per_byte)
    ceiling = endpoint.max_output or endpoint.context
    asked = min(chat.facts.max_output_tokens or ceiling, ceiling)
    output_tokens = min(asked, _STREAM_HOLD_TOKENS) if chat.stream else asked
    return Nanos(
        price_units(input_tokens, input_rate)
        + price_units(output_tokens * chat.facts.n, output_rate)
        + price_units(1, rates.get(Dimension.REQUESTS, 0))
    )


_INPUT_DIMENSIONS = (
    Dimension.INPUT,
    Dimension.CACHE_READ,
    Dimension.CACHE_WRITE,
    Dimension.CACHE_WRITE_1H,
    Dimension.AUDIO_INPUT,
)
