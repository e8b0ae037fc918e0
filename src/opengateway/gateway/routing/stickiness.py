"""Where each conversation's prompts are cached: an ordering for its next turn, never a filter.

A pin is made by an answer: of a conversation that the caller names, by the first; of one that is
known by its opening alone, once caching was seen (decision 32). It slides with each answer, moves
with the conversation, and is forgotten when the provider's cache is cold.
"""

from __future__ import annotations

from typing import Final

import msgspec

from opengateway.domain.chat import ChatRequest
from opengateway.domain.usage import Dimension, Usage
from opengateway.gateway.routing.conversation import Conversation
from opengateway.gateway.routing.spots import Asked, Domain, Spot

PINS: Final = 65_536
"""Of a gateway: about 25 MB. The one that was used longest ago makes place."""
NEWS: Final = 4_096
LONGEST_S: Final = 86_400.0
_WRITES: Final = (Dimension.CACHE_WRITE, Dimension.CACHE_WRITE_1H)
_LIFETIMES: Final = {"5m": 300.0, "30m": 1800.0, "1h": 3600.0, "24h": 86_400.0}
_RETENTION: Final = b'"24h"'


class Pin(msgspec.Struct, array_like=True, gc=False):
    """`until` is monotonic seconds, and goes to others as seconds left."""

    domain: Domain
    tokens: int
    """Of input at the last turn: about what is cached."""
    ttl_s: float
    until: float


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Pin).decode


class Stickiness:
    """One of a gateway process. `news` are the pins that others were not told of yet."""

    __slots__ = ("_pins", "moved", "news")

    def __init__(self) -> None:
        self._pins: dict[bytes, Pin] = {}
        self.news: dict[bytes, None] = {}
        self.moved = 0

    def __len__(self) -> int:
        return len(self._pins)

    def find(self, digest: bytes, now: float) -> Pin | None:
        pin = self._pins.get(digest)
        if pin is None or pin.until > now:
            return pin
        del self._pins[digest]
        return None

    def served(
        self,
        chat: ChatRequest,
        conversation: Conversation,
        spot: Spot,
        usage: Usage | None,
        now: float,
    ) -> None:
        """The conversation was answered there."""
        if not spot.keeps_prompts:
            return
        found = self._pins.pop(conversation.digest, None)
        was_cached = usage is not None and bool(usage.of(Dimension.CACHE_READ, *_WRITES))
        if not (found or conversation.is_named or spot.is_replica or was_cached):
            return
        if found is not None and found.domain != spot.domain:
            self.moved += 1
        ttl_s = lifetime_s(chat, spot)
        tokens = usage.input_tokens if usage is not None else 0
        self._keep(conversation.digest, Pin(spot.domain, tokens, ttl_s, now + ttl_s))
        if len(self.news) < NEWS:
            self.news[conversation.digest] = None

    def _keep(self, digest: bytes, pin: Pin) -> None:
        if len(self._pins) >= PINS:
            del self._pins[next(iter(self._pins))]
        self._pins[digest] = pin

    # --- other gateways --------------------------------------------------------------------------

    def told(self, now: float) -> list[tuple[bytes, bytes, float]]:
        """What is new: digest, note, and for how many seconds it holds. Told once."""
        news, self.news = self.news, {}
        found = ((digest, self._pins.get(digest)) for digest in news)
        return [
            (digest, _encode(pin), pin.until - now)
            for digest, pin in found
            if pin is not None and pin.until > now
        ]

    def hear(self, digest: bytes, note: bytes, now: float) -> Pin | None:
        """Another gateway's pin. None where it cannot be read."""
        try:
            pin = _decode(note)
        except (msgspec.DecodeError, RecursionError):
            return None
        if not 0 < pin.ttl_s <= LONGEST_S or any(len(part) > 300 for part in pin.domain):
            return None
        pin.until = now + pin.ttl_s
        self._keep(digest, pin)
        return pin


def lifetime_s(chat: ChatRequest, spot: Spot) -> float:
    """How long the provider keeps what this request put there: as asked for, else as usual."""
    found = float(spot.candidate.provider.profile.cache_ttl_s)
    for name in chat.facts.cache_lifetimes:
        found = max(found, _LIFETIMES.get(name, 0.0))
    retention = chat.fields.get("prompt_cache_retention")
    if retention is not None and bytes(retention) == _RETENTION:
        found = max(found, LONGEST_S)
    return min(found, LONGEST_S)


def wanted_by(stream: bool, conversation: Conversation, pin: Pin | None) -> Asked:
    if pin is not None:
        return Asked(stream, pin.domain, pin.tokens)
    return Asked(stream, prefix=int.from_bytes(conversation.digest[:8], "big"))
