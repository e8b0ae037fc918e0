"""The loader: one process that sends one phase's requests and says what came back.

    python load.py < phase.json > result.json

Asyncio protocols over uvloop, HTTP read by httptools; times by `perf_counter`, because the loop's
own clock steps by a millisecond. A phase is `closed` (each connection sends
its next request when the reply is there) or `open` (requests are due at random times of a fixed
mean rate, whether the earlier ones were answered or not). Every request that was sent is waited for
before the phase ends, so that replies can be counted against the records of what is measured.
"""

from __future__ import annotations

import asyncio
import gc
import json
import math
import random
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final

import httptools
import uvloop

MAX_CONNECTIONS: Final = 1_000
DRAIN_S: Final = 30.0
STALE_S: Final = 2.0
_WORD: Final = b"w0rd"
_DONE: Final = b"[DONE]"


@dataclass(frozen=True, slots=True)
class Phase:
    """What to send. Request `i` has `secrets[i % n]` and `models[i % m]`."""

    port: int
    path: str
    headers: dict[str, str]
    secrets: list[str]
    models: list[str]
    mode: str
    """`closed` or `open`."""
    seconds: float
    connections: int = 32
    rate: float = 0.0
    stream: bool = False
    events: int = 50
    seed: int = 1


def requests(phase: Phase) -> list[bytes]:
    """Whole requests, head and body, made before the clock starts. The body has 310 bytes."""
    made = []
    for index, secret in enumerate(phase.secrets):
        model = phase.models[index % len(phase.models)]
        body = _body(model, phase.stream)
        head = [
            f"POST {phase.path} HTTP/1.1",
            f"host: 127.0.0.1:{phase.port}",
            "content-type: application/json",
            "accept: text/event-stream" if phase.stream else "accept: application/json",
            "user-agent: bench",
            f"authorization: Bearer {secret}",
            *(f"{name}: {value}" for name, value in phase.headers.items()),
            f"content-length: {len(body)}",
        ]
        made.append("\r\n".join(head).encode() + b"\r\n\r\n" + body)
    return made


def _body(model: str, stream: bool) -> bytes:
    document: dict[str, Any] = {"model": model, "temperature": 0.7, "max_tokens": 256}
    if stream:
        document |= {"stream": True}
    system = {"role": "system", "content": "You answer in one short sentence."}
    for size in (0, 310):
        room = size - len(json.dumps(document)) if size else 0
        user = {"role": "user", "content": "Why is the sky blue? " + "x" * max(0, room)}
        document["messages"] = [system, user]
    return json.dumps(document).encode()


@dataclass(slots=True)
class Tally:
    """Seconds from the moment of sending. `replies` are complete answers by status."""

    latencies: list[float] = field(default_factory=list)
    first_bytes: list[float] = field(default_factory=list)
    replies: Counter[int] = field(default_factory=Counter)
    bad: int = 0
    """Answers with status 200 that were not whole."""
    broken: int = 0
    """Connections that were lost with a request on them."""
    events: int = 0
    late_s: float = 0.0
    """The most that a request was sent after it was due."""
    sample: str = ""
    """The first answer that was not as it should be."""


class Connection(asyncio.Protocol):
    """One connection, one request at a time. `on_done` is called with True while it can go on."""

    def __init__(self, phase: Phase, tally: Tally, on_done: Callable[[Connection, bool], None]):
        self._phase = phase
        self._tally = tally
        self._on_done = on_done
        self._busy = False
        self.is_lost = False
        self.idle_since = perf_counter()
        self._parts: list[bytes] = []
        self._first = 0.0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._parser = httptools.HttpResponseParser(self)

    def send(self, request: bytes) -> None:
        self._busy = True
        self._first = 0.0
        self._sent = perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._tally.sample = self._tally.sample or repr(error)
            self._transport.close()

    def on_message_begin(self) -> None:
        self._parts.clear()

    def on_body(self, body: bytes) -> None:
        if not self._first:
            self._first = perf_counter()
        self._parts.append(body)

    def on_message_complete(self) -> None:
        tally, status = self._tally, self._parser.get_status_code()
        if status < 200:
            return
        now = perf_counter()
        tally.replies[status] += 1
        good = status == 200 and self._is_whole()
        if good:
            tally.latencies.append(now - self._sent)
            if self._phase.stream:
                tally.first_bytes.append(self._first - self._sent)
                tally.events += self._phase.events
        elif status == 200:
            tally.bad += 1
        if not good and not tally.sample:
            said = b"".join(self._parts)[:400].decode(errors="replace")
            tally.sample = f"status {status}: {said}"
        self._busy = False
        self.idle_since = now
        goes_on = self._parser.should_keep_alive()
        if goes_on:
            self._parser = httptools.HttpResponseParser(self)
        else:
            self._transport.close()
        self._on_done(self, goes_on)

    def _is_whole(self) -> bool:
        if not self._phase.stream:
            return bool(self._parts)
        body = b"".join(self._parts)
        return body.count(_WORD) == self._phase.events and _DONE in body[-64:]

    def close(self) -> None:
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        if self._busy:
            self._busy = False
            self._tally.broken += 1
            self._on_done(self, False)


class Loader:
    def __init__(self, phase: Phase) -> None:
        self._phase = phase
        self._requests = requests(phase)
        # Which key and model comes next is chance, the same chance each time.
        random.Random(phase.seed).shuffle(self._requests)
        self._next = 0
        self._loop = asyncio.get_running_loop()
        self._tally = Tally()
        self._free: list[Connection] = []
        self._opened = 0
        self._in_flight = 0
        self._sent = 0
        self._stopped = False
        self._idle = asyncio.Event()

    async def run(self) -> dict[str, Any]:
        for _ in range(self._phase.connections):
            self._free.append(await self._connect())
        gc.freeze()
        gc.disable()
        began = perf_counter()
        if self._phase.mode == "closed":
            for connection in list(self._free):
                self._dispatch(connection)
            await asyncio.sleep(self._phase.seconds)
        else:
            await self._arrivals()
        self._stopped = True
        seconds = perf_counter() - began
        replied = sum(self._tally.replies.values())
        if self._in_flight:
            await asyncio.wait_for(self._idle.wait(), DRAIN_S)
        return self._report(seconds, replied)

    async def _connect(self) -> Connection:
        self._opened += 1
        _, connection = await self._loop.create_connection(
            lambda: Connection(self._phase, self._tally, self._done), "127.0.0.1", self._phase.port
        )
        return connection

    def _dispatch(self, connection: Connection) -> None:
        self._in_flight += 1
        self._sent += 1
        request = self._requests[self._next]
        self._next = (self._next + 1) % len(self._requests)
        connection.send(request)

    def _done(self, connection: Connection, goes_on: bool) -> None:
        self._in_flight -= 1
        if not goes_on:
            self._opened -= 1
            if self._phase.mode == "closed" and not self._stopped:
                self._background(self._replace())
        elif self._phase.mode == "open":
            self._free.append(connection)
        elif not self._stopped:
            self._dispatch(connection)
        if self._stopped and not self._in_flight:
            self._idle.set()

    def _background(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._pending = task  # held until it is done, or the collector may take it

    async def _replace(self) -> None:
        connection = await self._connect()
        if not self._stopped:
            self._dispatch(connection)

    async def _arrivals(self) -> None:
        """Poisson arrivals. One that finds no free connection opens one, up to a bound."""
        chance = random.Random(self._phase.seed)
        due = perf_counter()
        end = due + self._phase.seconds
        while (due := due + chance.expovariate(self._phase.rate)) < end:
            wait = due - perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            self._tally.late_s = max(self._tally.late_s, perf_counter() - due)
            self._drop_stale()
            if not self._free:
                if self._opened >= MAX_CONNECTIONS:
                    raise SystemExit(f"{MAX_CONNECTIONS} requests wait: it cannot hold the rate")
                self._free.append(await self._connect())
            self._dispatch(self._free.pop())

    def _drop_stale(self) -> None:
        """Servers close connections that idle (LiteLLM's after 5 s): none is used that idled long."""
        oldest = perf_counter() - STALE_S
        while self._free and (self._free[-1].is_lost or self._free[-1].idle_since < oldest):
            self._opened -= 1
            self._free.pop().close()

    def _report(self, seconds: float, replied: int) -> dict[str, Any]:
        tally = self._tally
        return {
            "sent": self._sent,
            "replies": sum(tally.replies.values()),
            "good": len(tally.latencies),
            "statuses": dict(tally.replies),
            "bad": tally.bad,
            "broken": tally.broken,
            "events": tally.events,
            "seconds": seconds,
            "rps": replied / seconds,
            "late_ms": tally.late_s * 1e3,
            "latency_ms": percentiles(tally.latencies),
            "first_byte_ms": percentiles(tally.first_bytes),
            "histogram_us": histogram(tally.latencies),
            "sample": tally.sample,
        }


def percentiles(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    if not ordered:
        return {}
    last = len(ordered) - 1
    points = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    return {name: ordered[round(last * point)] * 1e3 for name, point in points.items()}


def histogram(seconds: list[float]) -> dict[int, int]:
    """Counts by upper bound in microseconds; four bounds to each doubling."""
    counts = Counter(round(2 ** (math.ceil(math.log2(s * 1e6) * 4) / 4)) for s in seconds if s > 0)
    return dict(sorted(counts.items()))


if __name__ == "__main__":
    wanted = Phase(**json.load(sys.stdin))

    async def main() -> dict[str, Any]:
        return await Loader(wanted).run()

    json.dump(uvloop.run(main()), sys.stdout)
