"""Counting, as a provider would: tokens by a plain rule, and prefixes that were seen before."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Protocol

from opengateway.kit import json

BYTES_PER_TOKEN = 4
IMAGE_TOKENS = 85
CACHE_FLOOR = 1024
CACHE_STEP = 128
MAX_PREFIXES = 20_000
MAX_REMEMBERED = 64
"""Prefixes remembered of one request: the longest ones."""


@dataclass(frozen=True, slots=True)
class Meter:
    """What one reply is billed.

    `completion` has the reasoning in it; `prompt` what was read from a cache (`cached`) and what
    was written to one, for five minutes or for an hour.
    """

    prompt: int
    cached: int
    completion: int
    reasoning: int
    written_5m: int = 0
    written_1h: int = 0


class Counted(Protocol):
    """An answer, as far as counting goes."""

    @property
    def tokens(self) -> int: ...

    @property
    def reasoning(self) -> str: ...


def meter_of(
    answers: tuple[Counted, ...],
    *,
    prompt: int,
    cached: int,
    written_5m: int = 0,
    written_1h: int = 0,
) -> Meter:
    """The meter of a generated reply."""
    return Meter(
        prompt=prompt,
        cached=cached,
        completion=sum(answer.tokens for answer in answers),
        reasoning=sum(count_text(answer.reasoning) for answer in answers),
        written_5m=written_5m,
        written_1h=written_1h,
    )


def count_text(text: str) -> int:
    """Tokens of a text: one for every four bytes begun."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


class PromptCache:
    """Remembers leading messages by hash. A prefix counts from 1,024 tokens on, in steps of 128."""

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def clear(self) -> None:
        self._seen.clear()

    def count(self, body: dict[str, Any], scope: str) -> tuple[int, int]:
        """`(prompt tokens, of which cached)`; `scope` is what a cache is never shared across."""
        head = json.dumps([body.get("model"), body.get("tools")])
        total = _tokens_of_tools(body)
        sizes = [total := total + _tokens_of(message) for message in body["messages"]]
        total += 3
        if total < CACHE_FLOOR:
            return total, 0
        digest = blake2b(scope.encode() + head, digest_size=16)
        prefixes: list[tuple[bytes, int]] = []
        for message, size in zip(body["messages"], sizes, strict=True):
            digest.update(json.dumps(message))
            if size >= CACHE_FLOOR:
                prefixes.append((digest.digest(), size))
        prefixes = prefixes[-MAX_REMEMBERED:]
        cached = max((size for key, size in prefixes if key in self._seen), default=0)
        for key, _ in prefixes:
            self._seen[key] = None
            self._seen.move_to_end(key)
        while len(self._seen) > MAX_PREFIXES:
            self._seen.popitem(last=False)
        return total, cached // CACHE_STEP * CACHE_STEP


def _tokens_of_tools(body: dict[str, Any]) -> int:
    tools = body.get("tools")
    return -(-len(json.dumps(tools)) // BYTES_PER_TOKEN) if tools else 0


def _tokens_of(message: dict[str, Any]) -> int:
    """Text by its bytes, an image by the piece, and four tokens for the message's frame."""
    content = message.get("content")
    tokens = 4
    if isinstance(content, str):
        tokens += count_text(content)
    elif isinstance(content, list):
        for part in content:
            if part.get("type") == "text":
                tokens += count_text(str(part.get("text", "")))
            else:
                tokens += IMAGE_TOKENS
    if calls := message.get("tool_calls"):
        tokens += -(-len(json.dumps(calls)) // BYTES_PER_TOKEN)
    return tokens
