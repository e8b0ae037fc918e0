"""Slowing down guesses: by account, by network, by second factor, by letters to one address, by who
redeems codes.

An attempt is counted before it is made, and given back if it succeeds. Otherwise a hundred at once
would all see a count of zero. It is committed at once, for a refusal must not take it back.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from opengateway.control.identity.settings import SECOND_NS
from opengateway.control.scope import ControlScope
from opengateway.control.throttle.models import Attempts
from opengateway.domain.errors import RateLimited

KEPT_S: Final = 3_600
_MOST_KEPT: Final = 128


@dataclass(frozen=True, slots=True)
class Limit:
    """`free` attempts in `window_s`. After them each one waits: twice as long as the one before,
    from `first_wait_s` to the window; or, where that is 0, until the oldest is forgotten."""

    kind: str
    free: int
    window_s: int
    first_wait_s: int = 0
    is_network: bool = False
    forgets_one: bool = False
    """A good attempt takes itself back and no other: who has one good answer may not guess on."""


ACCOUNT: Final = Limit("account", 5, 900, 15)
"""Never a lock: whoever knows an address could else keep its owner out."""
NETWORK: Final = Limit("network", 30, 900, is_network=True, forgets_one=True)
FACTOR: Final = Limit("factor", 5, 900, 30)
LETTER: Final = Limit("letter", 3, 3_600, 300)
REDEEM: Final = Limit("redeem", 10, 600, forgets_one=True)
REDEEM_NETWORK: Final = Limit("redeem_network", 100, 3_600, is_network=True, forgets_one=True)


@dataclass(frozen=True, slots=True)
class Entered:
    """An attempt that may be made, and is counted already."""

    subjects: tuple[tuple[str, bool], ...]
    """Each with whether it forgets but this one attempt when it was good."""
    at_ns: int


class TooManyAttempts(RateLimited):
    code = "too_many_attempts"


class Throttle:
    def __init__(self, scope: ControlScope) -> None:
        self._scope = scope
        self._session = scope.session

    async def enter(self, *asked: tuple[Limit, str]) -> Entered:
        """Count an attempt against each limit, or raise `TooManyAttempts` and count nothing.

        Commits: call it before anything else is written. The second of a pair is what is limited:
        an address, a network, a user's id.
        """
        now = self._scope.clock.now_ns()
        # In one order always: two callers that lock the same rows must not wait for each other.
        limits = sorted(
            ((self._subject(limit, what), limit) for limit, what in asked), key=lambda one: one[0]
        )
        rows = [(limit, await self._locked(subject)) for subject, limit in limits]
        wait_s = max(_wait_s(row.times_ns, limit, now) for limit, row in rows)
        if wait_s > 0:
            raise TooManyAttempts("too many attempts; wait, then try again", retry_after_s=wait_s)
        for _, row in rows:
            row.times_ns = [*row.times_ns[1 - _MOST_KEPT :], now]
            row.last_at_ns = now
        await self._session.commit()
        return Entered(tuple((subject, limit.forgets_one) for subject, limit in limits), now)

    async def forgive(self, entered: Entered) -> None:
        """The attempt was good: the account starts anew, the network has one less."""
        for subject, forgets_one in entered.subjects:
            row = await self._locked(subject)
            if forgets_one:
                times = list(row.times_ns)
                if entered.at_ns in times:
                    times.remove(entered.at_ns)
                row.times_ns = times
            else:
                await self._session.delete(row)
        await self._session.flush()

    async def prune(self) -> None:
        """Remove what no limit looks at any more."""
        before = self._scope.clock.now_ns() - KEPT_S * SECOND_NS
        await self._session.execute(delete(Attempts).where(Attempts.last_at_ns < before))

    def _subject(self, limit: Limit, what: str) -> str:
        if limit.is_network:
            return f"{limit.kind}:{what}"
        digest = hmac.digest(self._scope.pepper.secret, what.encode(), "sha256").hex()
        return f"{limit.kind}:{digest[:40]}"

    async def _locked(self, subject: str) -> Attempts:
        """The row, made if it is new, and nobody else's until the transaction ends."""
        postgres = self._session.get_bind().dialect.name == "postgresql"
        insert: Any = postgres_insert if postgres else sqlite_insert
        values = {"subject": subject, "times_ns": [], "last_at_ns": self._scope.clock.now_ns()}
        # One statement: between an insert and a select, whoever was forgiven could remove the row.
        statement = (
            insert(Attempts)
            .values(values)
            .on_conflict_do_update(index_elements=[Attempts.subject], set_={"subject": subject})
            .returning(Attempts)
        )
        found = await self._session.scalars(
            statement, execution_options={"populate_existing": True}
        )
        row: Attempts = found.one()
        return row


def _wait_s(times_ns: Sequence[int], limit: Limit, now_ns: int) -> float:
    """Seconds until one more attempt may be made; 0 for now."""
    window_ns = limit.window_s * SECOND_NS
    recent = [at for at in times_ns if now_ns - at < window_ns]
    over = len(recent) - limit.free
    if over < 0:
        return 0
    if limit.first_wait_s == 0:
        free_at = recent[over] + window_ns
    else:
        pause_s = min(limit.first_wait_s << min(over, 20), limit.window_s)
        free_at = recent[-1] + pause_s * SECOND_NS
    return max(0.0, (free_at - now_ns) / SECOND_NS)
