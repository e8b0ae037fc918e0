"""One request's upstream leg, hold and record, with exactly one `close` (decision 20).

The exchange is registered with the process, and the caller's task pumps it. Whatever has to stop
it - the caller left, a clock ran out - gives its reason to `interrupt`, which wakes the task from
whatever it waits for; `explain` turns the reason into an error in one place. `close` is
synchronous: there is no window in which a cancellation could lose the settlement.
"""

from __future__ import annotations

import asyncio
from typing import assert_never

from opengateway.domain.errors import (
    CallerError,
    CapacityError,
    ErrorClass,
    GatewayError,
    InsufficientFunds,
    ShownError,
    UpstreamError,
)
from opengateway.domain.keepsake import Keepsake
from opengateway.domain.money import Nanos
from opengateway.domain.records import Ending, OpenRecord
from opengateway.domain.routing import Candidate
from opengateway.gateway.attempts import BegunStream, first_answer
from opengateway.gateway.ceiling import dearest
from opengateway.gateway.continuing import joined
from opengateway.gateway.counting import counted_usage
from opengateway.gateway.headers import json_head, pairs_of, stream_head
from opengateway.gateway.own_credentials import own_alone
from opengateway.gateway.presentation import affordable, present
from opengateway.gateway.pricing import choices_of, extension_amount
from opengateway.gateway.recording import Origin, exchange_record
from opengateway.gateway.relay import relay
from opengateway.gateway.routing.explain import routing_note, routing_record
from opengateway.gateway.services import GatewayServices
from opengateway.gateway.settlement import Settlement, settle_both
from opengateway.gateway.state import ExchangeState
from opengateway.gateway.watch import Interruption, Watch
from opengateway.kit.json import JsonObject
from opengateway.ports.caller import Caller

_CLIENT_CLOSED = 499
"""Status in our records for a caller who left; it is never sent."""


class CallerGone(Exception):
    """The caller's connection is lost, or nothing was read from it for too long."""


class Exchange:
    def __init__(self, services: GatewayServices, state: ExchangeState, caller: Caller) -> None:
        self.services = services
        self.state = state
        self.caller = caller
        self.routing = services.snapshots.current().routing
        self.watch = Watch(state.chat.deadline_s or self.routing.deadline_s, self.interrupt)
        self.writing_since: float | None = None
        """When a write to the caller began that has not come back."""
        self.last_write_at = services.clock.monotonic()
        self.committed = False
        self._task: asyncio.Task[None] | None = None
        self._why: Interruption | None = None
        self._held = False
        self.held_nanos = Nanos(0)
        self._closed = False
        self.route = services.router.route(state.chat, state.principal, state.plan)

    # --- the whole of it ------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve the request. Errors are told to the caller; only a foreign cancellation leaves."""
        self._task = asyncio.current_task()
        self.services.gauges.in_flight += 1
        self.caller.on_gone(self._caller_left)
        try:
            await self._serve()
        except CallerGone:
            self._close_unheard(Ending.CLIENT_GONE, _CLIENT_CLOSED)
        except asyncio.CancelledError as cancelled:
            await self._cancelled(cancelled)
        except (UpstreamError, CallerError, CapacityError) as error:
            await self._refuse(error)
        except Exception as bug:  # noqa: BLE001 - the request's edge: recorded, and nobody pays
            self.services.gauges.bugs += 1
            self.services.on_bug("exchange", bug)
            await self._fail(bug)
        finally:
            self.services.gauges.in_flight -= 1
            self.watch.stop()
            self.caller.on_gone(None)

    async def _serve(self) -> None:
        await self._hold()
        if self.route.is_unknown:
            began_ms = self.elapsed_ms()
            await self.route.learn()
            self.state.waited_s += (self.elapsed_ms() - began_ms) / 1e3
        answer = await first_answer(self, self.route)
        self.state.first_token_ms = self.elapsed_ms()
        if isinstance(answer, BegunStream):
            await relay(self, answer, stream_head(self))
            return
        body = self.with_routing(answer.reply.body)
        await self.count_missing()
        head = json_head(self, content_type=answer.reply.content_type)
        claim = self.state.claim
        if claim is not None and self.services.idempotency is not None:
            await self.services.idempotency.answered(claim, 200, pairs_of(head), body)
        self.close(Ending.COMPLETED, 200)
        self.committed = True
        self.caller.start(200, head)
        await self.write(body, last=True)

    # --- what an attempt and the relay ask for ---------------------------------------------------

    def elapsed_s(self) -> float:
        return self.services.clock.monotonic() - self.state.arrival.accepted_at

    def elapsed_ms(self) -> float:
        return (self.services.clock.monotonic() - self.state.arrival.accepted_at) * 1e3

    async def _hold(self) -> None:
        """Step 5, `admit`, for money: enough for the dearest of those that may serve.

        Raises `InsufficientFunds` (402, naming what would be served), `BudgetExceeded`,
        `NotAllowed`, and `CapacityError` where the ledger is out of reach.
        """
        services, state = self.services, self.state
        most, request_id = self.routing.max_attempts, state.arrival.request_id
        held = services.ceilings.hold_amount(state.chat, state.plan, most)
        if not services.purse.hold(state.principal, request_id, held):
            try:
                await services.purse.secure(state.principal, request_id, held)
            except InsufficientFunds as error:
                if (own := own_alone(state.plan)) is not None:  # they cost the fee alone
                    state.plan = own
                    self.route = services.router.route(state.chat, state.principal, own)
                    return await self._hold()
                _, candidate = dearest(state.chat, state.plan, most)
                raise affordable(error, state.chat, candidate.endpoint) from None
        self._held, self.held_nanos = True, held

    async def hold_more(self, tokens: int) -> bool:
        """For a stream that goes past what is held: for `tokens` more of each choice's output."""
        state, winner = self.state, self.state.winner
        if not self._held or winner is None:
            return True
        owner = winner.provider.owner_of(winner.credential)
        amount = extension_amount(tokens * choices_of(state.chat), winner.endpoint, owner)
        request_id = state.arrival.request_id
        purse = self.services.purse
        if not purse.extend(request_id, amount) and not await purse.secure_more(request_id, amount):
            return False
        self.held_nanos = Nanos(self.held_nanos + amount)
        return True

    def open(self, candidate: Candidate) -> None:
        """Write the `OpenRecord`, the first time only: after it, something may have been sent."""
        if self.state.opened:
            return
        services, state = self.services, self.state
        services.journal.open(
            OpenRecord(
                id=state.arrival.request_id,
                team_id=state.principal.team_id,
                key_id=state.principal.key_id,
                started_at_ns=state.arrival.started_at_ns,
                model=candidate.model.id,
                endpoint_id=candidate.endpoint.id,
                price_id=candidate.endpoint.price.id,
                hold_nanos=self.held_nanos,
                gateway=services.gateway_id,
                lease_id=services.purse.lease_of(state.arrival.request_id),
                user_id=state.principal.user_id,
            )
        )
        state.opened = True

    async def count_missing(self) -> None:
        """Before a good ending: count what the provider left out, where that can be done exactly.

        The answer is whole by now: a clock that rings meanwhile ends the counting, and what is
        missing is estimated by ratio. Raises `CallerGone`.
        """
        counter, winner, state = self.services.tokens, self.state.winner, self.state
        if state.meter.usage is not None or counter is None or winner is None:
            return
        try:
            usage = await counted_usage(counter, state.chat, winner.endpoint, state.meter)
        except asyncio.CancelledError as cancelled:
            self.explain(cancelled)
        else:
            state.meter.usage = usage

    def _routing(self) -> JsonObject:
        services, state = self.services, self.state
        return routing_note(
            self.route,
            state.attempts,
            zone=services.zone,
            deadline_left_s=self.watch.deadline_left_s,
            dropped=state.dropped,
        )

    def with_routing(self, body: bytes) -> bytes:
        """A whole answer or error, with the way that the request went if its caller asked."""
        notes = self.services.routing_notes
        if not self.state.chat.debug_routing or notes is None:
            return body
        return notes.whole(body, self._routing())

    def routing_event(self) -> bytes:
        """The same for a stream, before its end marker; empty where nobody asked."""
        notes, winner = self.services.routing_notes, self.state.winner
        if not self.state.chat.debug_routing or notes is None or winner is None:
            return b""
        arrival = self.state.arrival
        created = arrival.started_at_ns // 1_000_000_000
        return notes.event(arrival.request_id, created, winner.model.id, self._routing())

    async def write(self, body: bytes, *, last: bool) -> None:
        """Hand bytes to the caller. The wait for a slow reader is not ours, and is bounded."""
        clock = self.services.clock
        if last and self.state.meter.keepsake is not None:
            await self._keep(self.state.meter.keepsake)
        began = self.writing_since = clock.monotonic()
        await self.caller.write(body, last=last)
        self.writing_since = None
        self.last_write_at = now = clock.monotonic()
        self.state.waited_s += now - began

    async def _keep(self, keepsake: Keepsake) -> None:
        """What a plain caller cannot carry, unless nothing is to be kept of the request at all."""
        keepsakes, state = self.services.keepsakes, self.state
        if keepsakes is not None and not state.chat.preferences.zdr:
            await keepsakes.keep(state.principal.team_id, keepsake)

    # --- interruptions ---------------------------------------------------------------------------

    def _caller_left(self) -> None:
        self.interrupt(Interruption.CALLER_GONE)

    def interrupt(self, why: Interruption) -> None:
        """Wake the task for `why`. The first reason holds until it is explained."""
        if self.writing_since is not None and why is not Interruption.CALLER_GONE:
            stalled_s = self.services.clock.monotonic() - self.writing_since
            left_s = self.services.limits.caller_stall_s - stalled_s
            if left_s > 0 and why is not Interruption.DEADLINE:
                # The provider is not late: the caller has not read yet.
                self.watch.arm(left_s, Interruption.CALLER_STALLED)
                return
            why = Interruption.CALLER_STALLED
        if self._closed:
            # All is settled; only the last bytes are still on their way.
            self.caller.abort()
        elif self._why is None and self._task is not None:
            self._why = why
            self._task.cancel()

    def explain(self, cancelled: asyncio.CancelledError) -> UpstreamError:
        """The interruption as an error of the attempt.

        Raises `CallerGone`, or `cancelled` itself when it did not come from us.
        """
        why = self._why
        if why is None:
            raise cancelled
        self._why = None
        if self._task is not None:
            self._task.uncancel()
        match why:
            case Interruption.CALLER_GONE:
                raise CallerGone from None
            case Interruption.CALLER_STALLED:
                self.caller.abort()
                raise CallerGone from None
            case Interruption.FIRST_TOKEN:
                return UpstreamError(
                    ErrorClass.TIMEOUT_FIRST_TOKEN, "the provider did not begin to answer in time"
                )
            case Interruption.IDLE:
                return UpstreamError(
                    ErrorClass.TIMEOUT_IDLE, "the provider fell silent in the middle of its answer"
                )
            case Interruption.DEADLINE:
                return UpstreamError(
                    ErrorClass.TIMEOUT_DEADLINE,
                    "the request's deadline passed before a provider had answered",
                )
            case _ as never:
                assert_never(never)

    async def _cancelled(self, cancelled: asyncio.CancelledError) -> None:
        """A cancellation outside an attempt: the caller left while we wrote, or a shutdown."""
        try:
            error = self.explain(cancelled)
        except CallerGone:
            self._close_unheard(Ending.CLIENT_GONE, _CLIENT_CLOSED)
        except asyncio.CancelledError:
            self._close_unheard(Ending.FAILED, 503)
            self.caller.abort()
            raise
        else:
            await self._refuse(error)

    # --- endings ---------------------------------------------------------------------------------

    def close(self, ending: Ending, status: int, error: ShownError | None = None) -> None:
        """Steps 11 and 12: settle and record. Synchronous, and only the first call counts.

        Raises `CapacityError` when the record could not be written: nobody is charged then, and
        the answer must not be ended as a good one.
        """
        if self._closed:
            return
        self._closed = True
        services, state = self.services, self.state
        self.route.close(ending, state.meter, state.attempts)
        winner = state.winner
        settlement = None
        if winner is not None:
            if state.before is not None:
                state.meter = joined(state.before, state.meter, winner.endpoint)
            owner = winner.provider.owner_of(winner.credential)
            settlement = settle_both(ending, state.chat, winner.endpoint, state.meter, owner)
            services.router.spent(winner, settlement.provider_cost)
            if settlement.unpriced:
                services.gauges.unpriced += 1
        charged, recorded = Nanos(0), False
        request_id = state.arrival.request_id
        try:
            services.journal.close(
                exchange_record(
                    state,
                    Origin(
                        services.zone,
                        services.gateway_id,
                        state.plan.snapshot_version,
                        services.chat_dialect.name,
                        services.purse.lease_of(request_id) if self._held else "",
                    ),
                    ending,
                    status,
                    settlement,
                    error,
                    self.elapsed_s(),
                    routing_record(self.route),
                )
            )
            recorded = True
            charged = settlement.charged if settlement else charged
        except CapacityError:
            services.gauges.unrecorded += 1
            raise
        finally:
            if self._held:
                services.purse.close(request_id, charged)
            if state.taken is not None or state.claim is not None:
                self._let_go(settlement, recorded and (ending is Ending.COMPLETED or charged > 0))

    def _let_go(self, settlement: Settlement | None, charged: bool) -> None:
        """Of the request's place in its limits, and of its idempotency key."""
        services, state = self.services, self.state
        if state.taken is not None and services.rates is not None:
            if state.opened:
                services.rates.settle(state.taken, settlement.usage if settlement else None)
            else:
                services.rates.release(state.taken)
        if state.claim is not None and services.idempotency is not None:
            services.idempotency.ended(state.claim, charged=charged)

    def _close_unheard(self, ending: Ending, status: int, error: ShownError | None = None) -> None:
        """`close` where nobody can be told any more that the record failed."""
        try:
            self.close(ending, status, error)
        except CapacityError as unrecorded:
            self.services.on_bug("record", unrecorded)

    async def _refuse(self, error: GatewayError) -> None:
        """Nothing was handed on yet, or the record failed: the caller is told what went wrong."""
        shown = present(error, self.state.arrival.request_id, self.state.attempts)
        await self._end_with(shown, Ending.UPSTREAM_BROKE if self.committed else Ending.REFUSED)

    async def _fail(self, bug: Exception) -> None:
        await self._end_with(present(bug, self.state.arrival.request_id), Ending.FAILED)

    async def _end_with(self, shown: ShownError, ending: Ending) -> None:
        dialect = self.services.chat_dialect
        if not self.committed:
            shown = dialect.shown(shown)
        self._close_unheard(ending, shown.status, shown)
        if self.committed:
            await self.write(dialect.error_event(shown), last=True)
            return
        body = self.with_routing(dialect.error_body(shown))
        self.caller.start(shown.status, json_head(self, shown))
        await self.write(body, last=True)
