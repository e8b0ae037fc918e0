"""Granting leases, and calling them back where money lies idle at another gateway.

Every try is a transaction of its own. Between two tries nothing is locked: a short ask writes its
recall, commits, and waits in memory for what comes back, one second at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final

from opengateway.control.budgets.rows import BudgetRows
from opengateway.control.changes.feed import ChangeFeed
from opengateway.control.changes.service import ChangeLog
from opengateway.control.keys.models import ApiKey
from opengateway.control.keys.repository import KeyRepository
from opengateway.control.leases.wire import Recall, Wanted
from opengateway.control.scope import ControlScope
from opengateway.control.teams.repository import TeamRepository
from opengateway.control.teams.service import TeamStatus
from opengateway.domain.budgets import BudgetSubject
from opengateway.kit.clock import Clock
from opengateway.kit.pulse import Pulse
from opengateway.ports.ledger_book import (
    LeaseAnswer,
    LeaseAsk,
    LeaseRefusal,
    LeaseRefused,
    LeaseReturn,
    Renewal,
)

CHANGE_KIND: Final = "recall"
RECALL_S: Final = 1.0
AGAIN_S: Final = 0.25
"""A team whose leases were recalled less than this ago is not recalled once more."""
MAX_RECALLED: Final = 200
_STEP_S: Final = 0.03
"""Between two tries at least: gateways answer one after the other."""
_KEPT: Final = 10_000

OpenScope = Callable[[], AbstractAsyncContextManager[ControlScope]]
_SHORT: Final = ("insufficient_funds", "budget_exceeded")


class LeaseDesk:
    """One for the process."""

    def __init__(self, open_scope: OpenScope, feed: ChangeFeed, clock: Clock) -> None:
        self._open_scope = open_scope
        self._feed = feed
        self._clock = clock
        self._returned = Pulse()
        self.attentive_since_ns = clock.now_ns()
        """Since when gateways can be heard of without a break (`LedgerJobs`)."""
        self._recalled_at: dict[str, float] = {}

    def stop(self) -> None:
        """Nobody waits any more: the process is going down."""
        self._returned.stop()

    async def take(self, gateway: str, wanted: Sequence[Wanted]) -> Sequence[LeaseAnswer]:
        answers: dict[str, LeaseAnswer] = {}
        waiting: Sequence[Wanted] = wanted
        deadline = self._clock.monotonic() + RECALL_S
        first = True
        while True:
            given, short, recalled = await self._try(gateway, waiting, recall=first)
            answers.update((answer.ask_id, answer) for answer in given)
            # Where nothing was out, nothing will come back.
            waiting = short if recalled or not first else ()
            first = False
            if not waiting or not await self._more_came(deadline):
                return [answers[w.ask_id] for w in wanted]

    async def _more_came(self, deadline: float) -> bool:
        """Wait for a return of any team. False when the time is up."""
        began = self._clock.monotonic()
        if self._returned.stopped or deadline - began <= 0:
            return False
        if not await self._returned.wait(deadline - began):
            return False
        rest = min(_STEP_S, deadline - self._clock.monotonic())
        if rest > 0:
            # Others that were called back are about to answer too.
            await asyncio.sleep(rest)
        return not self._returned.stopped

    async def _try(
        self, gateway: str, wanted: Sequence[Wanted], *, recall: bool
    ) -> tuple[Sequence[LeaseAnswer], Sequence[Wanted], bool]:
        """One transaction: the answers, the asks that were short, and whether leases are recalled."""
        async with self._open_scope() as scope:
            asks, refused = await _asks_of(scope, wanted)
            taken = await scope.ledger.leases.take(gateway, asks) if asks else ()
            answers = [*refused, *taken]
            short_ids = {
                answer.ask_id
                for answer in taken
                if isinstance(answer, LeaseRefused) and answer.refused.code in _SHORT
            }
            recalled = False
            if recall and short_ids:
                short_of = {ask.team_id: ask for ask in asks if ask.ask_id in short_ids}
                for team_id in sorted(short_of):
                    recalled |= await self._recall(scope, short_of[team_id])
        return answers, [w for w in wanted if w.ask_id in short_ids], recalled

    async def _recall(self, scope: ControlScope, ask: LeaseAsk) -> bool:
        """Whether something of the team's may come back."""
        leases = await scope.ledger.leases.to_recall(
            ask.team_id, besides=ask.lease_id, limit=MAX_RECALLED
        )
        if not leases:
            return False
        now = self._clock.monotonic()
        if now - self._recalled_at.get(ask.team_id, -AGAIN_S) >= AGAIN_S:
            if len(self._recalled_at) >= _KEPT:
                self._recalled_at.clear()
            self._recalled_at[ask.team_id] = now
            changes = ChangeLog(scope, self._feed)
            await changes.record(CHANGE_KIND, ask.team_id, Recall(list(leases)))
        return True

    async def give_back(self, gateway: str, returns: Sequence[LeaseReturn]) -> None:
        async with self._open_scope() as scope:
            richer = await scope.ledger.leases.give_back(gateway, returns)
            if richer:
                scope.after_commit(self._returned.beat)

    async def renew(self, gateway: str, lease_ids: Sequence[str]) -> Renewal:
        async with self._open_scope() as scope:
            return await scope.ledger.leases.renew(gateway, lease_ids)


async def _asks_of(
    scope: ControlScope, wanted: Sequence[Wanted]
) -> tuple[Sequence[LeaseAsk], Sequence[LeaseRefused]]:
    """The asks with their teams and budgets, and those whose key may not spend."""
    now_ns = scope.clock.now_ns()
    keys = {
        key.id: key for key in await KeyRepository(scope.session).of_ids({w.key_id for w in wanted})
    }
    frozen = {
        team.id
        for team in await TeamRepository(scope.session).of_ids({k.team_id for k in keys.values()})
        if team.status != TeamStatus.ACTIVE or team.deleted_at_ns is not None
    }
    able: list[tuple[Wanted, ApiKey]] = []
    refused: list[LeaseRefused] = []
    for want in wanted:
        key = keys.get(want.key_id)
        if key is None or not _is_usable(key, now_ns):
            text = f"key {want.key_id!r} may not spend any more"
            refused.append(_refused(want, "key_not_usable", text, "key"))
        elif key.team_id in frozen:
            text = "the team is frozen; ask whoever runs this service"
            refused.append(_refused(want, "team_frozen", text, "team"))
        else:
            able.append((want, key))
    rows = await BudgetRows(scope.session).rows_for_all([subject_of(k) for _, k in able], now_ns)
    asks = [
        LeaseAsk(
            want.ask_id,
            key.team_id,
            key.id,
            key.created_by,
            want.lease_id,
            max(want.amount, want.least),
            want.least,
            budgets,
        )
        for (want, key), budgets in zip(able, rows, strict=True)
    ]
    return asks, refused


def subject_of(key: ApiKey) -> BudgetSubject:
    return BudgetSubject(key.id, key.team_id, key.created_by, key.limit_nanos, key.limit_reset)


def _is_usable(key: ApiKey, now_ns: int) -> bool:
    expired = key.expires_at_ns is not None and key.expires_at_ns <= now_ns
    return key.revoked_at_ns is None and not key.disabled and not expired


def _refused(want: Wanted, code: str, message: str, row: str) -> LeaseRefused:
    return LeaseRefused(want.ask_id, LeaseRefusal(code, message, row, 0))
