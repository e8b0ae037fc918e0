"""What a plan's dearest candidate may cost, found without looking at each of them every time.

The highest rate of each kind, the loosest bound and the highest fee of all candidates are one endpoint
that none of them exceeds. It is made once for a plan, and plans are kept (gateway/resolve).
"""

from __future__ import annotations

from typing import Final

import msgspec

from opengateway.domain.catalog import MESSAGES_WIRES, CredentialOwner, Endpoint, Provider
from opengateway.domain.chat import ChatRequest
from opengateway.domain.money import Nanos
from opengateway.domain.routing import Candidate, Plan
from opengateway.domain.usage import Dimension, PriceRow
from opengateway.gateway.pricing import hold_amount

_KEPT: Final = 4096


class _Ceiling(msgspec.Struct, frozen=True):
    """`plan` is kept so that its identity, by which this is found, is not another's."""

    plan: Plan
    endpoint: Endpoint | None
    """None: the candidates are too different for one; each has to be looked at."""
    provider: Provider


class Ceilings:
    """One for a process. At most `_KEPT` plans are remembered."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[int, _Ceiling] = {}

    def hold_amount(self, chat: ChatRequest, plan: Plan, attempts: int) -> Nanos:
        """What has to be held so that any of the first `attempts` candidates is covered."""
        found = self._kept.get(id(plan))
        if found is None or found.plan is not plan:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            found = self._kept[id(plan)] = _ceiling(plan, attempts)
        if found.endpoint is not None:
            return hold_amount(chat, found.endpoint, found.provider)
        return dearest(chat, plan, attempts)[0]


def dearest(chat: ChatRequest, plan: Plan, attempts: int) -> tuple[Nanos, Candidate]:
    """The largest hold that one of the candidates needs, and whose it is."""
    return max(
        (
            (
                hold_amount(chat, c.endpoint, c.provider, c.provider.owner_of(c.credential)),
                c,
            )
            for c in plan.candidates
        ),
        key=lambda pair: pair[0],
    )


def _ceiling(plan: Plan, attempts: int) -> _Ceiling:
    candidates = plan.candidates
    endpoints = [c.endpoint for c in candidates]
    thinking = next((c.provider for c in candidates if c.provider.wire in MESSAGES_WIRES), None)
    provider = thinking or candidates[0].provider
    owners = {c.provider.owner_of(c.credential) for c in candidates}
    if owners != {CredentialOwner.PLATFORM} or any(e.price.tiers for e in endpoints):
        return _Ceiling(plan, None, provider)
    rates: dict[Dimension, int] = {}
    for endpoint in endpoints:
        for dimension, rate in endpoint.price.rates.items():
            rates[dimension] = max(rate, rates.get(dimension, 0))
    beyond = [e.hold_tokens_per_byte_beyond for e in endpoints]
    known = [ratio for ratio in beyond if ratio is not None]
    first = endpoints[0]
    ceiling = msgspec.structs.replace(
        first,
        price=PriceRow("ceiling", first.price.effective_from, "ceiling", rates),
        context=max(e.context for e in endpoints),
        max_output=max(e.max_output or e.context for e in endpoints),
        hold_tokens_per_byte=max(e.hold_tokens_per_byte for e in endpoints),
        hold_tokens_per_byte_beyond=max(known) if len(known) == len(beyond) else None,
        image_tokens=max(e.image_tokens for e in endpoints),
        fee_ppm=max(e.fee_ppm for e in endpoints),
    )
    return _Ceiling(plan, ceiling, provider)
