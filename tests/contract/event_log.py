"""What every `EventLog` must do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import msgspec
import pytest

from control_plane import closed
from opengateway.domain.records import CloseRecord, Ending, RequestError
from opengateway.domain.usage import Dimension
from opengateway.ports.event_log import EventLog


class EventLogContract:
    """Subclasses give logs on one store: `opened` yields a log whose writes are committed at the
    end, or dropped if the block raises."""

    def opened(self) -> AbstractAsyncContextManager[EventLog]:
        raise NotImplementedError

    @pytest.fixture
    async def log(self) -> AsyncIterator[EventLog]:
        async with self.opened() as log:
            yield log

    async def test_a_record_comes_back_whole(self, log: EventLog) -> None:
        full = closed(
            1,
            ending=Ending.UPSTREAM_BROKE,
            error=RequestError(502, "upstream_error", 'said "no"\u0000 ☂', "model"),
            cost_parts={Dimension.OUTPUT: 2**62},
            cost_nanos=2**62,
            session_id="s",
            dropped_params=["logprobs"],
        )
        bare = CloseRecord(
            id="gen_bare",
            team_id="t",
            key_id="k",
            zone="z",
            gateway="g",
            snapshot="s",
            started_at_ns=0,
            operation="chat.completions",
            dialect="openai",
            stream=False,
            requested_model="?",
            ending=Ending.REFUSED,
            status=404,
            opened=False,
        )
        assert len(await log.ingest([full, bare])) == 2
        assert await log.get(full.id) == full
        assert await log.get("gen_bare") == bare
        assert await log.get("gen_none") is None

    async def test_a_count_beyond_64_bits_does_not_stop_the_log(self, log: EventLog) -> None:
        absurd = closed(1, usage={Dimension.INPUT: 2**64 - 1, Dimension.CACHE_READ: 2**63})
        assert len(await log.ingest([absurd, closed(2)])) == 2
        assert await log.get(absurd.id) == absurd

    async def test_a_record_is_there_once_and_the_first_one_stays(self, log: EventLog) -> None:
        first = closed(1)
        other = msgspec.structs.replace(first, cost_nanos=9)
        assert len(await log.ingest([first, other])) == 1
        assert len(await log.ingest([other, closed(2)])) == 1
        assert await log.get(first.id) == first
        assert len(await log.newest(limit=10)) == 2

    async def test_it_says_which_ids_are_unknown(self, log: EventLog) -> None:
        await log.ingest([closed(n) for n in range(1_200)])
        asked = [closed(n).id for n in range(1_190, 1_210)] + [closed(0).id]
        assert await log.unknown(asked) == {closed(n).id for n in range(1_200, 1_210)}
        assert await log.unknown([]) == set()
        assert len(await log.ingest([])) == 0

    async def test_the_newest_come_first_by_the_time_they_began(self, log: EventLog) -> None:
        await log.ingest([closed(3), closed(1), closed(2)])
        assert [r.id for r in await log.newest(limit=2)] == [closed(3).id, closed(2).id]

    async def test_who_follows_misses_no_late_record(self, log: EventLog) -> None:
        """Request 1 began first and ended last."""
        await log.ingest([closed(2), closed(3)])
        await log.ingest([closed(1), closed(4)])
        seen = await log.newest(limit=10, after_id=closed(3).id)
        assert [r.id for r in seen] == [closed(1).id, closed(4).id]
        assert [r.id for r in await log.newest(limit=1, after_id=closed(2).id)] == [closed(3).id]
        assert await log.newest(limit=10, after_id=closed(4).id) == []

    async def test_after_an_id_that_is_gone_come_those_that_began_later(
        self, log: EventLog
    ) -> None:
        await log.ingest([closed(1), closed(5)])
        assert [r.id for r in await log.newest(limit=10, after_id=closed(3).id)] == [closed(5).id]

    async def test_a_team_sees_its_own(self, log: EventLog) -> None:
        await log.ingest([closed(1), closed(2, team_id="team_b"), closed(3)])
        assert [r.id for r in await log.newest(limit=10, team_id="team_b")] == [closed(2).id]
        later = await log.newest(limit=10, team_id="team_a", after_id=closed(1).id)
        assert [r.id for r in later] == [closed(3).id]

    async def test_rows_land_with_the_callers_transaction_or_not_at_all(self) -> None:
        async def fail_after_writing() -> None:
            async with self.opened() as log:
                await log.ingest([closed(1)])
                raise InterruptedError

        with pytest.raises(InterruptedError):
            await fail_after_writing()
        async with self.opened() as log:
            assert await log.get(closed(1).id) is None
            await log.ingest([closed(1)])
        async with self.opened() as log:
            assert await log.get(closed(1).id) is not None
