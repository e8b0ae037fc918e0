"""Cache points: at most four, and none of five minutes before one of an hour (E44)."""

from __future__ import annotations

from typing import Any, Final

from opengateway.domain.canonical import CacheMark
from opengateway.kit.json import JsonObject

MEMBER: Final = "cachePoint"
MAX_POINTS: Final = 4
_TTLS: Final = ("1h",)
"""Five minutes is the default, and older models know no `ttl`."""


def point_of(mark: CacheMark) -> JsonObject:
    point: JsonObject = {"type": "default"}
    if mark.ttl in _TTLS:
        point["ttl"] = mark.ttl
    return {MEMBER: point}


def settle(lists: list[list[Any]]) -> bool:
    """Take off what is too much and put the rest in order, in place. Whether a point went.

    `lists` are the tools, the system blocks and each message's content, in the order in which a
    request is read. The latest points stay: they hold the longest prefixes.
    """
    points = [(blocks, block) for blocks in lists for block in blocks if _is_point(block)]
    surplus = max(len(points) - MAX_POINTS, 0)
    for blocks, block in points[:surplus]:
        at = next(index for index, one in enumerate(blocks) if one is block)
        del blocks[at]
    is_short = False
    for _, block in points[surplus:]:
        if block[MEMBER].get("ttl") != "1h":
            is_short = True
        elif is_short:  # five minutes cost no more than was asked for
            del block[MEMBER]["ttl"]
    return surplus > 0


def _is_point(block: Any) -> bool:
    """Tools of the service's own are bytes."""
    return isinstance(block, dict) and MEMBER in block
