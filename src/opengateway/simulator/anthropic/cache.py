"""Prompt caching as the vendor does it: marks, lifetimes, and a look back over twenty blocks."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from opengateway.kit import json
from opengateway.kit.clock import Clock
from opengateway.simulator.anthropic.rules import blocks_of
from opengateway.simulator.metering import BYTES_PER_TOKEN, IMAGE_TOKENS, MAX_PREFIXES, count_text

FLOOR_TOKENS = 1024
"""A shorter prefix is not cached, and nothing says so."""
LOOK_BACK = 20
LIFETIMES_S = {"5m": 300.0, "1h": 3600.0}


@dataclass(frozen=True, slots=True)
class InputTokens:
    """The four classes of input; none holds another."""

    plain: int
    read: int
    written_5m: int
    written_1h: int

    @property
    def total(self) -> int:
        return self.plain + self.read + self.written_5m + self.written_1h


@dataclass(frozen=True, slots=True)
class _Place:
    """One block: the digest of all up to it, their tokens, and its mark's lifetime, if any."""

    digest: bytes
    tokens: int
    ttl: str


class MarkedPrompts:
    """Remembers marked prefixes until they expire; a prefix that is read lives anew."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: OrderedDict[bytes, tuple[float, str]] = OrderedDict()

    def clear(self) -> None:
        self._until.clear()

    def count(self, body: dict[str, Any], scope: str) -> InputTokens:
        """Count, read and write. `scope` is what a cache is never shared across."""
        places = _places(body, scope)
        total = (places[-1].tokens if places else 0) + 3
        marks = [at for at, place in enumerate(places) if place.ttl]
        marks = [at for at in marks if places[at].tokens >= FLOOR_TOKENS]
        if not marks:
            return InputTokens(total, 0, 0, 0)
        now = self._clock.monotonic()
        read = self._read(places, marks, now)
        written = {"5m": 0, "1h": 0}
        done = read
        for at in marks:
            place = places[at]
            if place.tokens > done:
                written[place.ttl] += place.tokens - done
                done = place.tokens
            self._keep(place.digest, place.ttl, now)
        return InputTokens(total - done, read, written["5m"], written["1h"])

    def _read(self, places: list[_Place], marks: list[int], now: float) -> int:
        """Tokens of the longest prefix that still lives and lies near enough before a mark."""
        near = {at for mark in marks for at in range(max(0, mark - LOOK_BACK), mark + 1)}
        for at in sorted(near, reverse=True):
            found = self._until.get(places[at].digest)
            if found is not None and found[0] > now:
                self._keep(places[at].digest, found[1], now)
                return places[at].tokens
        return 0

    def _keep(self, digest: bytes, ttl: str, now: float) -> None:
        self._until[digest] = (now + LIFETIMES_S[ttl], ttl)
        self._until.move_to_end(digest)
        while len(self._until) > MAX_PREFIXES:
            self._until.popitem(last=False)


def count_tokens(body: dict[str, Any]) -> int:
    """Input tokens, whatever is cached."""
    places = _places(body, "")
    return (places[-1].tokens if places else 0) + 3


def _places(body: dict[str, Any], scope: str) -> list[_Place]:
    digest = blake2b(json.dumps([scope, body["model"]]), digest_size=16)
    places: list[_Place] = []
    tokens = 0

    def add(block: dict[str, Any], frame: int, head: str) -> None:
        nonlocal tokens
        bare = {name: value for name, value in block.items() if name != "cache_control"}
        digest.update(head.encode() + json.dumps(bare))
        tokens += _tokens_of(bare) + frame
        ttl = _ttl_of(block)
        places.append(_Place(digest.digest(), tokens, ttl))

    for tool in body.get("tools") or ():
        add(tool, 0, "tool")
    for block in blocks_of(body.get("system") or []):
        add(block, 0, "system")
    for message in body["messages"]:
        frame = 4
        for block in blocks_of(message["content"]):
            add(block, frame, message["role"])
            frame = 0
    if (whole := body.get("cache_control")) and places:
        last = places[-1]
        places[-1] = _Place(last.digest, last.tokens, last.ttl or whole.get("ttl", "5m"))
    return places


def _ttl_of(block: dict[str, Any]) -> str:
    """The lifetime that this block's mark asks for; a mark inside a tool result counts as its."""
    mark = block.get("cache_control")
    if mark is None and block.get("type") == "tool_result":
        inner = blocks_of(block.get("content") or [])
        mark = next((each["cache_control"] for each in inner if each.get("cache_control")), None)
    return str(mark.get("ttl", "5m")) if mark else ""


def _tokens_of(block: dict[str, Any]) -> int:
    match block.get("type"):
        case "text":
            return count_text(block["text"])
        case "image":
            return IMAGE_TOKENS
        case "document" if block["source"]["type"] != "text":
            return IMAGE_TOKENS
    return -(-len(json.dumps(block)) // BYTES_PER_TOKEN)
