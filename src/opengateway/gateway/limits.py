"""Step 5, `admit`, for rates: which limits a key's requests stand under, and what a refusal says.

The counting itself is `ports.limits.RateBook`. Of several limits that are reached the broadest is
named: to wait for the key's own would not help while the team's is reached too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from opengateway.domain.catalog import Endpoint
from opengateway.domain.chat import ChatRequest
from opengateway.domain.errors import RateLimited, RequestOverLimit
from opengateway.domain.principal import Principal, RateLimits, TeamState
from opengateway.domain.usage import INPUT_TOKENS, OUTPUT_TOKENS, Usage
from opengateway.gateway.pricing import input_estimate
from opengateway.ports.limits import (
    Figure,
    Level,
    LimitRow,
    Measure,
    RateBook,
    RowSet,
    Short,
    Taken,
)

Header = tuple[bytes, bytes]

DEFAULT_OUTPUT_TOKENS: Final = 1024
"""What is reserved of output where the request does not bound it. The truth follows."""
_COUNTED: Final = frozenset(INPUT_TOKENS + OUTPUT_TOKENS)
_KNOWN_KEYS: Final = 20_000
_RANKS: Final = {level: rank for rank, level in enumerate(Level)}
_UNITS: Final = {
    Measure.REQUESTS: "requests a minute",
    Measure.TOKENS: "tokens a minute",
    Measure.CONCURRENCY: "requests at once",
}
_WHOSE: Final = {
    Level.KEY: "this key's limit",
    Level.MEMBER: "the limit of the member who made this key",
    Level.TEAM: "the team's limit",
}


class Rates:
    """Takes a request's place before it is sent, and tells the caller how much is left.

    `teams` is the live table of team states. For a key without limits `rows` is None, which is
    all that such a request pays.
    """

    def __init__(self, book: RateBook, teams: Mapping[str, TeamState]) -> None:
        self._book = book
        self._team_of = teams.get
        self._known: dict[str, tuple[Principal, TeamState | None, RowSet | None]] = {}
        self._rows: dict[str, LimitRow] = {}

    def rows(self, principal: Principal) -> RowSet | None:
        """The limits that hold for the key now; None where there are none."""
        team = self._team_of(principal.team_id)
        known = self._known.get(principal.key_id)
        if known is not None and known[0] is principal and known[1] is team:
            return known[2]
        if len(self._known) >= _KNOWN_KEYS:
            self._known.clear()
            self._rows.clear()
        found = row_set(principal, team)
        if found is not None:
            # Keys of one team share its row: a book sees at a glance that it knows it.
            rows = tuple(
                r if self._rows.get(r.scope) != r else self._rows[r.scope] for r in found.rows
            )
            self._rows.update((r.scope, r) for r in rows)
            found = RowSet(rows, found.tokens)
        self._known[principal.key_id] = (principal, team, found)
        return found

    def take(self, rows: RowSet, chat: ChatRequest, endpoint: Endpoint) -> Taken | None:
        """A place for the request without asking anyone; None: `secure` must be asked.

        Raises `RequestOverLimit`.
        """
        if not rows.tokens:
            return self._book.take(rows, 0, 0)
        least, wish = token_estimate(chat, endpoint)
        _check_size(rows, least)
        return self._book.take(rows, least, wish)

    async def secure(self, rows: RowSet, chat: ChatRequest, endpoint: Endpoint) -> Taken:
        """A place for the request. Raises `RateLimited` (429)."""
        least, wish = token_estimate(chat, endpoint) if rows.tokens else (0, 0)
        answer = await self._book.secure(rows, least, wish)
        if isinstance(answer, Taken):
            return answer
        error = refusal(answer)
        error.headers = self.headers(rows)
        raise error

    def settle(self, taken: Taken, usage: Usage | None) -> None:
        """The request ended. It counts with what it used: nothing, where nobody knows of any."""
        used = 0
        if usage is not None:
            for dimension, quantity in usage.quantities.items():
                if dimension in _COUNTED:
                    used += quantity
        self._book.settle(taken, used)

    def release(self, taken: Taken) -> None:
        """Nothing was sent for it, so it does not count."""
        self._book.release(taken)

    def headers(self, rows: RowSet) -> tuple[Header, ...]:
        """`x-ratelimit-...` in OpenAI's format, of the rows with the least room."""
        requests, tokens = self._book.figures(rows)
        told = _told(requests, _REQUESTS) if requests is not None else ()
        return told + _told(tokens, _TOKENS) if tokens is not None else told

    def figures(self, rows: RowSet) -> tuple[Figure | None, Figure | None]:
        """How much is left, of requests and of tokens."""
        return self._book.figures(rows)


# --- what a request asks for -------------------------------------------------------------------------


def row_set(principal: Principal, team: TeamState | None) -> RowSet | None:
    """The rows of a key: its own, its maker's as a member of the team, and the team's."""
    own = RateLimits(principal.rpm, principal.tpm, principal.concurrency)
    rows = [_row(Level.KEY, principal.key_id, own)]
    if team is not None:
        user = principal.user_id
        if user is not None and (limits := team.members.get(user)) is not None:
            rows.append(_row(Level.MEMBER, f"{team.team_id}:{user}", limits))
        whole = RateLimits(team.rpm, team.tpm, team.concurrency)
        rows.append(_row(Level.TEAM, team.team_id, whole))
    kept = tuple(r for r in rows if not (r.rpm is None and r.tpm is None and r.concurrency is None))
    return RowSet(kept, any(r.tpm is not None for r in kept)) if kept else None


def _row(level: Level, subject: str, limits: RateLimits) -> LimitRow:
    scope = f"{level.value}:{subject}"
    return LimitRow(level, scope, limits.rpm, limits.tpm, limits.concurrency)


def token_estimate(chat: ChatRequest, endpoint: Endpoint) -> tuple[int, int]:
    """Tokens without which the request cannot be done, and those to reserve where there is room.

    Output that the request bounds is reserved whole. Where it does not, it is let through with
    whatever is left, and what it used beyond is counted when it ends.
    """
    facts = chat.facts
    given = input_estimate(chat, endpoint)
    ceiling = endpoint.max_output or endpoint.context
    asked = facts.max_output_tokens
    if asked is not None:
        whole = given + min(asked, ceiling) * facts.n
        return whole, whole
    return given + 1, given + min(DEFAULT_OUTPUT_TOKENS, ceiling) * facts.n


def _check_size(rows: RowSet, least: int) -> None:
    for row in rows.rows:
        if row.tpm is not None and least > row.tpm:
            raise RequestOverLimit(
                f"this request alone may take {least:,} tokens, and {_WHOSE[row.level]} is"
                f" {row.tpm:,} tokens a minute; send less, or lower max_completion_tokens"
            )


# --- what is told ------------------------------------------------------------------------------------


def refusal(shorts: tuple[Short, ...]) -> RateLimited:
    """Names the broadest limit that is reached; of one level's, the one that lasts longest."""
    if not shorts:  # there was room a moment ago: others took it
        return RateLimited("the limit is being reached right now; try again", retry_after_s=1.0)
    short = max(shorts, key=lambda s: (_RANKS[s.row.level], s.wait_s))
    wait_s = max(1, math.ceil(max(s.wait_s for s in shorts)))
    limit = short.row.limit(short.measure)
    return RateLimited(
        f"{_WHOSE[short.row.level]} of {limit:,} {_UNITS[short.measure]} is reached;"
        f" try again in {wait_s} s",
        retry_after_s=float(wait_s),
    )


_REQUESTS: Final = tuple(b"x-ratelimit-%b-requests" % w for w in (b"limit", b"remaining", b"reset"))
_TOKENS: Final = tuple(b"x-ratelimit-%b-tokens" % w for w in (b"limit", b"remaining", b"reset"))


def _told(figure: Figure, names: tuple[bytes, ...]) -> tuple[Header, ...]:
    limit, remaining, reset = names
    return (
        _limit_header(limit, figure.limit),
        (remaining, b"%d" % figure.remaining),
        _reset_header(reset, figure.reset_s),
    )


@lru_cache(maxsize=1024)
def _limit_header(name: bytes, limit: int) -> Header:
    return name, b"%d" % limit


@lru_cache(maxsize=256)
def _reset_header(name: bytes, seconds: int) -> Header:
    """Go's form of a duration, as OpenAI has it: `1m0s`, `12s`."""
    return name, b"%dm%ds" % divmod(seconds, 60) if seconds >= 60 else b"%ds" % seconds
