"""Sends what waits for webhooks, and tries again, for a day at most. Runs beside the requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, NamedTuple

from opengateway.control.scope import ControlScope
from opengateway.control.webhooks.models import Webhook, WebhookDelivery
from opengateway.control.webhooks.repository import WebhookRepository
from opengateway.control.webhooks.service import secrets_of
from opengateway.control.webhooks.signing import headers
from opengateway.domain.announcements import EventKind
from opengateway.domain.errors import UpstreamError
from opengateway.kit.addresses import OutboundRules
from opengateway.kit.chance import Chance
from opengateway.kit.clock import Clock
from opengateway.kit.log import get_logger
from opengateway.ports.secret_box import Unsealable
from opengateway.ports.transport import UpstreamRequest, UpstreamTransport

PER_TURN: Final = 20
CALL_S: Final = 10.0
"""For the whole call; the Standard Webhooks convention advises 15 to 30 s, receivers answer at once."""
CLAIM_S: Final = 60.0
"""While one is being sent nobody else takes it: there may be two control processes."""
LASTS_S: Final = 24 * 3600.0
FIRST_PAUSE_S: Final = 5.0
LONGEST_PAUSE_S: Final = 2 * 3600.0
BODY_BYTES: Final = 1024
"""Of an answer, kept for the log of deliveries."""
MAX_ATTEMPTS: Final = 30
GIVEN_UP_S: Final = 3 * 86_400.0
"""A webhook that has taken nothing for so long is disabled."""
KEPT_S: Final = 30 * 86_400.0
_SECOND_NS: Final = 1_000_000_000

log = get_logger(__name__)


def pause_s(attempts: int, chance: Chance) -> float:
    """How long to wait after so many failures: doubling, and half of it by chance, so that what
    failed together does not come back together."""
    longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(attempts - 1, 20))
    return longest * (0.5 + 0.5 * chance.random())


class _Call(NamedTuple):
    delivery_id: str
    url: str
    body: bytes
    headers: dict[str, str]


class _Outcome(NamedTuple):
    status: int
    error: str
    body: str
    took_ms: int


OpenScope = Callable[[], AbstractAsyncContextManager[ControlScope]]
"""A scope of its own with a session that writes; leaving it commits."""
GiveUp = Callable[[ControlScope, Webhook], Any]
"""Tells the team that a webhook was disabled; awaited in the transaction that disables it."""


class WebhookSender:
    def __init__(
        self,
        open_scope: OpenScope,
        transport: UpstreamTransport,
        rules: OutboundRules,
        give_up: GiveUp,
        clock: Clock,
        chance: Chance,
    ) -> None:
        self._open_scope = open_scope
        self._transport = transport
        self._rules = rules
        self._give_up = give_up
        self._clock = clock
        self._chance = chance
        self._pruned_ns = 0

    async def run(self, every_s: float = 2.0) -> None:
        """For ever. A webhook that does not answer keeps no other from being called."""
        while True:
            sent = 0
            try:
                sent = await self.turn()
            except Exception as error:
                log.error("webhook_turn_failed", exc_info=error)
            if sent < PER_TURN:
                await asyncio.sleep(every_s)

    async def turn(self) -> int:
        """Send what is due, at most `PER_TURN`. Return how many were taken up."""
        calls = await self._claim()
        outcomes = await asyncio.gather(*(self._send(call) for call in calls))
        if calls:
            async with self._open_scope() as scope:
                for call, outcome in zip(calls, outcomes, strict=True):
                    await self._book(scope, call.delivery_id, outcome)
        return len(calls)

    async def _claim(self) -> Sequence[_Call]:
        now_ns = self._clock.now_ns()
        async with self._open_scope() as scope:
            webhooks = WebhookRepository(scope.session)
            if now_ns - self._pruned_ns > 3600 * _SECOND_NS:
                self._pruned_ns = now_ns
                await webhooks.prune(now_ns - int(KEPT_S * _SECOND_NS))
            calls: list[_Call] = []
            for delivery, webhook in await webhooks.due(now_ns, PER_TURN):
                delivery.next_attempt_ns = now_ns + int(CLAIM_S * _SECOND_NS)
                if webhook.disabled and delivery.event_type != EventKind.WEBHOOK_TEST.value:
                    _end(delivery, "failed", now_ns)
                    continue
                try:
                    secrets = secrets_of(webhook, scope.secret_box, now_ns)
                except Unsealable:
                    log.error("webhook_secret_unreadable", webhook_id=webhook.id)
                    _end(delivery, "failed", now_ns)
                    continue
                body = delivery.payload.encode()
                signed = headers(secrets, delivery.event_id, now_ns // _SECOND_NS, body)
                calls.append(_Call(delivery.id, webhook.url, body, signed))
            return calls

    async def _send(self, call: _Call) -> _Outcome:
        began = self._clock.monotonic()

        def outcome(status: int, error: str, body: bytes = b"") -> _Outcome:
            took_ms = int((self._clock.monotonic() - began) * 1000)
            return _Outcome(status, error, body.decode("utf-8", "replace"), took_ms)

        # The zone's rules may be others than when the address was given.
        problem = self._rules.problem(call.url)
        if problem is not None:
            return outcome(0, f"the address {problem}")
        request = UpstreamRequest(
            url=call.url,
            body=call.body,
            headers={"content-type": "application/json", **call.headers},
            credential=None,
            connect_timeout_s=5.0,
        )
        try:
            async with asyncio.timeout(CALL_S):
                response = await self._transport.send(request)
                try:
                    begin = await _beginning(response.chunk)
                finally:
                    response.abort()
                return outcome(response.status, "", begin)
        except TimeoutError:
            return outcome(0, f"no answer within {CALL_S:.0f} s")
        except UpstreamError as error:
            return outcome(0, error.message[:300])
        except Exception as error:
            log.error("webhook_call_failed", exc_info=error)
            return outcome(0, "an error of our own; it is logged")

    async def _book(self, scope: ControlScope, delivery_id: str, outcome: _Outcome) -> None:
        found = await WebhookRepository(scope.session).with_webhook(delivery_id)
        if found is None:
            return  # deleted meanwhile
        delivery, webhook = found
        now_ns = self._clock.now_ns()
        attempt = {
            "at_ns": now_ns,
            "status": outcome.status,
            "error": outcome.error,
            "body": outcome.body,
            "took_ms": outcome.took_ms,
        }
        # A new list: the store sees a change of the whole, not within.
        delivery.attempts = [*delivery.attempts, attempt][-MAX_ATTEMPTS:]
        if 200 <= outcome.status < 300:
            _end(delivery, "delivered", now_ns)
            webhook.failing_since_ns = None
            return
        if webhook.failing_since_ns is None:
            webhook.failing_since_ns = now_ns
        wait_ns = int(pause_s(len(delivery.attempts), self._chance) * _SECOND_NS)
        is_last = now_ns + wait_ns > delivery.created_at_ns + int(LASTS_S * _SECOND_NS)
        # 410: whoever was there says that they are gone for good.
        if is_last or outcome.status == 410 or delivery.event_type == EventKind.WEBHOOK_TEST.value:
            _end(delivery, "failed", now_ns)
        else:
            delivery.next_attempt_ns = now_ns + wait_ns
        failing_ns = now_ns - webhook.failing_since_ns
        if not webhook.disabled and (
            outcome.status == 410 or failing_ns > int(GIVEN_UP_S * _SECOND_NS)
        ):
            webhook.disabled = True
            await self._give_up(scope, webhook)


async def _beginning(chunk: Callable[[], Any]) -> bytes:
    """At most `BODY_BYTES` of an answer; what follows is not read."""
    begin = b""
    while len(begin) < BODY_BYTES:
        data = await chunk()
        if not data:
            break
        begin += data
    return begin[:BODY_BYTES]


def _end(delivery: WebhookDelivery, state: str, now_ns: int) -> None:
    delivery.state, delivery.next_attempt_ns, delivery.finished_at_ns = state, None, now_ns
