"""Carrying smoke tests out: a key and credit of the operator's own team, then calls of our own port."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from opengateway.checks.smoke.matrix import cells_of, under_cap
from opengateway.checks.smoke.runner import SmokeRunner
from opengateway.control.actor import SYSTEM
from opengateway.control.changes.feed import ChangeFeed
from opengateway.control.changes.service import ChangeLog
from opengateway.control.keys.service import KeyService
from opengateway.control.leases.desk import OpenScope
from opengateway.control.prices.publisher import PricePublisher
from opengateway.control.scope import ControlScope
from opengateway.control.smoke.models import RunState
from opengateway.control.smoke.repository import SmokeRepository
from opengateway.control.smoke.service import SmokeBusy, SmokeService
from opengateway.control.telemetry.tools import OperationTools
from opengateway.domain.catalog import Snapshot
from opengateway.domain.errors import CapacityError
from opengateway.domain.ledger import CreditKind
from opengateway.domain.principal import KeyKind
from opengateway.domain.records import Ending
from opengateway.domain.smoke import Cell, Outcome, SmokeLevel, SmokeWish, Verdict
from opengateway.kit.clock import Clock
from opengateway.kit.log import get_logger
from opengateway.ports.ledger_book import Ask, Credit

if TYPE_CHECKING:
    from opengateway.checks.smoke.client import SmokeClient

SECOND_NS: Final = 1_000_000_000
_KEY_S: Final = 6 * 3600
"""A key that nobody revoked, because this process died, ends by itself."""
_KNOWN_TRIES: Final = 300
_PAUSE_S: Final = 0.1
_SETTLED_S: Final = 3.0
"""The last records come with the next push of the journal."""
_LEAST_CREDIT: Final = 1_000_000_000
_ROOM: Final = 4
"""Holds are larger than costs."""
_STOPPED: Final = "the control process stopped while it ran"

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SmokeHouse:
    """What a run needs of the process. `read` opens a scope that only reads."""

    open_scope: OpenScope
    read: OpenScope
    tools: OperationTools
    publisher: PricePublisher
    feed: ChangeFeed
    own_url: str
    clock: Clock


class SmokeJob:
    def __init__(self, house: SmokeHouse) -> None:
        self._house = house
        self._telling = asyncio.Lock()

    async def run(self) -> None:
        """For ever: carry out what is asked for, one run at a time."""
        house = self._house
        async with house.open_scope() as scope:
            rows = SmokeRepository(scope.session)
            house.tools.teams.update(await rows.operator_team_ids())
            await rows.break_living(_STOPPED, house.clock.now_ns())
        while True:
            run_id = await house.tools.smoke.next()
            try:
                await self._carry_out(run_id)
            except Exception as error:
                log.error("smoke_run_broke", run=run_id, exc_info=error)
                await self._finish(run_id, RunState.BROKEN, f"{type(error).__name__}: {error}")

    async def ask(self, wish: SmokeWish) -> str:
        """Begin a run of our own and wait for its end. What became of it, in words."""
        async with self._house.open_scope() as scope:
            try:
                run = await SmokeService(scope, SYSTEM).begin(wish)
            except SmokeBusy:
                return "another run was going on"
        self._house.tools.smoke.ask(run.id)
        while True:
            await asyncio.sleep(1.0)
            async with self._house.read() as scope:
                row = await SmokeService(scope, SYSTEM).get(run.id)
                if row.finished_at_ns is None:
                    continue
                counts = f"{row.passed} passed, {row.failed} failed, {row.unavailable} unavailable"
                return counts if row.state == RunState.DONE else f"failed: {row.detail}"

    async def _carry_out(self, run_id: str) -> None:
        house = self._house
        snapshot = await self._snapshot()
        async with house.read() as scope:
            row = await SmokeService(scope, SYSTEM).get(run_id)
            wish = SmokeWish(SmokeLevel(row.level), row.models, row.cap_nanos)
        kept, cut = under_cap(cells_of(snapshot, wish), wish.cap_nanos)
        async with house.open_scope() as scope:
            key_id, secret = await self._prepare(scope, run_id, kept, len(kept) + len(cut))
        try:
            await self._try(run_id, wish, secret, kept, cut)
        finally:
            async with house.open_scope() as scope:
                await KeyService(scope, ChangeLog(scope, house.feed), SYSTEM).revoke(key_id)
        await self._finish(run_id, RunState.DONE)

    async def _prepare(
        self, scope: ControlScope, run_id: str, cells: Sequence[Cell], planned: int
    ) -> tuple[str, str]:
        """A key that ends by itself, and credit for it. The key's id and secret."""
        service = SmokeService(scope, SYSTEM)
        await service.planned(run_id, planned)
        team_id = await service.team_id()
        self._house.tools.teams.add(team_id)
        if scope.billing:
            await _give_credit(scope, team_id, run_id, cells)
        keys = KeyService(scope, ChangeLog(scope, self._house.feed), SYSTEM)
        expires = self._house.clock.now_ns() + _KEY_S * SECOND_NS
        terms = {"expires_at_ns": expires}
        key, secret = await keys.create(team_id, f"smoke {run_id[-12:]}", KeyKind.INFERENCE, terms)
        return key.id, secret

    async def _try(
        self,
        run_id: str,
        wish: SmokeWish,
        secret: str,
        kept: Sequence[Cell],
        cut: Sequence[Cell],
    ) -> None:
        async def tell(outcome: Outcome) -> None:
            # One at a time: their ids are to be in the order of their commits.
            async with self._telling, self._house.open_scope() as scope:
                await SmokeService(scope, SYSTEM).note(run_id, outcome)

        for cell in cut:
            await tell(Outcome(cell, Verdict.SKIPPED, "past the cost cap"))
        # Here: its library takes a fifth of a second, and most starts never smoke.
        from opengateway.checks.smoke.client import SmokeClient

        client = SmokeClient(self._house.own_url, secret, self._house.clock)
        try:
            await self._await_known(client)
            pause = _moment if wish.level is SmokeLevel.CI else asyncio.sleep
            await SmokeRunner(client, self._ending_of, tell, pause).run(kept, wish.level)
        finally:
            await client.aclose()

    async def _await_known(self, client: SmokeClient) -> None:
        for _ in range(_KNOWN_TRIES):
            if await client.is_known():
                return
            await asyncio.sleep(_PAUSE_S)
        raise CapacityError(f"the gateway at {self._house.own_url} does not answer")

    async def _ending_of(self, request_id: str) -> Ending | None:
        async with self._house.read() as scope:
            record = await scope.event_log.get(request_id)
            return None if record is None else record.ending

    async def _snapshot(self) -> Snapshot:
        for _ in range(_KNOWN_TRIES):
            if (found := self._house.publisher.snapshot) is not None:
                return found
            await asyncio.sleep(_PAUSE_S)
        raise CapacityError("prices are being compiled")

    async def _finish(self, run_id: str, state: RunState, detail: str = "") -> None:
        if state is RunState.DONE:
            await asyncio.sleep(_SETTLED_S)
        cost = 0
        async with self._house.read() as scope:
            for request_id in await SmokeRepository(scope.session).request_ids(run_id):
                record = await scope.event_log.get(request_id)
                cost += 0 if record is None else record.provider_cost_nanos
        async with self._house.open_scope() as scope:
            await SmokeService(scope, SYSTEM).finish(run_id, state, cost, detail)


async def _moment(seconds: float) -> None:
    """The simulator has no bad days: nothing is gained by waiting for it."""
    await asyncio.sleep(seconds / 20)


async def _give_credit(
    scope: ControlScope, team_id: str, run_id: str, cells: Sequence[Cell]
) -> None:
    """What the run may cost, if the operator's own team has less."""
    needed = max(_LEAST_CREDIT, _ROOM * sum(cell.nanos for cell in cells))
    missing = needed - (await scope.ledger.statements.balance(team_id)).available
    if missing > 0:
        ask = Ask(f"smoke/{run_id}", "system", "smoke tests of the operator's own")
        await scope.ledger.credits.add(Credit(team_id, missing, CreditKind.PROMO), ask)
