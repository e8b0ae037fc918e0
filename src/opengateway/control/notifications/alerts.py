"""Alerts on what was just settled, in the transaction that settled it.

The ledger says what every budget and balance was at before and after (`Settled`), so nothing is
looked for: where nobody crossed a mark, this costs two indexed reads a batch at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from opengateway.control.notifications.announcer import Announcer
from opengateway.control.notifications.models import AlertState
from opengateway.control.notifications.repository import NotificationRepository
from opengateway.control.scope import ControlScope
from opengateway.domain.announcements import EventKind
from opengateway.domain.money import NANOS_PER_USD
from opengateway.ports.ledger_book import PeriodTouch, Settled, TeamTouch

LEVELS: Final = (80, 100)
"""Per cent of a budget."""
DEFAULT_LOW_NANOS: Final = 5_000_000_000
_LOW, _EMPTY = "low", "empty"
_NANOS_PER_CENT: Final = NANOS_PER_USD // 100


def is_over_again(balance: int, threshold: int) -> bool:
    """Whether a balance has risen so far that the next fall is news: a fifth above its mark.

    Without the gap, a balance that hovers at the mark would be told of at every request.
    """
    return balance * 5 > threshold * 6


class Alerts:
    """One batch's. The caller owns the transaction."""

    def __init__(self, scope: ControlScope) -> None:
        self._scope = scope
        self._states = NotificationRepository(scope.session)
        self._announcer = Announcer(scope)

    async def look(self, settled: Settled) -> int:
        """Tell of what crossed a mark. Returns how many alerts were raised."""
        return await self._budgets(settled.periods) + await self._balances(settled.teams)

    # --- budgets ---------------------------------------------------------------------------------
    async def _budgets(self, touches: Sequence[PeriodTouch]) -> int:
        marked = [(t, level) for t in touches if (level := level_of(t)) is not None]
        if not marked:
            return 0
        standing = await self._states.states({t.period_row_id for t, _ in marked})
        raised = 0
        for touch, level in marked:
            if (touch.period_row_id, str(level)) in standing:
                continue
            # One that jumps past both marks is told of the higher alone.
            for passed in LEVELS:
                if passed <= level and (touch.period_row_id, str(passed)) not in standing:
                    await self._raise(touch.period_row_id, str(passed), touch.team_id)
            await self._tell_budget(touch, level)
            raised += 1
        return raised

    async def _tell_budget(self, touch: PeriodTouch, level: int) -> None:
        await self._announcer.tell(
            touch.team_id,
            EventKind.BUDGET_ALERT,
            {
                "budget_id": touch.budget_id,
                "period": touch.period_row_id,
                "level": level,
                "mode": touch.mode.value,
                "limit_nanos": touch.limit_nanos,
                "spent_nanos": touch.after,
            },
            level=str(level),
            budget=touch.budget_id,
            spent=usd(touch.after),
            limit=usd(touch.limit_nanos),
        )

    # --- balances --------------------------------------------------------------------------------
    async def _balances(self, touches: Sequence[TeamTouch]) -> int:
        if not touches:
            return 0
        team_ids = {t.team_id for t in touches}
        settings = {s.team_id: s for s in await self._states.settings_of(team_ids)}
        standing = await self._states.states({f"balance:{team_id}" for team_id in team_ids})
        raised = 0
        for touch in touches:
            own = settings.get(touch.team_id)
            low = DEFAULT_LOW_NANOS if own is None else own.low_balance_nanos
            subject = f"balance:{touch.team_id}"
            for level, threshold in ((_EMPTY, 0), (_LOW, low)):
                stands = (subject, level) in standing
                if threshold is None or is_over_again(touch.after, threshold):
                    if stands:
                        await self._states.clear(subject, level)
                elif touch.after <= threshold and not stands:
                    await self._raise(subject, level, touch.team_id)
                    if level == _LOW and touch.after <= 0:
                        continue  # told as empty already
                    await self._tell_balance(touch, level, threshold)
                    raised += 1
        return raised

    async def _tell_balance(self, touch: TeamTouch, level: str, threshold: int) -> None:
        kind = EventKind.BALANCE_EMPTY if level == _EMPTY else EventKind.BALANCE_LOW
        await self._announcer.tell(
            touch.team_id,
            kind,
            {"balance_nanos": touch.after, "threshold_nanos": threshold},
            balance=usd(touch.after),
            threshold=usd(threshold),
        )

    async def _raise(self, subject: str, level: str, team_id: str) -> None:
        at_ns = self._scope.clock.now_ns()
        await self._states.add(
            AlertState(subject=subject, level=level, team_id=team_id, at_ns=at_ns)
        )


def level_of(touch: PeriodTouch) -> int | None:
    """The highest mark that is reached; None below the first."""
    reached = (level for level in LEVELS if touch.after * 100 >= touch.limit_nanos * level)
    return max(reached, default=None)


def usd(nanos: int) -> str:
    """An amount for people: dollars and whole cents, cut."""
    dollars, cents = divmod(abs(nanos) // _NANOS_PER_CENT, 100)
    return f"{'-' if nanos < 0 else ''}USD {dollars}.{cents:02}"
