"""Requests that never were, to look at and to measure with: `opengateway dev seed`.

They go where real ones would be by now: the last hours into the control store, older days into
segments. The ledger hears nothing of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import msgspec

from opengateway.domain.records import AttemptRecord, CloseRecord, Ending, RequestError
from opengateway.domain.request_log import HOUR_NS, LogRow
from opengateway.domain.usage import Dimension
from opengateway.infra.event_log.columns import values_of
from opengateway.infra.event_log.segments import SegmentList
from opengateway.infra.event_log.sql import SqlEventLog
from opengateway.kit.chance import seeded
from opengateway.kit.db import AsyncSession
from opengateway.kit.ids import NewId
from opengateway.ports.event_archive import EventArchive

_MODELS: Final = (
    *("acme/large", "acme/small", "acme/reasoner", "nova/writer", "nova/writer-mini"),
    *("orbit/flash", "orbit/pro", "harbour/open-70b", "harbour/open-8b", "quill/chat"),
)
_PROVIDERS: Final = ("acme-cloud", "nova-api", "orbit-east", "orbit-west", "harbour", "house")
_ERRORS: Final = (
    (429, "rate_limit_exceeded"),
    (503, "upstream_unavailable"),
    (400, "invalid_request"),
    (504, "upstream_timeout"),
)
_NANOS: Final = {
    Dimension.INPUT: 2_500,
    Dimension.CACHE_READ: 1_250,
    Dimension.OUTPUT: 10_000,
}
_HOURS: Final = 24
KEPT_HOURS: Final = 2
"""So many of the newest hours lie in the control store."""
RARE: Final = "rare"
"""The user of 20 requests, however many there are."""


class SeedPlan(msgspec.Struct, frozen=True):
    """`teams`: the first has half of the requests."""

    teams: Sequence[str]
    zone: str
    requests: int
    hours: int
    now_ns: int
    seed: int = 1


class Seeder:
    def __init__(
        self,
        writing: Callable[[], AbstractAsyncContextManager[AsyncSession]],
        archive: EventArchive | None,
        new_id: NewId,
    ) -> None:
        self._writing = writing
        self._archive = archive
        self._new_id = new_id

    async def run(self, plan: SeedPlan, told: Callable[[int], None]) -> None:
        """`told` hears how many there are, a few times a second."""
        maker = RequestMaker(plan)
        last = plan.now_ns // HOUR_NS
        first, count = last - plan.hours, 0
        for day in range(first, last, _HOURS):
            hours = range(day, min(day + _HOURS, last))
            if self._archive is not None and hours[-1] < last - KEPT_HOURS:
                count = await self._segment(self._archive, maker, hours, count, told)
                continue
            for hour in hours:
                for records in _parts(maker.hour(hour, hour - first)):
                    async with self._writing() as session:
                        await SqlEventLog(session).ingest(records)
                        await session.commit()
                    count += len(records)
                    told(count)

    async def _segment(
        self,
        archive: EventArchive,
        maker: RequestMaker,
        hours: range,
        count: int,
        told: Callable[[int], None],
    ) -> int:
        rows_of_day: list[list[LogRow]] = []

        async def batches() -> AsyncIterator[Sequence[Any]]:
            nonlocal count
            for hour in hours:
                made = [values_of(record) for record in maker.hour(hour, hour - maker.first)]
                rows_of_day.append([row for row, _ in made])
                count += len(made)
                told(count)
                yield [values for _, values in made]
                async with self._writing() as session:
                    await SqlEventLog(session).sum_up(rows_of_day.pop())
                    await session.commit()

        segment = await archive.write(self._new_id("day_"), batches())
        if segment is not None:
            async with self._writing() as session:
                await SegmentList(session).add(segment, maker.plan.now_ns)
                await session.commit()
        return count


def _parts(records: Sequence[CloseRecord]) -> Iterator[Sequence[CloseRecord]]:
    for at in range(0, len(records), 1_000):
        yield records[at : at + 1_000]


class RequestMaker:
    def __init__(self, plan: SeedPlan) -> None:
        self.plan = plan
        self.first = plan.now_ns // HOUR_NS - plan.hours
        self._draw = seeded(plan.seed)

    def hour(self, hour: int, number: int) -> list[CloseRecord]:
        """As many as fall to that hour, in their order."""
        plan = self.plan
        begin = plan.requests * number // plan.hours
        end = plan.requests * (number + 1) // plan.hours
        step = HOUR_NS // max(1, end - begin)
        rare = max(1, plan.requests // 20)
        return [
            self._record(n, hour * HOUR_NS + (n - begin) * step, rare=n % rare == rare // 2)
            for n in range(begin, end)
        ]

    def _record(self, number: int, at_ns: int, *, rare: bool) -> CloseRecord:
        draw, plan = self._draw, self.plan
        team = plan.teams[0 if draw.random() < 0.5 else draw.randrange(len(plan.teams))]
        model = _MODELS[min(int(draw.expovariate(0.4)), len(_MODELS) - 1)]
        provider = _PROVIDERS[min(int(draw.expovariate(0.6)), len(_PROVIDERS) - 1)]
        key, endpoint = draw.randrange(20), f"{model}@{provider}"
        total_ms = draw.lognormvariate(7, 0.8)
        made = CloseRecord(
            id=f"gen_{(at_ns // 1_000_000) << 80 | 7 << 76 | 2 << 62 | number:032x}",
            team_id=team,
            key_id=f"key_seed_{team[-4:]}_{key:02d}",
            zone=plan.zone,
            gateway="gw_" + "5" * 32,
            snapshot="seed",
            started_at_ns=at_ns,
            operation="chat.completions",
            dialect="openai",
            stream=draw.random() < 0.7,
            requested_model=model,
            ending=Ending.COMPLETED,
            status=200,
            opened=True,
            model=model,
            endpoint_id=endpoint,
            provider=provider,
            region="global",
            finish_reason="stop",
            price_id=f"{endpoint}@2026-01-01#catalogue",
            attempts=self._attempts(endpoint, total_ms),
            overhead_us=draw.randrange(180, 900),
            first_token_ms=total_ms * 0.2,
            total_ms=total_ms,
            upstream_id=f"chatcmpl-{number:x}",
            session_id=f"ses-{draw.randrange(5_000)}",
            user=RARE if rare else f"user-{draw.randrange(1_000)}",
            user_id=f"usr_seed_{key % 7}",
        )
        return self._failed(made) if draw.random() < 0.02 else self._charged(made)

    def _attempts(self, endpoint: str, total_ms: float) -> list[AttemptRecord]:
        model, _, provider = endpoint.partition("@")
        last = AttemptRecord(endpoint, provider, "global", model, "main", 0.3, total_ms)
        last.status = "succeeded"
        if self._draw.random() >= 0.03:
            return [last]
        first = AttemptRecord(f"{model}@house", "house", "global", model, "main", 0.2, 40.0)
        first.upstream_status, first.error_class = 503, "overloaded"
        return [first, last]

    def _failed(self, made: CloseRecord) -> CloseRecord:
        made.status, code = self._draw.choice(_ERRORS)
        made.ending = Ending.REFUSED
        made.error = RequestError(made.status, code, "seeded")
        made.finish_reason = made.first_token_ms = None
        made.attempts[-1].status = "failed"
        return made

    def _charged(self, made: CloseRecord) -> CloseRecord:
        draw = self._draw
        given, out = int(draw.lognormvariate(6.5, 1)), int(draw.lognormvariate(5, 1))
        cached = given // 2 if draw.random() < 0.3 else 0
        made.usage = {
            Dimension.INPUT: given - cached,
            Dimension.CACHE_READ: cached,
            Dimension.OUTPUT: out,
        }
        made.cost_parts = {
            dimension: quantity * _NANOS[dimension] for dimension, quantity in made.usage.items()
        }
        made.cost_nanos = sum(made.cost_parts.values())
        made.provider_cost_nanos = made.cost_nanos * 9 // 10
        return made
