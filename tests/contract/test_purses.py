from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from contract.purse import PurseContract
from opengateway.infra.purse import UnlimitedPurse
from opengateway.kit.clock import SystemClock
from opengateway.ports.purse import Purse
from unit.infra.purse.model_ledger import Line, ModelLedger


class TestUnlimitedPurse(PurseContract):
    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Purse]:
        purse = UnlimitedPurse()
        yield purse
        assert not purse.open_holds


class TestLeasedPurse(PurseContract):
    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Purse]:
        line = Line(ModelLedger(SystemClock(), 10**9))
        purse = line.purse()
        running = asyncio.create_task(purse.run())
        try:
            yield purse
            assert not purse.holds
        finally:
            running.cancel()
            await asyncio.wait({running})
        assert not line.bugs
