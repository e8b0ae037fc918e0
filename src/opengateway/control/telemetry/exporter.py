"""Sends traces to the collector that the zone names, and to nobody else. What it does not take is
dropped, and counted: records are the truth, traces a view of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

from opengateway.control.telemetry.spans import document
from opengateway.domain.errors import UpstreamError
from opengateway.domain.records import CloseRecord
from opengateway.kit import json
from opengateway.kit.log import get_logger
from opengateway.ports.transport import UpstreamRequest, UpstreamTransport

MAX_WAITING: Final = 5_000
TOGETHER: Final = 200
EVERY_S: Final = 2.0
CALL_S: Final = 10.0
_HEADERS: Final = {"content-type": "application/json"}

log = get_logger(__name__)


class TraceExporter:
    def __init__(self, url: str, zone: str) -> None:
        self._url = url
        self._zone = zone
        self._waiting: deque[CloseRecord] = deque()
        self.sent = 0
        self.dropped = 0

    def offer(self, records: Sequence[CloseRecord]) -> None:
        """Called after the commit that settled them. Never waits."""
        room = MAX_WAITING - len(self._waiting)
        self._waiting.extend(records[:room])
        self.dropped += max(0, len(records) - room)

    async def run(self, transport: UpstreamTransport) -> None:
        """For ever."""
        while True:
            while self._waiting:
                await self.send_some(transport)
            await asyncio.sleep(EVERY_S)

    async def send_some(self, transport: UpstreamTransport) -> None:
        batch = [self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))]
        body = json.dumps(document(batch, self._zone))
        try:
            async with asyncio.timeout(CALL_S):
                request = UpstreamRequest(self._url, body, _HEADERS, None, 5.0)
                response = await transport.send(request)
                response.abort()
        except (UpstreamError, TimeoutError) as error:
            self.dropped += len(batch)
            log.warning("traces_not_sent", count=len(batch), detail=str(error)[:200])
            return
        if response.status >= 300:
            self.dropped += len(batch)
            log.warning("traces_refused", count=len(batch), status=response.status)
        else:
            self.sent += len(batch)
