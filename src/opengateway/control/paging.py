"""Pages of a list: `?limit=&after=`, answered with `{"data": [...], "next": cursor or null}`.

A cursor is opaque: what is in it may change, and nobody should build one.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Annotated, Final, TypeVar

from fastapi import Query

from opengateway.domain.errors import InvalidRequest
from opengateway.domain.request_log import Place

_PLACE: Final = re.compile(r"p1:([A-Za-z0-9_.:-]{1,120})")

Limit = Annotated[
    int, Query(ge=1, le=1000, description="At most so many, 1 to 1000.", examples=[100])
]
After = Annotated[
    str,
    Query(
        max_length=200,
        description="The `next` of the page before; empty for the first page.",
        examples=[""],
    ),
]

Search = Annotated[
    str,
    Query(
        max_length=100,
        pattern=r"^[^\x00]*$",
        description="A part of the name or address, or an id; empty for all.",
        examples=[""],
    ),
]

_Row = TypeVar("_Row")


def cursor(place: str | int) -> str:
    """The cursor of what follows `place`: an id, or a number."""
    return urlsafe_b64encode(f"p1:{place}".encode()).decode().rstrip("=")


def place_of(after: str) -> str:
    """The place that a cursor names, "" for none. Raises `InvalidRequest`."""
    if not after:
        return ""
    try:
        text = urlsafe_b64decode(after + "=" * (-len(after) % 4)).decode("ascii")
    except ValueError:
        text = ""
    found = _PLACE.fullmatch(text)
    if found is None or cursor(found[1]) != after:
        raise InvalidRequest("'after' is not a cursor; take `next` of a page", param="after")
    return found[1]


def number_of(after: str) -> int | None:
    """The same, where places are numbers; None for none. Raises `InvalidRequest`."""
    place = place_of(after)
    if not place:
        return None
    if not place.isdecimal() or len(place) > 18:
        raise InvalidRequest("'after' is not a cursor; take `next` of a page", param="after")
    return int(place)


def next_page(rows: Sequence[_Row], limit: int, place: Callable[[_Row], str | int]) -> str | None:
    """The cursor of what may follow a full page, by its last row's `place`; None at the end."""
    return cursor(place(rows[-1])) if len(rows) == limit else None


def following(rows: Sequence[_Row], limit: int) -> _Row | None:
    """The last row of a full page, after which more may follow; None at the end."""
    return rows[-1] if len(rows) == limit else None


def contains(text: str) -> str:
    """For `lower(column) LIKE ... ESCAPE '!'`: what has `text` somewhere."""
    for special in "!%_":
        text = text.replace(special, f"!{special}")
    return f"%{text.lower()}%"


def request_cursor(place: Place) -> str:
    """The cursor of requests before `place`."""
    return cursor(f"{place.started_at_ns}:{place.id}")


def request_place(after: str) -> Place | None:
    """Raises `InvalidRequest`."""
    place = place_of(after)
    if not place:
        return None
    began, _, request_id = place.partition(":")
    if not began.isdecimal() or int(began) >= 2**63 or not request_id:
        raise InvalidRequest("'after' is not a cursor; take `next` of a page", param="after")
    return Place(int(began), request_id)
