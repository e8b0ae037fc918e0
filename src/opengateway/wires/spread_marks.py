"""A wish to cache the whole request, as marks: for vendors that place none by themselves.

At the ends of what does not change from turn to turn - the tools, the instructions - and of what was said
last. The caller's own marks stand, and with them there are four at most: what was said last comes first.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, TypeVar

from msgspec.structs import replace

from opengateway.domain.canonical import CacheIntent, CacheMark, CanonicalRequest, Item, Role, Tool

MAX_MARKS: Final = 4
PLACES: Final = ("tools", "system", "messages")
_TOLD: Final = (Role.SYSTEM, Role.DEVELOPER)
_Marked = TypeVar("_Marked", Item, Tool)


def spread(request: CanonicalRequest, places: Collection[str] = PLACES) -> CanonicalRequest:
    """The request with marks in place of the wish; as it is where there is none."""
    mark = request.cache.automatic
    if mark is None:
        return request
    left = MAX_MARKS - _marks_of(request)
    turns, tools = list(request.turns), request.tools
    at_system = [at for at, turn in enumerate(turns) if turn.role in _TOLD and turn.items]
    said = [at for at, turn in enumerate(turns) if turn.role not in _TOLD and turn.items]
    for place, found in (("messages", said), ("system", at_system)):
        if place in places and found and left > 0:
            turn = turns[found[-1]]
            items, is_new = _marked_last(turn.items, mark)
            turns[found[-1]] = replace(turn, items=items)
            left -= is_new
    if "tools" in places and tools and left > 0:
        tools, _ = _marked_last(tools, mark)
    cache = CacheIntent(key=request.cache.key)
    return replace(request, turns=tuple(turns), tools=tools, cache=cache)


def _marked_last(listed: tuple[_Marked, ...], mark: CacheMark) -> tuple[tuple[_Marked, ...], bool]:
    """With a mark on the last, and whether that is new."""
    *before, last = listed
    if last.cache is not None:
        return listed, False
    return (*before, replace(last, cache=mark)), True


def _marks_of(request: CanonicalRequest) -> int:
    items = (item for turn in request.turns for item in turn.items)
    return sum(one.cache is not None for one in (*items, *request.tools))
