"""Does recurring jobs when they are due, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from opengateway.control.jobs.leases import JobLeases
from opengateway.control.leases.desk import OpenScope
from opengateway.kit.log import get_logger

EVERY_S: Final = 5.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Recurring:
    """`work` gives what is kept as its outcome. It is ended after `lease_s`."""

    name: str
    every_s: float
    lease_s: float
    work: Callable[[], Awaitable[str]]


class RecurringJobs:
    def __init__(self, open_scope: OpenScope, jobs: Sequence[Recurring], holder: str) -> None:
        self._open_scope = open_scope
        self._jobs = jobs
        self._holder = holder

    async def run(self) -> None:
        """For ever."""
        while True:
            for job in self._jobs:
                try:
                    await self.turn(job)
                except Exception as error:
                    log.error("job_failed", job=job.name, exc_info=error)
            await asyncio.sleep(EVERY_S)

    async def turn(self, job: Recurring) -> bool:
        """Whether it was due, and done here."""
        async with self._open_scope() as scope:
            leases = JobLeases(scope, self._holder)
            if not await leases.take(job.name, every_s=job.every_s, lease_s=job.lease_s):
                return False
        try:
            async with asyncio.timeout(job.lease_s):
                outcome = await job.work()
        except Exception as error:
            log.error("job_failed", job=job.name, exc_info=error)
            outcome = f"failed: {type(error).__name__}"
        async with self._open_scope() as scope:
            await JobLeases(scope, self._holder).done(job.name, outcome)
        return True
