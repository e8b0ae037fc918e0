"""Cache marks: at most four, in the order that the vendor demands (reference: providers, D and E44).

A request is read as tools, system, messages, and a mark says that what comes before it is worth
keeping. More marks than four are a 400; so is a mark of an hour behind one of five minutes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from opengateway.domain.canonical import CacheMark
from opengateway.kit.json import JsonObject

MAX_MARKS: Final = 4
MEMBER: Final = "cache_control"
_TTLS: Final = ("5m", "1h")
_UNMARKED: Final = frozenset(("thinking", "redacted_thinking"))


def control_of(mark: CacheMark) -> JsonObject:
    """A lifetime that the vendor does not know is left to its default, five minutes."""
    control: JsonObject = {"type": "ephemeral"}
    if mark.ttl in _TTLS:
        control["ttl"] = mark.ttl
    return control


def can_carry(block: JsonObject) -> bool:
    return block.get("type") not in _UNMARKED


def settle(body: JsonObject) -> bool:
    """Take off what is too much and put the rest in order, in place. Whether a mark went.

    The latest marks stay: they hold the longest prefixes. One for the whole request counts.
    """
    holders = list(_holders(body))
    surplus = max(len(holders) - MAX_MARKS, 0)
    for holder in holders[:surplus]:
        del holder[MEMBER]
    is_short = False
    for holder in holders[surplus:]:
        control = holder[MEMBER]
        if control.get("ttl") != "1h":
            is_short = True
        elif is_short:  # five minutes cost no more than was asked for
            holder[MEMBER] = {**control, "ttl": "5m"}
    return surplus > 0


def _holders(body: JsonObject) -> Iterable[JsonObject]:
    """Everything with a mark, in the order in which the request is read; the whole of it last."""
    yield from _marked(body.get("tools", ()))
    yield from _marked(body.get("system", ()))
    for message in body["messages"]:
        yield from _marked(message["content"])
    yield from _marked((body,))


def _marked(blocks: Iterable[Any]) -> Iterable[JsonObject]:
    for block in blocks:
        if isinstance(block, dict) and isinstance(block.get(MEMBER), dict):
            yield block
