"""Money of the operations beside chat: whether they have a price, what to hold, what to estimate.

Pure, and integers only. A hold is a bound by what stands in the request: bytes for text, bytes for
the length of a sound, images by their number, characters by theirs (decisions 13 and 14).
"""

from __future__ import annotations

import math
from typing import Final

from opengateway.domain.catalog import Endpoint
from opengateway.domain.chat import Meter
from opengateway.domain.money import price_units
from opengateway.domain.operations import BASES, Demand, Operation
from opengateway.domain.usage import Dimension, Usage

_AUDIO_TOKENS_PER_SECOND: Final = 50
"""Of sound that comes in: OpenAI's models make 10 to 17 of a second, Google's 32."""
_TEXT_TOKENS_PER_SECOND: Final = 12
"""Of what is said in a second: fast speech is 4 words, or 8 syllables."""
_SEARCHED_DOCUMENTS: Final = 100
"""Documents of one search unit (Cohere)."""
_CHUNK_TOKENS: Final = 500
"""A longer document counts as several (Cohere)."""


def unpriced_units(demand: Demand, endpoint: Endpoint) -> str | None:
    """What the request would use that has no price at `endpoint`, in words for the caller."""
    rates = endpoint.price.rates
    bases = BASES[demand.operation]
    if not any(base in rates for base in bases):
        named = " or ".join(base.value for base in bases)
        return f"this model has no price by {named} here; ask another model"
    if demand.operation is Operation.COMPLETIONS and Dimension.OUTPUT not in rates:
        return "output has no price here; ask another model"
    return None


def hold_units(demand: Demand, endpoint: Endpoint, most_output: int) -> int:
    """A bound on the cost, in nano-dollars, without our fee. `most_output`: tokens held at once."""
    rates = endpoint.price.rates
    bounds = bounds_of(demand, endpoint, most_output)
    return sum(price_units(bounds[d], rate) for d, rate in rates.items() if d in bounds)


def bounds_of(demand: Demand, endpoint: Endpoint, most_output: int) -> dict[Dimension, int]:
    """The most of each kind of unit; what a request cannot use is left out.

    Where input is billed by one of several kinds, each is bounded: what is dearer serves.
    """
    read = math.ceil(demand.text_bytes * endpoint.hold_tokens_per_byte) + demand.tokens
    bounds = {Dimension.INPUT: max(1, read), Dimension.REQUESTS: 1}
    match demand.operation:
        case Operation.RERANK:
            units = demand.documents + math.ceil(read / _CHUNK_TOKENS)
            bounds[Dimension.DOCUMENTS] = units
            bounds[Dimension.REQUESTS] = math.ceil(units / _SEARCHED_DOCUMENTS)
        case Operation.IMAGES:
            bounds[Dimension.IMAGES] = demand.images
            bounds[Dimension.IMAGE_OUTPUT] = demand.output_tokens
        case Operation.SPEECH:
            bounds[Dimension.CHARACTERS] = demand.characters
            sound = demand.audio_tokens
            most = endpoint.max_output
            bounds[Dimension.AUDIO_OUTPUT] = sound if most is None else min(sound, most)
        case Operation.TRANSCRIPTIONS | Operation.TRANSLATIONS:
            heard = demand.seconds
            bounds[Dimension.SECONDS] = heard
            tokens = min(heard * _AUDIO_TOKENS_PER_SECOND, endpoint.context)
            if Dimension.AUDIO_INPUT in endpoint.price.rates:
                bounds[Dimension.AUDIO_INPUT] = tokens
            else:
                bounds[Dimension.INPUT] += tokens
            said = endpoint.max_output or heard * _TEXT_TOKENS_PER_SECOND
            bounds[Dimension.OUTPUT] = min(said, heard * _TEXT_TOKENS_PER_SECOND + 64)
        case Operation.COMPLETIONS:
            bounds[Dimension.OUTPUT] = min(demand.output_tokens, most_output)
        case Operation.EMBEDDINGS | Operation.MODERATIONS:
            pass
    return bounds


def estimated_units(demand: Demand, endpoint: Endpoint, meter: Meter) -> Usage:
    """Our own count where the provider gave none, flagged: by medians, not by bounds.

    What a model has no price for is left out, so that one of its bases is what counts.
    """
    tokens = max(1, math.ceil(demand.text_bytes / endpoint.bytes_per_token) + demand.tokens)
    counts = {
        Dimension.INPUT: tokens,
        Dimension.REQUESTS: 1,
        Dimension.DOCUMENTS: demand.documents,
        Dimension.IMAGES: demand.images,
        Dimension.CHARACTERS: demand.characters,
        Dimension.SECONDS: demand.usual_seconds,
    }
    if meter.characters:
        kept = meter.kept
        size = len(kept.getvalue().encode()) if kept is not None else meter.characters
        counts[Dimension.OUTPUT] = math.ceil(max(size, meter.characters) / endpoint.bytes_per_token)
    rates = endpoint.price.rates
    quantities = {d: count for d, count in counts.items() if count and d in rates}
    return Usage(quantities, estimated=True)
