"""What a request may cost: whether it has a price at all, which price a team pays, what to hold.

Pure. Holds are bounds, never counts: no tokenizer on the request path (decision 13).
"""

from __future__ import annotations

import math
from fnmatch import fnmatchcase
from typing import Final

import msgspec

from opengateway.domain.catalog import (
    HOLD_KNEE_BYTES,
    MESSAGES_WIRES,
    CredentialOwner,
    Endpoint,
    Provider,
    Snapshot,
    Wire,
)
from opengateway.domain.chat import ChatFacts, ChatRequest
from opengateway.domain.money import UNITS_PER_PRICE, Nanos, price_units
from opengateway.domain.particulars import TeamPrice
from opengateway.domain.routing import Plan
from opengateway.domain.usage import Dimension, PriceOrigin, PriceRow, PriceTier
from opengateway.gateway.density import SAMPLES, made_share
from opengateway.gateway.units import hold_units, unpriced_units
from opengateway.kit.json import DecodeError, RawObject, loads

STREAM_HOLD_TOKENS: Final = 4096
"""Streams hold this much output at first (decision 13)."""
_AUDIO_TOKENS_PER_BYTE: Final = 0.1
"""At most 32 tokens a second (Gemini), and speech takes 750 bytes a second of base64 at least."""
_USUAL_AUDIO_TOKENS_PER_BYTE: Final = 0.003
"""32 tokens a second of an MP3 at 64 kbit/s."""
_USUAL_IMAGE_TOKENS: Final = 1000
"""A megapixel: 765 at OpenAI, 1,032 at Google, 1,398 at Anthropic."""
_USUAL_TIERS: Final = frozenset(("auto", "default", "standard", "standard_only", "on_demand"))
"""Service tiers that cost what the price row says."""
_SHORT_LIFETIMES: Final = frozenset(("default", "5m", "30m"))
"""Of cache marks that cost what the row says of cache writes."""
_BILLED_APART: Final = ("web_search_options", "search_parameters", "plugins", "enable_search")
"""Members for which vendors bill by the call, and not by the token."""
_NULL: Final = b"null"


# --- unpriced kinds -------------------------------------------------------------------------------
def unpriced(chat: ChatRequest, endpoint: Endpoint, provider: Provider) -> str | None:
    """What the request could use that has no price at `endpoint`, in words for the caller.

    None where everything has a price. Asked before anything is held or sent (decision 14).
    """
    if chat.demand is not None:
        return unpriced_units(chat.demand, endpoint)
    facts, fields, rates = chat.facts, chat.fields, endpoint.price.rates
    if facts.billed_apart is not None:
        return f"{facts.billed_apart} has no price here; leave it out"
    if facts.cache_lifetimes and _is_unpriced_cache(facts, rates):
        return "a cache lifetime other than five minutes has no price here; leave 'ttl' out"
    if "audio" in facts.modalities and Dimension.AUDIO_INPUT not in rates:
        return "audio as input has no price here; send text, or ask another model"
    above = endpoint.unpriced_above
    if above is not None and input_estimate(chat, endpoint) > above:
        return (
            f"an input of more than {above} tokens has no price here; send less, or ask a model"
            " with a larger context"
        )
    # What does not go out in the caller's own words is read by the wire, and told if left out.
    if provider.wire is not Wire.OPENAI:
        return None
    return _unpriced_member(facts, fields, provider, rates)


_RISKY: Final = frozenset(("service_tier", "modalities", *_BILLED_APART))


def may_be_unpriced(chat: ChatRequest, plan: Plan) -> bool:
    """Whether `unpriced` has to be asked of the candidates at all."""
    facts = chat.facts
    return (
        chat.demand is not None
        or bool(facts.cache_lifetimes)
        or facts.has_vendor_tools
        or facts.billed_apart is not None
        or "audio" in facts.modalities
        or not _RISKY.isdisjoint(chat.fields)
        or any(candidate.endpoint.unpriced_above is not None for candidate in plan.candidates)
    )


def _is_unpriced_cache(facts: ChatFacts, rates: dict[Dimension, int]) -> bool:
    lasting = facts.cache_lifetimes - _SHORT_LIFETIMES
    if not lasting:
        return False
    return lasting != {"1h"} or Dimension.CACHE_WRITE_1H not in rates


def _unpriced_member(
    facts: ChatFacts, fields: RawObject, provider: Provider, rates: dict[Dimension, int]
) -> str | None:
    """What the members say that go out as they came."""
    dropped = provider.profile.drop
    tier = _word(fields, "service_tier")
    if tier is not None and tier not in _USUAL_TIERS and "service_tier" not in dropped:
        return f"the service tier {tier[:40]!r} has no price here; leave 'service_tier' out"
    if "modalities" in fields and "modalities" not in dropped:
        spoken = bytes(fields["modalities"])
        for word, dimension in ((b"audio", Dimension.AUDIO_OUTPUT), (b"image", Dimension.IMAGES)):
            # An escaped letter hides no word: OpenAI's are plain, and others are not known to it.
            if (word in spoken or b"\\" in spoken) and dimension not in rates:
                return f"{word.decode()} as output has no price here; ask for text"
    for name in _BILLED_APART:
        if name in fields and name not in dropped and bytes(fields[name]) not in (_NULL, b"false"):
            return f"{name!r} is billed by the call and has no price here; leave it out"
    if facts.has_vendor_tools:
        return "tools that the provider runs have no price here; send functions"
    return None


def _word(fields: RawObject, name: str) -> str | None:
    raw = fields.get(name)
    if raw is None:
        return None
    value = loads(raw)
    return value if isinstance(value, str) else None


# --- the price of a team --------------------------------------------------------------------------
class TeamEndpoints:
    """Endpoints with what a team pays for them, found once for each (snapshot, team, endpoint).

    Holds one snapshot's answers, and at most `LIMIT` of them: a new snapshot begins anew.
    """

    LIMIT: Final = 65_536

    __slots__ = ("_found", "_snapshot")

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None
        self._found: dict[tuple[str, str], Endpoint] = {}

    def of(self, snapshot: Snapshot, team_id: str, model_id: str, endpoint: Endpoint) -> Endpoint:
        """`endpoint` itself where the team pays what all pay."""
        prices = snapshot.team_prices.get(team_id)
        if prices is None:
            return endpoint
        if snapshot is not self._snapshot or len(self._found) >= self.LIMIT:
            self._snapshot, self._found = snapshot, {}
        key = (team_id, endpoint.id)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = priced_for_team(prices, model_id, endpoint)
        return found


def priced_for_team(prices: tuple[TeamPrice, ...], model_id: str, endpoint: Endpoint) -> Endpoint:
    """The endpoint at the first of `prices` that fits it, or as it is."""
    for price in prices:
        if fits(price.pattern, model_id, endpoint.id):
            cost = endpoint.cost or endpoint.price
            return msgspec.structs.replace(endpoint, price=team_row(price, endpoint), cost=cost)
    return endpoint


def fits(pattern: str, model_id: str, endpoint_id: str) -> bool:
    """Whether a price for `pattern` is for this endpoint: by its id, or by its model's."""
    return fnmatchcase(endpoint_id, pattern) or fnmatchcase(model_id, pattern)


def team_row(price: TeamPrice, endpoint: Endpoint) -> PriceRow:
    """What the team pays: the provider's cost with its own percentage, or its own rates, and for
    kinds that these do not name what all pay."""
    if price.ppm is None:
        base, ppm = endpoint.price, 0
    else:
        base, ppm = endpoint.cost or endpoint.price, price.ppm
    own = price.rates or {}
    since = max(price.effective_from, base.effective_from)
    return PriceRow(
        # Named after both, so that one id means one price for ever.
        id=f"{endpoint.id}@{since}#{price.id}+{base.id.rpartition('@')[2]}",
        effective_from=since,
        source=price.id,
        rates=marked_up(base.rates, ppm) | own,
        tiers=tuple(PriceTier(t.above, marked_up(t.rates, ppm) | own) for t in base.tiers),
        origin=PriceOrigin.DATABASE,
        flagged=base.flagged,
    )


def marked_up(rates: dict[Dimension, int], ppm: int) -> dict[Dimension, int]:
    """Each rate with `ppm` millionths of it on top (or off), rounded up to a nano-dollar."""
    if not ppm:
        return dict(rates)
    return {d: -(-rate * (1_000_000 + ppm) // 1_000_000) for d, rate in rates.items()}


def fee_of(amount: int, ppm: int) -> Nanos:
    """A fee of `ppm` millionths of an amount, rounded up to a whole nano-dollar."""
    return Nanos(-(-amount * ppm // 1_000_000))


# --- holds ----------------------------------------------------------------------------------------
def hold_amount(
    chat: ChatRequest,
    endpoint: Endpoint,
    provider: Provider | None = None,
    owner: CredentialOwner = CredentialOwner.PLATFORM,
) -> Nanos:
    """What is reserved before the call: a bound on the input, the output it may have, our fee.

    Where the team's own credential pays the provider, the fee alone (decision 33).
    """
    tokens = output_bound(chat, endpoint, provider)
    if chat.stream:
        tokens = min(tokens, STREAM_HOLD_TOKENS)
    if chat.demand is not None:
        amount = hold_units(chat.demand, endpoint, tokens)
    else:
        rates = _rates_of_hold(chat, endpoint)
        amount = price_units(input_bound(chat, endpoint), _input_rate(chat, rates))
        amount += price_units(1, rates.get(Dimension.REQUESTS, 0))
        amount += price_units(tokens * choices_of(chat), _output_rate(chat, rates))
    if owner is CredentialOwner.TEAM:
        return fee_of(amount, endpoint.own_key_fee_ppm)
    return Nanos(amount + fee_of(amount, endpoint.fee_ppm))


def extension_amount(
    tokens: int,
    endpoint: Endpoint,
    owner: CredentialOwner = CredentialOwner.PLATFORM,
    input_tokens: int = 0,
) -> Nanos:
    """What `tokens` more of output cost at most, for a stream that goes past what it holds."""
    rates = endpoint.price.rates_for(input_tokens)
    rate = max((rates.get(d, 0) for d in _OUTPUT), default=0)
    amount = price_units(tokens, rate)
    if owner is CredentialOwner.TEAM:
        return fee_of(amount, endpoint.own_key_fee_ppm)
    return Nanos(amount + fee_of(amount, endpoint.fee_ppm))


def affordable_output(chat: ChatRequest, endpoint: Endpoint, available: int) -> int:
    """The largest `max_tokens` whose hold `available` nano-dollars cover; 0 for none.

    What a 402 names, so that the caller knows what would be served.
    """
    if chat.demand is not None:  # it has no limit to lower that would be known to help
        return 0
    rates = _rates_of_hold(chat, endpoint)
    # Taken down by the fee, and by the nano-dollar that each rounding may add.
    left = available * 1_000_000 // (1_000_000 + endpoint.fee_ppm) - 2
    left -= price_units(input_bound(chat, endpoint), _input_rate(chat, rates))
    left -= price_units(1, rates.get(Dimension.REQUESTS, 0))
    rate = _output_rate(chat, rates) * choices_of(chat)
    if left <= 0:
        return 0
    most = endpoint.max_output or endpoint.context
    return min(most, left * UNITS_PER_PRICE // rate) if rate else most


def input_estimate(chat: ChatRequest, endpoint: Endpoint) -> int:
    """About how many tokens the input has: medians, no bound."""
    facts = chat.facts
    text = max(0, chat.input_bytes - facts.image_bytes - facts.audio_bytes)
    tokens = text / endpoint.bytes_per_token + facts.audio_bytes * _USUAL_AUDIO_TOKENS_PER_BYTE
    return max(1, math.ceil(tokens)) + facts.images * _USUAL_IMAGE_TOKENS


def input_bound(chat: ChatRequest, endpoint: Endpoint) -> int:
    """No input that the endpoint takes has many more tokens than this.

    Text by its bytes, images by their number, sounds by their bytes. Whose size cannot be told
    (files, videos, what is fetched by address) may fill the context.
    """
    facts = chat.facts
    if facts.has_open_media:
        return endpoint.context
    text = max(0, chat.input_bytes - facts.image_bytes - facts.audio_bytes)
    ratio = endpoint.hold_tokens_per_byte
    tokens = text * ratio + facts.audio_bytes * _AUDIO_TOKENS_PER_BYTE
    if text > HOLD_KNEE_BYTES and (beyond := endpoint.hold_tokens_per_byte_beyond) is not None:
        written = text - HOLD_KNEE_BYTES - _made_bytes(chat)
        tokens -= max(0, written) * (ratio - beyond)
    # More than the context is refused by the provider, and costs nothing.
    return min(math.ceil(tokens) + facts.images * endpoint.image_tokens, endpoint.context)


def _made_bytes(chat: ChatRequest) -> int:
    """About how much of a long text was encoded by a machine; images and sounds left out."""
    raw = chat.fields.get("messages")
    if raw is None:
        return 0
    text = memoryview(raw)
    share = made_share(text)
    media = chat.facts.image_bytes + chat.facts.audio_bytes
    # A sample more than was found: what lies between two samples is not seen.
    return max(0, int(min(1.0, share + 1 / SAMPLES) * len(text)) - media) if share else 0


def output_bound(chat: ChatRequest, endpoint: Endpoint, provider: Provider | None = None) -> int:
    """The most output that one choice can have; of an operation beside chat, all of them."""
    if chat.demand is not None:
        return chat.demand.output_tokens
    ceiling = endpoint.max_output or endpoint.context
    asked = chat.facts.max_output_tokens
    if asked is None or asked >= ceiling:
        return ceiling
    if provider is not None and provider.wire not in MESSAGES_WIRES:
        return asked
    return min(ceiling, asked + _thinking_budget(chat, asked))


def choices_of(chat: ChatRequest) -> int:
    """How many answers are made, shown or not."""
    if chat.demand is not None:  # its bound is of all of them
        return 1
    best_of = chat.fields.get("best_of")
    if best_of is None:
        return chat.facts.n
    made = loads(best_of)
    return max(chat.facts.n, made) if isinstance(made, int) else chat.facts.n


_BUDGETS: Final = {"none": 0, "minimal": 1024, "low": 2048, "medium": 10_000, "high": 16_384}
_HIGHEST_BUDGET: Final = 32_768


def _thinking_budget(chat: ChatRequest, asked: int) -> int:
    """What a budget of thinking may add to `max_tokens` where it would leave no room for an answer
    (wires/anthropic/thinking.py)."""
    effort, budget = chat.facts.reasoning_effort, 0
    if effort is not None:
        budget = _BUDGETS.get(effort, _HIGHEST_BUDGET)
    raw = chat.fields.get("reasoning")
    if raw is not None:
        try:
            said = loads(raw)
        except (DecodeError, RecursionError):
            said = None
        if isinstance(said, dict):
            told = said.get("max_tokens")
            if isinstance(told, int):
                budget = max(budget, told)
            elif said.get("effort") or said.get("enabled"):
                budget = max(budget, _BUDGETS.get(str(said.get("effort")), _HIGHEST_BUDGET))
    return max(budget, 1024) if budget >= asked else 0


def _rates_of_hold(chat: ChatRequest, endpoint: Endpoint) -> dict[Dimension, int]:
    price = endpoint.price
    return price.rates_for(input_bound(chat, endpoint)) if price.tiers else price.rates


def _input_rate(chat: ChatRequest, rates: dict[Dimension, int]) -> int:
    """The dearest kind that the input can turn out to be. Writes to a cache need no mark: some
    vendors do it by themselves; those that are kept for an hour do."""
    rate = max(
        rates.get(Dimension.INPUT, 0),
        rates.get(Dimension.CACHE_READ, 0),
        rates.get(Dimension.CACHE_WRITE, 0),
    )
    if chat.facts.cache_lifetimes:
        rate = max(rate, rates.get(Dimension.CACHE_WRITE_1H, 0))
    if "audio" in chat.facts.modalities:
        rate = max(rate, rates.get(Dimension.AUDIO_INPUT, 0))
    return rate


_OUTPUT: Final = (Dimension.OUTPUT, Dimension.REASONING, Dimension.AUDIO_OUTPUT)


def _output_rate(chat: ChatRequest, rates: dict[Dimension, int]) -> int:
    rate = max(rates.get(Dimension.OUTPUT, 0), rates.get(Dimension.REASONING, 0))
    if "modalities" in chat.fields:
        rate = max(rate, rates.get(Dimension.AUDIO_OUTPUT, 0))
    return rate
