"""Tries cells through the public API, endpoint by endpoint, and tells each outcome as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

from opengateway.checks.smoke import verdicts
from opengateway.checks.smoke.asks import Sent, ask_of
from opengateway.checks.smoke.matrix import by_endpoint
from opengateway.checks.smoke.replies import Reply, Streamed
from opengateway.domain.records import Ending
from opengateway.domain.smoke import Cell, Feature, Outcome, SmokeLevel, Verdict

CONCURRENCY: Final = {SmokeLevel.CI: 8, SmokeLevel.PRE_PUBLISH: 2}
_USUAL_CONCURRENCY: Final = 4
_LEAVE_AFTER: Final = 2
"""Events of a stream that is left."""
_CACHE_TRIES: Final = 3
"""A cache may need a moment, and need not be hit at once."""
_CACHE_PAUSE_S: Final = 1.0
_AGAIN_S: Final = 1.0
_RECORD_TRIES: Final = 100
_RECORD_PAUSE_S: Final = 0.1
_STEM: Final = (Feature.CHAT, Feature.CALL)
"""Where this fails, the rest of the endpoint is not tried."""
_ENDINGS: Final = (Ending.CLIENT_GONE, Ending.COMPLETED)

Tell = Callable[[Outcome], Awaitable[None]]
EndingOf = Callable[[str], Awaitable[Ending | None]]
"""How the request of that id ended, once that is recorded."""


class Calls(Protocol):
    async def post(self, sent: Sent) -> Reply: ...

    async def stream(self, sent: Sent, leave_after: int | None = None) -> Streamed: ...


class SmokeRunner:
    def __init__(
        self,
        calls: Calls,
        ending_of: EndingOf,
        tell: Tell,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._calls = calls
        self._ending_of = ending_of
        self._tell = tell
        self._pause = pause

    async def run(self, cells: Sequence[Cell], level: SmokeLevel) -> None:
        """Try them all. Endpoints beside each other, the cells of one after each other."""
        room = asyncio.Semaphore(CONCURRENCY.get(level, _USUAL_CONCURRENCY))

        async def bounded(group: Sequence[Cell]) -> None:
            async with room:
                await self._endpoint(group)

        async with asyncio.TaskGroup() as tasks:
            for group in by_endpoint(cells).values():
                tasks.create_task(bounded(group))

    async def _endpoint(self, group: Sequence[Cell]) -> None:
        stem: Reply | None = None
        why_not = ""
        for cell in group:
            if why_not and cell.feature is not Feature.ERROR_SHAPE:
                await self._tell(Outcome(cell, Verdict.SKIPPED, why_not))
            elif cell.feature is Feature.USAGE:
                await self._tell(_usage(cell, stem))
            else:
                outcome, reply = await self._twice(cell)
                if cell.feature in _STEM:
                    stem = reply
                    if outcome.verdict is not Verdict.PASS:
                        why_not = f"{cell.feature.value} did not work"
                await self._tell(outcome)

    async def _twice(self, cell: Cell) -> tuple[Outcome, Reply | None]:
        """A failure counts when it comes twice: models are not the same each time."""
        outcome, reply = await self._try(cell)
        if outcome.verdict in (Verdict.FAIL, Verdict.UNAVAILABLE):
            await self._pause(_AGAIN_S)
            outcome, reply = await self._try(cell)
        return outcome, reply

    async def _try(self, cell: Cell) -> tuple[Outcome, Reply | None]:
        if cell.feature is Feature.STREAM:
            return await self._stream(cell), None
        if cell.feature is Feature.CANCEL:
            return await self._cancel(cell), None
        if cell.feature is Feature.CACHE:
            return await self._cache(cell), None
        reply = await self._calls.post(ask_of(cell))
        if cell.feature is Feature.ERROR_SHAPE:
            return _outcome(cell, reply, verdicts.judge_error(reply)), reply
        return _judged(cell, reply), reply

    async def _stream(self, cell: Cell) -> Outcome:
        streamed = await self._calls.stream(ask_of(cell))
        return _streamed(cell, streamed, verdicts.judge_stream(cell, streamed))

    async def _cancel(self, cell: Cell) -> Outcome:
        """Leave in the midst of a stream: the record must say so, and soon."""
        streamed = await self._calls.stream(ask_of(cell), _LEAVE_AFTER)
        if streamed.status != 200:
            return _streamed(cell, streamed, "")
        for _ in range(_RECORD_TRIES):
            ending = await self._ending_of(streamed.request_id)
            if ending is not None:
                problem = None if ending in _ENDINGS else f"recorded as {ending.value}"
                return _streamed(cell, streamed, problem)
            await self._pause(_RECORD_PAUSE_S)
        return _streamed(cell, streamed, "no record of the request that was left")

    async def _cache(self, cell: Cell) -> Outcome:
        sent = ask_of(cell)
        reply = await self._calls.post(sent)
        problem: str | None = None
        for _ in range(_CACHE_TRIES):
            if reply.status != 200:
                return _judged(cell, reply)
            await self._pause(_CACHE_PAUSE_S)
            reply = await self._calls.post(sent)
            problem = verdicts.judge_cache(reply.json())
            if reply.status == 200 and problem is None:
                return _outcome(cell, reply, None)
        return _judged(cell, reply) if reply.status != 200 else _outcome(cell, reply, problem)


def _judged(cell: Cell, reply: Reply) -> Outcome:
    if reply.status == 200:
        return _outcome(cell, reply, verdicts.judge_whole(cell, reply))
    body = reply.json()
    return Outcome(
        cell,
        verdicts.blame(reply.status, body),
        verdicts.told(reply.status, body, reply.body),
        reply.request_id,
        reply.duration_ms,
    )


def _outcome(cell: Cell, reply: Reply, problem: str | None) -> Outcome:
    verdict = Verdict.PASS if problem is None else Verdict.FAIL
    return Outcome(cell, verdict, problem or "", reply.request_id, reply.duration_ms)


def _streamed(cell: Cell, streamed: Streamed, problem: str | None) -> Outcome:
    verdict = Verdict.PASS if problem is None else Verdict.FAIL
    if streamed.status != 200:
        body = _loads(streamed.body)
        verdict = verdicts.blame(streamed.status, body)
        problem = verdicts.told(streamed.status, body, streamed.body)
    return Outcome(
        cell,
        verdict,
        problem or "",
        streamed.request_id,
        streamed.duration_ms,
        streamed.first_token_ms,
    )


def _usage(cell: Cell, stem: Reply | None) -> Outcome:
    if stem is None:
        return Outcome(cell, Verdict.SKIPPED, "the plain call was not made")
    return _outcome(cell, stem, verdicts.judge_usage(cell, stem.json()))


def _loads(raw: bytes) -> Any:
    return Reply(0, {}, raw, 0.0).json()
