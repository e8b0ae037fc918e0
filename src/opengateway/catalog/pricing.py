"""From what a file says of a price to the row that requests are priced by."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from opengateway.catalog.config import PriceCheck, PriceConfig, rate_of
from opengateway.domain.catalog import ModelKind
from opengateway.domain.usage import Dimension, PriceOrigin, PriceRow, PriceTier

DIMENSIONS: Final = {
    "input": Dimension.INPUT,
    "output": Dimension.OUTPUT,
    "cache_read": Dimension.CACHE_READ,
    "cache_write": Dimension.CACHE_WRITE,
    "cache_write_1h": Dimension.CACHE_WRITE_1H,
    "reasoning": Dimension.REASONING,
    "audio_input": Dimension.AUDIO_INPUT,
    "audio_output": Dimension.AUDIO_OUTPUT,
    "image_output": Dimension.IMAGE_OUTPUT,
    "images": Dimension.IMAGES,
    "seconds": Dimension.SECONDS,
    "characters": Dimension.CHARACTERS,
    "documents": Dimension.DOCUMENTS,
    "requests": Dimension.REQUESTS,
}
# A kind without a price of its own costs what the kind it replaces costs: never less.
_FALLBACKS: Final = (
    (Dimension.REASONING, Dimension.OUTPUT, "reasoning as output"),
    (Dimension.CACHE_READ, Dimension.INPUT, "cache reads as input"),
    (Dimension.CACHE_WRITE, Dimension.INPUT, "cache writes as input"),
)
ALWAYS: Final = "1970-01-01"
"""The date of a zone file's price that names none."""


_NEEDED: Final[Mapping[ModelKind, tuple[tuple[str, ...], ...]]] = {
    ModelKind.CHAT: (("input",), ("output",)),
    ModelKind.COMPLETION: (("input",), ("output",)),
    ModelKind.EMBEDDING: (("input",),),
    ModelKind.RERANK: (("input", "requests", "documents"),),
    ModelKind.IMAGE: (("images", "image_output"),),
    ModelKind.SPEECH: (("characters", "audio_output"),),
    ModelKind.TRANSCRIPTION: (("seconds", "audio_input", "input"),),
    ModelKind.MODERATION: (("input", "requests"),),
}
"""Of each group one has to have a price (`domain.operations.BASES`)."""


def lacking(price: PriceConfig, kind: ModelKind | None) -> tuple[str, ...]:
    """The first group of prices of which a model of that kind has none, and needs one."""
    given = price.rates()
    groups = _NEEDED[kind or ModelKind.CHAT]
    return next((names for names in groups if given.keys().isdisjoint(names)), ())


def is_flagged(price: PriceConfig) -> bool:
    """Whether two sources differ on it, so that someone should look."""
    return price.check is PriceCheck.DIFFER


def price_row(
    endpoint_id: str,
    price: PriceConfig,
    other: PriceConfig | None = None,
    origin: PriceOrigin = PriceOrigin.CATALOGUE,
) -> PriceRow:
    """The row, with every fallback made explicit and told in `source`.

    Of two sources the higher rate serves, kind by kind. A price without a source is a zone file's:
    its row is named after its content, so that an edited price is a new row and no old one changes
    its meaning. Raises `ValueError` for a rate that is not a price.
    """
    given = _rates(price)
    rates, told = whole_rates(given)
    if other is not None:
        second, told_second = whole_rates(_rates(other))
        told = [words for words in told if words in told_second]
        rates = {d: max(rates.get(d, 0), second.get(d, 0)) for d in {*rates, *second}}
    source = price.source
    if source is None:
        content = ",".join(f"{d.value}={rates[d]}" for d in sorted(rates))
        content += "".join(f";{t.above}:{t.rates()}" for t in price.tiers)
        source = f"zone file {hashlib.sha256(content.encode()).hexdigest()[:8]}"
    elif other is not None:
        source = f"higher of {source} and {other.source}"
    since = price.effective_from or ALWAYS
    return PriceRow(
        id=f"{endpoint_id}@{since}#{slug(source)}",
        effective_from=since,
        source="; ".join((source, *told)),
        rates=in_order(rates),
        tiers=_tiers(price, given),
        origin=origin,
        flagged=other is not None,
    )


def _tiers(price: PriceConfig, given: dict[Dimension, int]) -> tuple[PriceTier, ...]:
    """Each tier's rates: what it leaves out is as without the tier. Raises `ValueError`."""
    tiers: list[PriceTier] = []
    for tier in price.tiers:
        own = {DIMENSIONS[name]: rate_of(text) for name, text in tier.rates().items()}
        if tiers and tier.above <= tiers[-1].above:
            raise ValueError("tiers must stand in the order of their 'above', each only once")
        rates = whole_rates(given | own)[0]
        if any(rates[d] < rate for d, rate in given.items()):
            raise ValueError("a tier may not be cheaper than what stands before it")
        tiers.append(PriceTier(tier.above, in_order(rates)))
    return tuple(tiers)


def in_order(rates: Mapping[Dimension, int]) -> dict[Dimension, int]:
    """The same rates in the order of the dimensions, so that equal prices have equal bytes."""
    return {d: rates[d] for d in Dimension if d in rates}


def whole_rates(given: Mapping[Dimension, int]) -> tuple[dict[Dimension, int], list[str]]:
    """The rates with their fallbacks filled in, and the words for each."""
    rates = dict(given)
    told: list[str] = []
    for dimension, stand_in, words in _FALLBACKS:
        if dimension not in rates and stand_in in rates:
            rates[dimension] = rates[stand_in]
            told.append(words)
    return rates, told


def _rates(price: PriceConfig) -> dict[Dimension, int]:
    return {DIMENSIONS[name]: rate_of(text) for name, text in price.rates().items()}


def slug(text: str) -> str:
    """A source's name as it stands in a price's id."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")
