"""The simulator's own book: what it was asked, what it sent, what it would bill, who left when."""

from __future__ import annotations

from collections import deque
from typing import Any, Literal

import msgspec

from opengateway.kit.clock import Clock
from opengateway.simulator.metering import BYTES_PER_TOKEN, Meter

MAX_RECORDS = 20_000

Ending = Literal["running", "finished", "client_gone", "cut", "error", "refused", "bug"]

_BILLED = (
    "billed_prompt",
    "billed_cached",
    "billed_written_5m",
    "billed_written_1h",
    "billed_completion",
)


class Record(msgspec.Struct):
    """One request. Times are seconds of the monotonic clock that `/__simulator/stats` gives too."""

    number: int
    id: str
    path: str
    persona: str
    model: str
    stream: bool
    key: str
    """The last four characters of the caller's key."""
    client_request_id: str
    started_s: float
    case: str = ""
    fault: dict[str, Any] = {}
    status: int = 0
    first_byte_s: float | None = None
    ended_s: float | None = None
    events: int = 0
    bytes: int = 0
    content_bytes: int = 0
    ending: Ending = "running"
    billed_prompt: int = 0
    billed_cached: int = 0
    billed_written_5m: int = 0
    billed_written_1h: int = 0
    billed_completion: int = 0


class Ledger:
    """Keeps the last 20,000 requests and running totals."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.records: deque[Record] = deque(maxlen=MAX_RECORDS)
        self.active = 0
        self.active_streams = 0
        self.requests = 0
        self._totals: dict[str, int] = {}

    def reset(self) -> None:
        """Forget all but what still runs."""
        self.records = deque((r for r in self.records if r.ending == "running"), MAX_RECORDS)
        self.requests = 0
        self._totals.clear()

    def begin(self, record: Record) -> Record:
        self.requests += 1
        record.number = self.requests
        self.records.append(record)
        self.active += 1
        self.active_streams += record.stream
        return record

    def first_byte(self, record: Record, status: int) -> None:
        record.status = status
        record.first_byte_s = self._clock.monotonic()

    def finish(self, record: Record, ending: Ending, meter: Meter | None) -> None:
        """Close the record once. A broken stream is billed for its input and what was delivered."""
        record.ended_s = self._clock.monotonic()
        record.ending = ending
        self.active -= 1
        self.active_streams -= record.stream
        if meter is not None and record.first_byte_s is not None:
            delivered = -(-record.content_bytes // BYTES_PER_TOKEN)
            whole = ending == "finished"
            record.billed_prompt = meter.prompt
            record.billed_cached = meter.cached
            record.billed_written_5m = meter.written_5m
            record.billed_written_1h = meter.written_1h
            record.billed_completion = meter.completion if whole else delivered
        self._add(ending, 1)
        self._add("events", record.events)
        self._add("bytes", record.bytes)
        for name in _BILLED:
            self._add(name, getattr(record, name))

    def _add(self, name: str, amount: int) -> None:
        self._totals[name] = self._totals.get(name, 0) + amount

    def report(self, limit: int) -> dict[str, Any]:
        """Totals, and the newest `limit` requests, oldest first."""
        newest = list(self.records)[-limit:] if limit else []
        gone = [
            {"number": record.number, "id": record.id, "at_s": record.ended_s}
            for record in newest
            if record.ending == "client_gone"
        ]
        return {
            "now_s": self._clock.monotonic(),
            "requests": self.requests,
            "active": self.active,
            "active_streams": self.active_streams,
            "totals": self._totals,
            "disconnects": gone,
            "records": newest,
        }
