"""How much a key, a member and a team may ask at once and in a minute (decisions 28 and 34).

A request takes one place in every row of its row set, or in none. What it takes of tokens is an
estimate; `settle` puts the truth in its place. "A minute" is any 60 seconds, not one of the clock.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Protocol

import msgspec

MINUTE_S: Final = 60


class Level(StrEnum):
    """Whose limit it is, narrow before broad."""

    KEY = "key"
    MEMBER = "member"
    TEAM = "team"


class Measure(StrEnum):
    REQUESTS = "requests"  # a minute
    TOKENS = "tokens"  # a minute, input and output together
    CONCURRENCY = "concurrency"  # running at once


class LimitRow(msgspec.Struct, frozen=True):
    """The limits of one level. `scope` names whose they are: `key:key_...`, `team:team_...`.

    None: no such limit. A row has at least one.
    """

    level: Level
    scope: str
    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None

    def limit(self, measure: Measure) -> int | None:
        match measure:
            case Measure.REQUESTS:
                return self.rpm
            case Measure.TOKENS:
                return self.tpm
            case Measure.CONCURRENCY:
                return self.concurrency


class RowSet(msgspec.Struct, frozen=True):
    """What one key's requests are counted in. `tokens`: whether any row limits them."""

    rows: tuple[LimitRow, ...]
    tokens: bool


class Taken(msgspec.Struct, gc=False):
    """A request's place in its rows. Given back exactly once: by `settle` or by `release`.

    `tokens` is what was reserved, `second` when (of the book's own clock).
    """

    rows: RowSet
    tokens: int
    second: int
    leased: bool = True
    """False: taken by this gateway's own count, while the shared one was out of reach."""
    open: bool = True


class Short(msgspec.Struct, frozen=True):
    """A limit that is reached, and the seconds until it would let the request through."""

    row: LimitRow
    measure: Measure
    wait_s: float


class Figure(msgspec.Struct, frozen=True):
    """Of the row with the least room: its limit, what is left of it, and the seconds until all of
    it is there again if nothing more is taken."""

    limit: int
    remaining: int
    reset_s: int


class RateBook(Protocol):
    """Counts what is taken. Implementations: `infra/limits/`; one event loop owns each.

    `least` are the tokens without which the request cannot be done, `wish` what it should reserve
    where there is room; both 0 where no row limits tokens. `least <= wish`, and `least` is within
    every limit of the rows.
    """

    def take(self, rows: RowSet, least: int, wish: int) -> Taken | None:
        """One place in every row; None, and nothing taken, where memory alone cannot tell that
        there is room. Touches nothing but memory."""
        ...

    async def secure(self, rows: RowSet, least: int, wish: int) -> Taken | tuple[Short, ...]:
        """The same, asking the shared count where need be, for 50 ms at most. Raises nothing: out
        of reach, this gateway keeps to its share of the limits."""
        ...

    def settle(self, taken: Taken, tokens: int) -> None:
        """The request ended and used `tokens`: its place is free, its minute is corrected."""
        ...

    def release(self, taken: Taken) -> None:
        """Nothing was sent for the request: it counts nowhere."""
        ...

    def figures(self, rows: RowSet) -> tuple[Figure | None, Figure | None]:
        """Of requests and of tokens; None where no row limits them."""
        ...
