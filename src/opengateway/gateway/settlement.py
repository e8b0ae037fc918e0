"""Step 11, `settle`: from what was used to what is charged. Pure arithmetic over the policy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from opengateway.domain.catalog import CredentialOwner, Endpoint
from opengateway.domain.chat import ChatRequest, Meter
from opengateway.domain.money import Nanos
from opengateway.domain.records import Ending
from opengateway.domain.usage import Cost, Dimension, PriceRow, Usage, cost_where_priced
from opengateway.gateway.pricing import fee_of, hold_amount, input_estimate
from opengateway.gateway.units import estimated_units
from opengateway.policies.settlement import SETTLEMENT

_NOTHING: Final = Nanos(0)


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a request is charged, and what it costs us. Amounts in nano-dollars."""

    usage: Usage
    cost: Cost
    """At the price that the team pays, without the fee."""
    fee: Nanos = _NOTHING
    provider_cost: Nanos = _NOTHING
    """By the provider's own row; 0 where the team's own credential paid."""
    provider_cost_known: bool = True
    """Whether the provider said what was used; else the cost is an estimate."""
    unpriced: tuple[Dimension, ...] = ()
    """What was used and has no price: charged to nobody, and to be looked at."""

    @property
    def charged(self) -> Nanos:
        """What leaves the team's balance: the cost and the fee."""
        return Nanos(self.cost.total + self.fee)


def estimate_usage(chat: ChatRequest, endpoint: Endpoint, meter: Meter) -> Usage:
    """Our own count where the provider gave none: the input, and the output that was handed on."""
    if chat.demand is not None:
        return estimated_units(chat.demand, endpoint, meter)
    if meter.input_usage is not None:  # the provider told this much
        quantities = dict(meter.input_usage.quantities)
    else:
        quantities = {Dimension.INPUT: input_estimate(chat, endpoint)}
    if meter.characters:
        # The ratio is of bytes. Where the text is gone, its characters are a lower bound of them.
        kept = meter.kept
        size = len(kept.getvalue().encode()) if kept is not None else 0
        tokens = max(meter.characters, size) / endpoint.bytes_per_token
        quantities[Dimension.OUTPUT] = math.ceil(tokens)
    return Usage(quantities, estimated=True)


def settle(ending: Ending, chat: ChatRequest, endpoint: Endpoint, meter: Meter) -> Settlement:
    """What a request that reached `endpoint` with a credential of the platform's is charged."""
    return settle_both(ending, chat, endpoint, meter)


def settle_both(
    ending: Ending,
    chat: ChatRequest,
    endpoint: Endpoint,
    meter: Meter,
    owner: CredentialOwner = CredentialOwner.PLATFORM,
) -> Settlement:
    """What a request that reached `endpoint` is charged, our fee, and what the provider charges us.

    Never raises: a kind that turned up without a price is charged to nobody and named.
    """
    usage, is_charged = _usage_of(ending, chat, endpoint, meter)
    price = endpoint.price
    if is_charged:
        usage = _as_one_request(usage, chat, price)
    cost = Cost(0, {}, price.id)
    unpriced: tuple[Dimension, ...] = ()
    if is_charged:
        cost, unpriced = cost_where_priced(usage, price)
    if owner is CredentialOwner.TEAM:
        # The team pays the provider itself; ours is the fee on what that comes to.
        fee = fee_of(cost.total, endpoint.own_key_fee_ppm)
        return Settlement(usage, Cost(0, {}, price.id), fee, unpriced=unpriced)
    reckoned = (cost, unpriced) if is_charged and endpoint.cost is None else None
    at_cost, is_known = _provider_cost(ending, chat, endpoint, meter, reckoned)
    return Settlement(
        usage=usage,
        cost=cost,
        fee=fee_of(cost.total, endpoint.fee_ppm) if endpoint.fee_ppm else _NOTHING,
        provider_cost=at_cost,
        provider_cost_known=is_known,
        unpriced=unpriced,
    )


def _as_one_request(usage: Usage, chat: ChatRequest, price: PriceRow) -> Usage:
    """A chat that is billed by the request as well: held as one, and so charged as one."""
    if chat.demand is not None or Dimension.REQUESTS not in price.rates:
        return usage
    return Usage({**usage.quantities, Dimension.REQUESTS: 1}, estimated=usage.estimated)


def _usage_of(
    ending: Ending, chat: ChatRequest, endpoint: Endpoint, meter: Meter
) -> tuple[Usage, bool]:
    """What was used, and whether the policy charges it."""
    policy = SETTLEMENT[ending]
    if not meter.has_content and ending is not Ending.COMPLETED:
        return meter.usage or Usage(), False
    if meter.usage is not None:
        return meter.usage, policy.known == "price"
    if policy.missing == "estimate":
        return estimate_usage(chat, endpoint, meter), True
    return Usage(), False


def _provider_cost(
    ending: Ending,
    chat: ChatRequest,
    endpoint: Endpoint,
    meter: Meter,
    reckoned: tuple[Cost, tuple[Dimension, ...]] | None,
) -> tuple[Nanos, bool]:
    """What the provider charges us, whoever pays for it, and whether that is its own word.

    `reckoned` is what the team is charged, where that is the same usage at the same row.
    """
    usage = meter.usage
    is_known = usage is not None and not usage.estimated
    if usage is None:
        if SETTLEMENT[ending].provider == "unknown":
            return Nanos(0), False
        usage = estimate_usage(chat, endpoint, meter)
    row = endpoint.cost or endpoint.price
    cost, unpriced = reckoned or cost_where_priced(_as_one_request(usage, chat, row), row)
    above = endpoint.unpriced_above
    is_dearer = above is not None and usage.input_tokens > above
    return Nanos(cost.total), is_known and not unpriced and not is_dearer


__all__ = ["Settlement", "estimate_usage", "hold_amount", "settle", "settle_both"]
