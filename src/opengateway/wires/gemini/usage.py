"""`usageMetadata` to disjoint dimensions (reference: providers, B.3; E29 to E31)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from opengateway.domain.catalog import Endpoint
from opengateway.domain.usage import Dimension, Usage

_MAX_TOKENS: Final = 1 << 50
"""No count is larger: what is, is noise, and would not fit a 64-bit ledger once priced."""


def usage_of(reported: Mapping[str, Any], endpoint: Endpoint) -> Usage | None:
    """The quantities that `reported` names, or None where it names none.

    The prompt includes what was read from a cache, and leaves out what the vendor's own tools fed
    in; the candidates leave the thoughts out. Sound is a dimension of its own only where it has a
    price of its own: else it is input like any other.
    """
    get = reported.get
    prompt = count(get("promptTokenCount")) + count(get("toolUsePromptTokenCount"))
    output = count(get("candidatesTokenCount"))
    thoughts = count(get("thoughtsTokenCount"))
    if not (prompt or output or thoughts):
        return None
    read = min(count(get("cachedContentTokenCount")), prompt)
    heard = spoken = 0
    rates = endpoint.price.rates
    if Dimension.AUDIO_INPUT in rates:
        heard = (
            _audio(get("promptTokensDetails"))
            + _audio(get("toolUsePromptTokensDetails"))
            - _audio(get("cacheTokensDetails"))
        )
        heard = min(max(heard, 0), prompt - read)
    if Dimension.AUDIO_OUTPUT in rates:
        spoken = min(_audio(get("candidatesTokensDetails")), output)
    quantities = (
        (Dimension.INPUT, prompt - read - heard),
        (Dimension.CACHE_READ, read),
        (Dimension.AUDIO_INPUT, heard),
        (Dimension.OUTPUT, output - spoken),
        (Dimension.REASONING, thoughts),
        (Dimension.AUDIO_OUTPUT, spoken),
    )
    return Usage({dimension: tokens for dimension, tokens in quantities if tokens})


def _audio(details: Any) -> int:
    """The tokens of sound among `[{modality, tokenCount}]`."""
    if not isinstance(details, list):
        return 0
    return sum(
        count(detail.get("tokenCount"))
        for detail in details
        if isinstance(detail, dict) and detail.get("modality") == "AUDIO"
    )


def count(value: object) -> int:
    """A token count, 0 for anything that is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return int(value) if 0 < value <= _MAX_TOKENS else 0  # NaN fails this too
