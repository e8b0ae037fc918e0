"""What a request used, as disjoint quantities, and what they cost (decision 14)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal

import msgspec

from opengateway.domain.money import Nanos, price_units


class Dimension(StrEnum):
    """A billable kind of unit. The kinds are disjoint: each unit is counted in one of them."""

    INPUT = "input_tokens"  # neither read from nor written to a cache
    CACHE_READ = "cache_read_tokens"
    CACHE_WRITE = "cache_write_tokens"  # 5-minute or provider's default lifetime
    CACHE_WRITE_1H = "cache_write_1h_tokens"
    OUTPUT = "output_tokens"  # visible: without reasoning
    REASONING = "reasoning_tokens"
    AUDIO_INPUT = "audio_input_tokens"
    AUDIO_OUTPUT = "audio_output_tokens"
    IMAGE_OUTPUT = "image_output_tokens"
    IMAGES = "images"
    SECONDS = "seconds"
    CHARACTERS = "characters"
    DOCUMENTS = "documents"
    REQUESTS = "requests"


INPUT_TOKENS: Final = (
    Dimension.INPUT,
    Dimension.CACHE_READ,
    Dimension.CACHE_WRITE,
    Dimension.CACHE_WRITE_1H,
    Dimension.AUDIO_INPUT,
)
OUTPUT_TOKENS: Final = (
    Dimension.OUTPUT,
    Dimension.REASONING,
    Dimension.AUDIO_OUTPUT,
    Dimension.IMAGE_OUTPUT,
)


class Usage(msgspec.Struct, frozen=True):
    """Quantities by dimension, zeros left out. `estimated` when the provider did not say."""

    quantities: dict[Dimension, int] = {}
    estimated: bool = False

    def of(self, *dimensions: Dimension) -> int:
        """The sum over `dimensions`."""
        return sum(self.quantities.get(d, 0) for d in dimensions)

    @property
    def input_tokens(self) -> int:
        return self.of(*INPUT_TOKENS)

    @property
    def output_tokens(self) -> int:
        return self.of(*OUTPUT_TOKENS)


class PriceTier(msgspec.Struct, frozen=True):
    """The rates of a whole request whose input is more than `above` tokens."""

    above: int
    rates: dict[Dimension, int]


class PriceOrigin(StrEnum):
    """Where a price comes from. Each goes before those above it (decision 16)."""

    CATALOGUE = "catalogue"
    DATABASE = "database"
    ZONE = "zone"  # the zone file: read-only in the desk


class PriceRow(msgspec.Struct, frozen=True):
    """One dated price of one endpoint. Never edited: a change is a new row (decision 16).

    `rates` are nano-dollars per million units. `id` is `endpoint@effective_from#source`.
    """

    id: str
    effective_from: str
    source: str
    rates: dict[Dimension, int]
    tiers: tuple[PriceTier, ...] = ()
    """Least `above` first. Empty where the length of the input does not matter."""
    origin: PriceOrigin = PriceOrigin.CATALOGUE
    flagged: bool = False
    """Whether two sources differ, so that the higher rate of each kind serves."""

    def rates_for(self, input_tokens: int) -> dict[Dimension, int]:
        """The rates that hold for a request with that much input."""
        rates = self.rates
        for tier in self.tiers:
            if input_tokens > tier.above:
                rates = tier.rates
        return rates


class SpendCap(msgspec.Struct, frozen=True):
    """What may be spent with a credential, in nano-dollars, each day or month of UTC."""

    nanos: int
    per: Literal["day", "month"] = "day"


class Unpriced(ValueError):
    """A quantity has no price. The request should have been refused before it was sent."""


class Cost(msgspec.Struct, frozen=True):
    """An exact amount and its parts. `total` is the sum of `parts`."""

    total: int
    parts: dict[Dimension, int]
    price_id: str


def cost_of(usage: Usage, price: PriceRow) -> Cost:
    """Price every quantity, each part rounded up to a whole nano-dollar. Raises `Unpriced`."""
    cost, without = cost_where_priced(usage, price)
    if without:
        raise Unpriced(f"{price.id} has no price for {without[0].value}")
    return cost


def cost_where_priced(usage: Usage, price: PriceRow) -> tuple[Cost, tuple[Dimension, ...]]:
    """What has a price is priced; what has none costs nothing, and is named."""
    rates = price.rates_for(usage.input_tokens) if price.tiers else price.rates
    parts: dict[Dimension, int] = {}
    without: tuple[Dimension, ...] = ()
    for dimension, quantity in usage.quantities.items():
        if not quantity:
            continue
        rate = rates.get(dimension)
        if rate is None:
            without = (*without, dimension)
        else:
            parts[dimension] = price_units(quantity, rate)
    return Cost(total=Nanos(sum(parts.values())), parts=parts, price_id=price.id), without
