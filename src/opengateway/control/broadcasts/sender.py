"""Sends requests that ended to where their teams want them. Runs beside the requests.

Nothing is queued: the log is what waits, and each broadcast knows how far it came. One that does not
answer is asked again, ever more rarely, and after three days no more; it keeps no other waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, NamedTuple

from opengateway.control.broadcasts.calls import BroadcastKind, Place, Sending, sending
from opengateway.control.broadcasts.models import Broadcast
from opengateway.control.broadcasts.repository import BroadcastRepository
from opengateway.control.broadcasts.service import secrets_of
from opengateway.control.scope import ControlScope
from opengateway.domain.errors import UpstreamError
from opengateway.domain.records import CloseRecord
from opengateway.domain.request_log import LogFilter
from opengateway.kit.addresses import OutboundRules
from opengateway.kit.clock import Clock
from opengateway.kit.log import get_logger
from opengateway.ports.secret_box import Unsealable
from opengateway.ports.transport import UpstreamRequest, UpstreamTransport

PER_TURN: Final = 10
TOGETHER: Final = 200
CALL_S: Final = 10.0
CLAIM_S: Final = 60.0
"""While one is being sent nobody else takes it: there may be several control processes."""
EVERY_S: Final = 2.0
LONGEST_PAUSE_S: Final = 600.0
GIVEN_UP_S: Final = 3 * 86_400.0
_SECOND_NS: Final = 1_000_000_000
log = get_logger(__name__)

OpenScope = Callable[[], AbstractAsyncContextManager[ControlScope]]
"""A scope of its own with a session that writes; leaving it commits."""


class _Batch(NamedTuple):
    broadcast_id: str
    call: Sending | None
    """None: it cannot be made."""
    arrival: int
    requests: int


class BroadcastSender:
    def __init__(
        self,
        open_scope: OpenScope,
        transport: UpstreamTransport,
        rules: OutboundRules,
        clock: Clock,
    ) -> None:
        self._open_scope = open_scope
        self._transport = transport
        self._rules = rules
        self._clock = clock

    async def run(self) -> None:
        """For ever."""
        while True:
            full = False
            try:
                full = await self.turn()
            except Exception as error:
                log.error("broadcast_turn_failed", exc_info=error)
            if not full:
                await asyncio.sleep(EVERY_S)

    async def turn(self) -> bool:
        """Send what is due. Whether there may be more right now."""
        batches = await self._claim()
        errors = await asyncio.gather(*(self._send(batch) for batch in batches))
        for batch, error in zip(batches, errors, strict=True):
            async with self._open_scope() as scope:
                await self._book(scope, batch, error)
        return any(b.requests == TOGETHER and not e for b, e in zip(batches, errors, strict=True))

    async def _claim(self) -> Sequence[_Batch]:
        now_ns = self._clock.now_ns()
        async with self._open_scope() as scope:
            made = []
            for broadcast in await BroadcastRepository(scope.session).due(now_ns, PER_TURN):
                batch = await self._batch(scope, broadcast, now_ns)
                pause_s = EVERY_S if batch is None else CLAIM_S
                broadcast.next_attempt_ns = now_ns + int(pause_s * _SECOND_NS)
                if batch is not None:
                    made.append(batch)
            return made

    async def _batch(self, scope: ControlScope, broadcast: Broadcast, now_ns: int) -> _Batch | None:
        """What ended since it was sent to last; None where nothing did."""
        wanted = LogFilter(team_ids=(broadcast.team_id,))
        newest = await scope.event_log.last_arrival()
        rows = await scope.event_log.arrived(wanted, after=broadcast.arrival, limit=TOGETHER)
        if not rows:
            broadcast.arrival = max(broadcast.arrival, newest)
            return None
        arrival = rows[-1][0]
        found = [await scope.event_log.get(row.id) for _, row in rows]
        records: list[CloseRecord] = [record for record in found if record is not None]
        place = Place(
            *(broadcast.id, BroadcastKind(broadcast.kind), broadcast.url),
            *(str(broadcast.settings.get("region", "")), scope.zone),
        )
        try:
            call = sending(place, secrets_of(broadcast, scope.secret_box), records, arrival, now_ns)
        except Unsealable:
            call = None
        return _Batch(broadcast.id, call, arrival, len(records))

    async def _send(self, batch: _Batch) -> str:
        """What went wrong; empty where nothing did."""
        if batch.call is None:
            return "its secrets cannot be opened: they were sealed under a key that is gone"
        method, url, headers, body = batch.call
        # The zone's rules may be others than when the address was given.
        problem = self._rules.problem(url)
        if problem is not None:
            return f"the address {problem}"
        request = UpstreamRequest(url, body, headers, None, 5.0, method)
        try:
            async with asyncio.timeout(CALL_S):
                response = await self._transport.send(request)
                response.abort()
        except TimeoutError:
            return f"no answer within {CALL_S:.0f} s"
        except UpstreamError as error:
            return error.message[:300]
        return "" if 200 <= response.status < 300 else f"it answered {response.status}"

    async def _book(self, scope: ControlScope, batch: _Batch, error: str) -> None:
        found = await BroadcastRepository(scope.session).by_id(batch.broadcast_id)
        if found is None:
            return  # deleted meanwhile
        now_ns = self._clock.now_ns()
        if not error:
            found.arrival, found.sent = (
                max(found.arrival, batch.arrival),
                found.sent + batch.requests,
            )
            found.failures, found.failing_since_ns, found.last_error = 0, None, ""
            found.next_attempt_ns = now_ns
            return
        found.failures += 1
        found.last_error = error[:300]
        since = found.failing_since_ns = found.failing_since_ns or now_ns
        pause_s = min(LONGEST_PAUSE_S, EVERY_S * 2.0 ** min(found.failures, 12))
        found.next_attempt_ns = now_ns + int(pause_s * _SECOND_NS)
        if now_ns - since > int(GIVEN_UP_S * _SECOND_NS):
            found.disabled = True
            log.error("broadcast_given_up", broadcast=found.id, detail=error)
