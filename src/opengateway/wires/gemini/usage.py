"""`usageMetadata` to disjoint dimensions (reference: providers, B.3; E29 to E31)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from opengateway.domain.catalog import Endpoint
from opengateway.domain.usage import Dimension, Usage

_MAX_TOKENS: Final = 1 << 50
"""No count is larger: what is, is noise, and would not fit a 64-bit ledger once priced."""


class UsageReader:
    """Reads the reports of one endpoint. Each event of a stream has one: it is kept cheap.

    The prompt includes what was read from a cache, and leaves out what the vendor's own tools fed
    in; the candidates leave the thoughts out. Sound is a dimension of its own only where it has a
    price of its own: else it is input like any other.
    """

    __slots__ = ("_hears", "_speaks")

    def __init__(self, endpoint: Endpoint) -> None:
        rates = endpoint.price.rates
        self._hears = Dimension.AUDIO_INPUT in rates
        self._speaks = Dimension.AUDIO_OUTPUT in rates

    def read(self, reported: Mapping[str, Any]) -> Usage | None:
        """The quantities that `reported` names, or None where it names none."""
        get = reported.get
        prompt = count(get("promptTokenCount")) + count(get("toolUsePromptTokenCount"))
        output = count(get("candidatesTokenCount"))
        thoughts = count(get("thoughtsTokenCount"))
        if not (prompt or output or thoughts):
            return None
        quantities: dict[Dimension, int] = {}
        if read := min(count(get("cachedContentTokenCount")), prompt):
            quantities[Dimension.CACHE_READ] = read
            prompt -= read
        if self._hears and (heard := min(_heard(reported), prompt)):
            quantities[Dimension.AUDIO_INPUT] = heard
            prompt -= heard
        if self._speaks and (spoken := min(_audio(get("candidatesTokensDetails")), output)):
            quantities[Dimension.AUDIO_OUTPUT] = spoken
            output -= spoken
        if prompt:
            quantities[Dimension.INPUT] = prompt
        if output:
            quantities[Dimension.OUTPUT] = output
        if thoughts:
            quantities[Dimension.REASONING] = thoughts
        return Usage(quantities)


def _heard(reported: Mapping[str, Any]) -> int:
    """Sound of the prompt that was not read from a cache."""
    fresh = _audio(reported.get("promptTokensDetails"))
    fresh += _audio(reported.get("toolUsePromptTokensDetails"))
    return max(fresh - _audio(reported.get("cacheTokensDetails")), 0)


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
    if type(value) is int:
        return value if 0 < value <= _MAX_TOKENS else 0
    if type(value) is float:
        return int(value) if 0 < value <= _MAX_TOKENS else 0  # NaN fails this too
    return 0
