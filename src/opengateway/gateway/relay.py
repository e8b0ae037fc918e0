"""Steps 8 to 10, `commit`, `relay`, `close`: moving a stream to the caller, whole events only.

The caller's end marker goes out after the record is in the journal. A stream that broke ends with
an error event, and never with the end marker.
"""

from __future__ import annotations

import asyncio
import math
from typing import Protocol

from opengateway.domain.errors import (
    CapacityError,
    InsufficientFunds,
    ShownError,
    UpstreamError,
)
from opengateway.domain.records import Ending
from opengateway.gateway.attempts import BegunStream, Owner
from opengateway.gateway.concealing import conceal
from opengateway.gateway.continuing import go_on
from opengateway.gateway.echoing import broken_of, ending_of
from opengateway.gateway.presentation import present
from opengateway.gateway.pricing import STREAM_HOLD_TOKENS, choices_of, output_bound
from opengateway.gateway.routing.route import Route
from opengateway.gateway.watch import Interruption
from opengateway.ports.caller import Caller
from opengateway.ports.provider import ChatStream
from opengateway.ports.transport import UpstreamResponse


class Streamed(Owner, Protocol):
    """What the relay needs of the exchange that it serves."""

    caller: Caller
    committed: bool
    writing_since: float | None
    last_write_at: float
    route: Route

    async def write(self, body: bytes, *, last: bool) -> None: ...

    async def count_missing(self) -> None: ...

    async def hold_more(self, tokens: int) -> bool: ...

    def routing_event(self) -> bytes: ...

    def close(self, ending: Ending, status: int, error: ShownError | None = None) -> None: ...


async def relay(exchange: Streamed, begun: BegunStream, head: bytes) -> None:
    """Hand the stream on until it ends, and let the provider go whatever happens."""
    pulse = _Pulse(exchange)
    idempotency, claim = exchange.services.idempotency, exchange.state.claim
    going: BegunStream | None = begun
    try:
        if claim is not None and idempotency is not None:
            await idempotency.committed(claim)
        exchange.caller.start(200, head)
        exchange.committed = True
        pulse.start()
        while going is not None:
            going = await _leg(exchange, going)
    finally:
        pulse.stop()
        if not exchange.committed:
            begun.response.abort()


async def _leg(exchange: Streamed, begun: BegunStream) -> BegunStream | None:
    """One provider's part of the answer; the next one's where it broke and is gone on with."""
    response, stream = begun.response, begun.stream
    whole = False
    try:
        following = await _pump(exchange, response, stream, begun.head)
        whole = stream.done
        return following
    finally:
        if whole:
            await response.release()
        else:
            response.abort()


async def _pump(
    exchange: Streamed, response: UpstreamResponse, stream: ChatStream, out: bytes
) -> BegunStream | None:
    watch, state, clock = exchange.watch, exchange.state, exchange.services.clock
    dialect = exchange.services.chat_dialect
    tap = _Tap(exchange, stream)
    while True:
        if stream.error is not None:
            if exchange.state.chat.goes_on:
                going = await go_on(exchange, stream.error)
                if going is not None:
                    await exchange.write(out + going.seam, last=False)
                    return going.begun
            await _tell_broken(exchange, stream, stream.error, out)
            return None
        if stream.done:
            await exchange.count_missing()
            try:
                exchange.close(Ending.COMPLETED, 200)
            except CapacityError as error:
                await _tell_broken(exchange, stream, error, out)
                return None
            await exchange.write(
                out + exchange.routing_event() + ending_of(stream, dialect), last=True
            )
            return None
        await exchange.write(out, last=False)  # also waits for a caller who does not read as fast
        if tap.is_short and not await tap.hold_more():
            await _tell_broken(exchange, stream, _out_of_credit(), b"")
            return None
        watch.arm(tap.idle_s, Interruption.IDLE)
        began = clock.monotonic()
        tap.rest, tap.busy_s = b"", 0.0
        try:
            ended = await response.pump(tap.take)
        except asyncio.CancelledError as cancelled:
            stream.error = exchange.explain(cancelled)
            out = b""
            continue
        except UpstreamError as error:
            stream.error = error
            out = b""
            continue
        finally:
            state.waited_s += clock.monotonic() - began - tap.busy_s
        out = tap.rest
        if ended:
            out += stream.end()


class _Tap:
    """Where a stream's pieces go while all is well: read, counted, and on to the caller, without
    waking the exchange's task."""

    __slots__ = (
        "_asked",
        "_characters_a_token",
        "_enough",
        "_exchange",
        "_held",
        "_monotonic",
        "_stream",
        "busy_s",
        "idle_s",
        "rest",
    )

    def __init__(self, exchange: Streamed, stream: ChatStream) -> None:
        routing, winner = exchange.routing, exchange.state.winner
        reasons = winner is not None and winner.endpoint.reasoning
        self.idle_s = routing.idle_reasoning_s if reasons else routing.idle_s
        self._exchange = exchange
        self._stream = stream
        self._monotonic = exchange.services.clock.monotonic
        endpoint = winner.endpoint if winner is not None else None
        self._characters_a_token = 0.75 * endpoint.bytes_per_token if endpoint is not None else 1.0
        chat = exchange.state.chat
        whole = output_bound(chat, endpoint, winner.provider) if winner and endpoint else 0
        self._asked = whole * choices_of(chat)
        """Tokens of output that there can be at most."""
        self._held = STREAM_HOLD_TOKENS * choices_of(chat)
        """Tokens of output that the hold is good for."""
        self._enough = self._characters_of(self._held)
        """Characters that may be handed on before more has to be held."""
        self.busy_s = 0.0
        """Our own time within the wait for the provider."""
        self.rest = b""
        """What was made of the stream's last piece: it waits for the record."""

    def _characters_of(self, tokens: int) -> float:
        return math.inf if tokens >= self._asked else tokens * self._characters_a_token

    def take(self, data: bytes) -> bool:
        """One piece. False when the stream is over, or the caller does not read as fast."""
        exchange, stream = self._exchange, self._stream
        began = self._monotonic()
        out = stream.feed(data)
        if stream.done or stream.error is not None:
            self.rest = out
            return False
        going = True
        if out:
            going = exchange.caller.put(out)
            exchange.last_write_at = began
        exchange.watch.arm(self.idle_s, Interruption.IDLE)
        self.busy_s += self._monotonic() - began
        return going and stream.meter.characters < self._enough

    @property
    def is_short(self) -> bool:
        """What was handed on comes near to what is held."""
        return self._stream.meter.characters >= self._enough

    async def hold_more(self) -> bool:
        """For as much again."""
        going = await self._exchange.hold_more(STREAM_HOLD_TOKENS)
        self._held += STREAM_HOLD_TOKENS * choices_of(self._exchange.state.chat)
        self._enough = self._characters_of(self._held)
        return going


def _out_of_credit() -> InsufficientFunds:
    return InsufficientFunds(
        "the credit or a budget was used up while the answer was made; what came is charged, and"
        " with more credit, or a lower max_tokens, it would be whole"
    )


async def _tell_broken(
    exchange: Streamed,
    stream: ChatStream,
    error: UpstreamError | CapacityError | InsufficientFunds,
    out: bytes,
) -> None:
    """After the first content: told in-band, with what came before it."""
    winner = exchange.state.winner
    if isinstance(error, UpstreamError) and winner is not None:
        place = (winner.provider.id, winner.credential or "")
        conceal(error, exchange.services.credentials.get(place))
    shown = present(error, exchange.state.arrival.request_id, exchange.state.attempts)
    if isinstance(error, UpstreamError) and exchange.state.attempts:
        attempt = exchange.state.attempts[-1]
        attempt.status = "failed"
        attempt.error_class = error.error_class.value
        attempt.error_code = shown.code
        attempt.error_message = (error.detail or error.message)[:500]
        attempt.ended_ms = exchange.elapsed_ms()
    try:
        exchange.close(Ending.UPSTREAM_BROKE, 200, shown)
    except CapacityError as unrecorded:
        exchange.services.on_bug("record", unrecorded)
    event = broken_of(stream, exchange.services.chat_dialect, shown)
    await exchange.write(out + event, last=True)


class _Pulse:
    """Comment lines while the provider is silent, so that nothing on the way hangs up."""

    __slots__ = ("_beat_task", "_exchange", "_handle", "_interval_s")

    def __init__(self, exchange: Streamed) -> None:
        self._exchange = exchange
        self._interval_s = exchange.services.limits.keep_alive_s
        self._handle: asyncio.TimerHandle | None = None
        self._beat_task: asyncio.Task[None] | None = None

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._handle = loop.call_later(self._interval_s, self._ring)

    def _ring(self) -> None:
        exchange = self._exchange
        silent_s = exchange.services.clock.monotonic() - exchange.last_write_at
        due_s = self._interval_s - silent_s
        if due_s <= 0 and exchange.writing_since is None:
            self._beat_task = asyncio.create_task(self._beat())
            due_s = self._interval_s
        loop = asyncio.get_running_loop()
        self._handle = loop.call_later(max(due_s, 0.05), self._ring)

    async def _beat(self) -> None:
        """Whole events only are ever written, so a comment never lands inside one."""
        exchange = self._exchange
        exchange.last_write_at = exchange.services.clock.monotonic()
        await exchange.caller.write(exchange.services.chat_dialect.keep_alive, last=False)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        if self._beat_task is not None:
            self._beat_task.cancel()
