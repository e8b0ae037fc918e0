"""A recurring job is taken by one process, for a bounded time; one that dies does not hold it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import or_, select, update
from sqlalchemy.exc import IntegrityError

from opengateway.control.jobs.models import JobLease
from opengateway.control.scope import ControlScope

SECOND_NS: Final = 1_000_000_000
MAX_OUTCOME: Final = 500


class JobLeases:
    """The caller owns the transaction."""

    def __init__(self, scope: ControlScope, holder: str) -> None:
        self._session = scope.session
        self._clock = scope.clock
        self._holder = holder

    async def take(self, name: str, *, every_s: float, lease_s: float) -> bool:
        """Whether the job is due, and now ours for `lease_s`. Two that ask at once: one gets it."""
        now_ns = self._clock.now_ns()
        until_ns = now_ns + int(lease_s * SECOND_NS)
        taken = await self._session.execute(
            update(JobLease)
            .where(
                JobLease.name == name,
                JobLease.held_until_ns <= now_ns,
                or_(
                    JobLease.begun_at_ns <= now_ns - int(every_s * SECOND_NS),
                    JobLease.finished_at_ns.is_(None),  # who had it died in the midst of it
                ),
            )
            .values(
                holder=self._holder, held_until_ns=until_ns, begun_at_ns=now_ns, finished_at_ns=None
            )
        )
        if getattr(taken, "rowcount", 0) == 1:
            return True
        known = await self._session.scalar(select(JobLease.name).where(JobLease.name == name))
        return known is None and await self._make(name, now_ns, until_ns)

    async def done(self, name: str, outcome: str) -> None:
        """It is done, or has failed: `outcome` says how. Only who holds it may say so."""
        now_ns = self._clock.now_ns()
        await self._session.execute(
            update(JobLease)
            .where(JobLease.name == name, JobLease.holder == self._holder)
            .values(held_until_ns=now_ns, finished_at_ns=now_ns, outcome=outcome[:MAX_OUTCOME])
        )

    async def all(self) -> Sequence[JobLease]:
        return (await self._session.scalars(select(JobLease).order_by(JobLease.name))).all()

    async def _make(self, name: str, now_ns: int, until_ns: int) -> bool:
        row = JobLease(
            name=name,
            holder=self._holder,
            held_until_ns=until_ns,
            begun_at_ns=now_ns,
            finished_at_ns=None,
            outcome="",
        )
        try:
            async with self._session.begin_nested():
                self._session.add(row)
        except IntegrityError:
            return False  # another made it at the same moment, and has it
        return True
