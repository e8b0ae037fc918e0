"""The purse of a zone that bills: spends what the ledger has leased (decisions 10 to 13).

`run` has to run beside the server. Until it does, requests wait for their deadline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from opengateway.domain.errors import GatewayError
from opengateway.domain.money import Nanos
from opengateway.domain.principal import Principal, TeamState
from opengateway.infra.journal.shipper import ControlUnreachable
from opengateway.infra.purse.allowance import Positions
from opengateway.infra.purse.asking import AskingDesk
from opengateway.infra.purse.messages import LeaseAsk, LeaseClient
from opengateway.infra.purse.refusals import too_slow
from opengateway.infra.purse.state import Waiter
from opengateway.infra.purse.upkeep import Upkeep
from opengateway.kit.clock import Clock
from opengateway.kit.ids import NewId

DEADLINE_S: Final = 5.0
"""How long a request waits for the ledger: longer than one call (control_client.py)."""
RENEW_S: Final = 60.0
_LOOK_S: Final = 1.0
_CALLS: Final = 4
"""Asks under way at once: one that is refused takes up to a second, while others are recalled."""
_RENEWALS: Final = 500
_BACKOFF_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0)


class LeasedPurse(AskingDesk):
    """Implements `ports.purse.Purse`. `positions` are the journal's: bytes written, bytes settled."""

    def __init__(
        self,
        leases: LeaseClient,
        clock: Clock,
        new_id: NewId,
        positions: Positions,
        on_bug: Callable[[str, BaseException], None],
    ) -> None:
        super().__init__(clock, new_id, positions, self._there_is_work)
        self._leases = leases
        self._on_bug = on_bug
        self._upkeep = Upkeep(self)
        self._work_for_asker = asyncio.Event()
        self._work_for_returner = asyncio.Event()
        self._one_return = asyncio.Lock()
        self.recall = self._upkeep.recall
        self.key_changed = self._upkeep.key_changed
        self.keys_replaced = self._upkeep.keys_replaced

    def team_changed(self, state: TeamState) -> None:
        self._upkeep.team_changed(state)

    # --- the port ---------------------------------------------------------------------------------

    async def secure(self, principal: Principal, hold_id: str, amount: Nanos) -> None:
        await self._done(self.want(principal, hold_id, amount))

    async def secure_more(self, hold_id: str, amount: Nanos) -> bool:
        try:
            await self._done(self.want_more(hold_id, amount))
        except GatewayError:
            return False
        return True

    async def _done(self, waiter: Waiter) -> None:
        """Raises what the waiter was refused with, and `CapacityError` when it takes too long."""
        if not waiter.is_done:
            woken = asyncio.Event()
            waiter.wake = woken.set
            try:
                async with asyncio.timeout(DEADLINE_S):
                    await woken.wait()
            except TimeoutError:
                if not waiter.is_done:
                    self.give_up(waiter)
                    raise too_slow() from None
            except BaseException:
                self.give_up(waiter)
                raise
        if waiter.error is not None:
            raise waiter.error

    # --- beside the server ------------------------------------------------------------------------

    def _there_is_work(self) -> None:
        if self.has_asks:
            self._work_for_asker.set()
        if len(self.returns):
            self._work_for_returner.set()

    async def run(self) -> None:
        """Ask, give back and look after leases, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._ask_for_ever(group), name="purse_asks")
            group.create_task(self._return_for_ever(), name="purse_returns")
            group.create_task(self._look_for_ever(), name="purse_upkeep")

    async def _ask_for_ever(self, group: asyncio.TaskGroup) -> None:
        calls = asyncio.Semaphore(_CALLS)
        failures = 0
        while True:
            await self._work_for_asker.wait()
            await calls.acquire()  # what comes meanwhile goes with the next call
            asks = self.next_asks()
            if not self.has_asks:
                self._work_for_asker.clear()
            if not asks:
                calls.release()
            elif self.out_of_reach:
                # One call at a time tries whether it is back.
                await asyncio.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])
                failures = 0 if await self._ask(asks) else failures + 1
                calls.release()
            else:
                failures = 0
                call = group.create_task(self._ask(asks), name="purse_ask")
                call.add_done_callback(lambda _: calls.release())

    async def _ask(self, asks: Sequence[LeaseAsk]) -> bool:
        """Whether the ledger answered."""
        try:
            await self._give_back_now()  # the ledger may have to count on it
            answers = await self._leases.take(asks)
        except ControlUnreachable:
            self.unanswered(asks)
        except Exception as bug:  # noqa: BLE001 - a task's edge: told, and tried again
            self._on_bug("purse_ask", bug)
            self.unanswered(asks)
        else:
            self.answered(asks, answers)
            return True
        return False

    async def _return_for_ever(self) -> None:
        failures = 0
        while True:
            await self._work_for_returner.wait()
            try:
                await self._give_back_now()
                failures = 0
            except ControlUnreachable:
                await asyncio.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])
                failures += 1
            except Exception as bug:  # noqa: BLE001 - a task's edge: told, and tried again
                self._on_bug("purse_return", bug)
                await asyncio.sleep(_BACKOFF_S[-1])

    async def _give_back_now(self) -> None:
        """Everything that is due. One call at a time, or they could overtake each other."""
        async with self._one_return:
            while returns := self.returns.next():
                await self._leases.give_back(returns)
                self.returns.confirmed()
                self.out_of_reach = False
            self._work_for_returner.clear()

    async def _look_for_ever(self) -> None:
        renew_at = self.clock.monotonic() + RENEW_S
        while True:
            await asyncio.sleep(_LOOK_S)
            try:
                self._upkeep.look()
                if self.clock.monotonic() >= renew_at:
                    renew_at = self.clock.monotonic() + RENEW_S
                    await self._renew()
            except ControlUnreachable:
                continue  # a lease lasts for ten renewals
            except Exception as bug:  # noqa: BLE001 - a task's edge: told, and tried again
                self._on_bug("purse_upkeep", bug)

    async def _renew(self) -> None:
        lease_ids = self._upkeep.to_renew()
        for at in range(0, len(lease_ids), _RENEWALS):
            batch = lease_ids[at : at + _RENEWALS]
            self._upkeep.renewed(batch, await self._leases.renew(batch))

    async def aclose(self, timeout_s: float) -> None:
        """Hold nothing new and give back what is free, while `run` still runs. What the ledger could
        not be told in time it finds out when the journal of this gateway ends."""
        self._upkeep.stop()
        until = self.clock.monotonic() + timeout_s
        while self.is_busy and self.clock.monotonic() < until:  # noqa: ASYNC110 - it ends once
            await asyncio.sleep(0.01)
