"""One request's way: the flat plan in its order, who was tried, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from opengateway.domain.chat import ChatRequest, Meter
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.domain.principal import Principal
from opengateway.domain.records import AttemptRecord, Ending
from opengateway.domain.routing import Candidate, Choice, Plan
from opengateway.domain.usage import OUTPUT_TOKENS
from opengateway.gateway.routing.breaker import Breaker
from opengateway.gateway.routing.conversation import Conversation
from opengateway.gateway.routing.headroom import headroom
from opengateway.gateway.routing.health import Health, Standing
from opengateway.gateway.routing.spots import Order, Spot
from opengateway.gateway.routing.stickiness import Pin, wanted_by
from opengateway.gateway.routing.ticket import Ticket
from opengateway.gateway.routing.waiting import priority_of
from opengateway.policies.health import HEALTH, Scope

REST_WAIT_S: Final = 3.0
"""Where something failed and all that is left rests, it is waited for so long at most."""
FIRST_REST_WAIT_S: Final = 1.5
"""The same where nothing was tried yet: who told us to wait may have meant another's request."""
_RATE_HEADERS: Final = ("x-ratelimit-remaining-requests", "anthropic-ratelimit-requests-remaining")
_TRIAL_FIRST_TOKEN_S: Final = 3.0
_LEAST_FIRST_TOKEN_S: Final = (10.0, 60.0)
"""Of endpoints that do not reason, and of those that do: no limit is drawn closer."""
_HOPELESS: Final = 0.3


class Route:
    """One request's way: the flat plan, who was tried, and why."""

    __slots__ = (
        "_answered_at",
        "_asked_resting",
        "_failed_scopes",
        "_left",
        "_only_endpoint",
        "_principal",
        "_router",
        "_spot",
        "_ticket",
        "_tried",
        "chat",
        "conversation",
        "late_excluded",
        "order",
        "pin",
        "plan",
        "sticky",
    )

    def __init__(
        self,
        router: Any,
        chat: ChatRequest,
        principal: Principal,
        plan: Plan,
        order: Order,
        conversation: Conversation | None = None,
        pin: Pin | None = None,
    ) -> None:
        self._router = router
        self._principal = principal
        self.chat = chat
        self.plan = plan
        self.order = order
        self._left = list(order.spots)
        self._tried = 0
        self._asked_resting = False
        self._ticket: Ticket | None = None
        self._answered_at = 0.0
        self._failed_scopes: list[tuple[Breaker, bool]] = []
        """What a failure was of, and whether nothing of it is asked again."""
        self._only_endpoint: str | None = None
        self.late_excluded: list[tuple[Candidate, str]] = []
        """Found unable only when the request was made for them."""
        self.conversation = conversation
        """None where coming back to the same endpoint is worth nothing."""
        self.pin = pin
        self._spot: Spot | None = None
        self.sticky = ""
        """Of a conversation's answer: whether it came from where its prompts are cached (`hit`), from
        elsewhere (`moved`), or nothing was known of it (`miss`)."""

    @property
    def is_unknown(self) -> bool:
        """Its conversation is not known here, and another gateway may know it."""
        return self.conversation is not None and self.pin is None and self._router.pins is not None

    async def learn(self) -> None:
        """Ask where the conversation was served, if another gateway may know: once, and not long."""
        conversation, store = self.conversation, self._router.pins
        note = await store.find(conversation.digest) if conversation is not None else None
        if conversation is None or note is None:
            return
        pin = self._router.stickiness.hear(conversation.digest, note, self._router.now())
        if pin is not None:
            self.pin = pin
            wanted = wanted_by(self.chat.stream, conversation, pin)
            self.order = self._router.arranged(self.plan, wanted)
            self._left = list(self.order.spots)

    # --- who is next -----------------------------------------------------------------------------

    def next(self) -> tuple[Spot, Choice] | None:
        """The next candidate that may be asked now, and why. None when nobody is left.

        What shares the scope of a failure comes after what does not; of a fatal one, never.
        """
        now = self._router.now()
        later: tuple[int, Spot] | None = None
        for at, spot in enumerate(self._left):
            if self._is_closed(spot, now):
                continue
            if self._shares_failure(spot, fatal_only=False):
                later = later or (at, spot)
                continue
            return self._take(at, spot)
        return self._take(*later) if later is not None else None

    def next_resting(self) -> tuple[Spot, Choice] | None:
        """Where nobody else is left: the one whose rest ends first. A provider's word to wait is
        a preference too, and the last endpoint is always asked; one of them, once a request."""
        if self._asked_resting:
            return None
        now = self._router.now()
        found: tuple[float, int, Spot] | None = None
        for at, spot in enumerate(self._left):
            until = spot.cell.rests_until()
            if self._is_ruled_out(spot) or until <= now:
                continue
            if found is None or until < found[0]:
                found = until, at, spot
        if found is None:
            return None
        self._asked_resting = True
        del self._left[found[1]]
        return found[2], Choice.LAST_RESORT

    def _take(self, at: int, spot: Spot) -> tuple[Spot, Choice]:
        del self._left[at]
        return spot, self._why(spot)

    def _why(self, spot: Spot) -> Choice:
        if not self._tried:
            if spot is self.order.spots[0]:
                return self.order.why
            return Choice.ORDER
        if spot.cell.standing(self._router.now()) >= Standing.HALF:
            return Choice.LAST_RESORT
        return Choice.FALLBACK if spot.candidate.fallback_rank else Choice.FAILOVER

    def _is_closed(self, spot: Spot, now: float) -> bool:
        """Not asked now: it rests, or it is ruled out."""
        cell = spot.cell
        if not cell.clear and cell.standing(now) is Standing.RESTING:
            return True
        return self._is_ruled_out(spot)

    def _is_ruled_out(self, spot: Spot) -> bool:
        """Not asked at all: its scope failed for good, it may not be paid, or was not agreed to."""
        if spot.has_cap and self._router.is_capped(spot):
            return True
        if self._only_endpoint is not None and spot.candidate.endpoint.id != self._only_endpoint:
            return True
        return bool(self._failed_scopes) and self._shares_failure(spot, fatal_only=True)

    def _shares_failure(self, spot: Spot, *, fatal_only: bool) -> bool:
        for breaker, fatal in self._failed_scopes:
            if (fatal or not fatal_only) and breaker in spot.cell.breakers:
                return True
        return False

    def is_last_resort(self, spot: Spot) -> bool:
        """Out, and hardly ever well lately: one such attempt a request is enough."""
        now = self._router.now()
        return spot.cell.standing(now) >= Standing.OUT and spot.cell.expected < _HOPELESS

    @property
    def has_more(self) -> bool:
        """Whether another candidate could be asked after the one that was taken."""
        now = self._router.now()
        return any(not self._is_closed(spot, now) for spot in self._left)

    def rest_s(self, allows: Callable[[Candidate], bool]) -> float | None:
        """Seconds until the first of those that rest, were not tried and are allowed, may be asked
        again."""
        now = self._router.now()
        times = [
            spot.cell.rests_until() - now
            for spot in self._left
            if spot.cell.standing(now) is Standing.RESTING
            and allows(spot.candidate)
            and not (self._failed_scopes and self._shares_failure(spot, fatal_only=True))
        ]
        return max(0.0, min(times)) if times else None

    @property
    def is_capped(self) -> bool:
        """Nobody may be asked: all credentials have reached what may be spent with them."""
        return all(self._router.is_capped(spot) for spot in self.order.spots)

    def earliest_s(self) -> float | None:
        """The same over all candidates, tried or not: what a caller is told to wait."""
        now = self._router.now()
        times = [s.cell.rests_until() - now for s in self.order.spots]
        resting = [seconds for seconds in times if seconds > 0]
        return min(resting) if len(resting) == len(times) else None

    def may_retry(self) -> bool:
        """Whether the gateway's budget has one more attempt for a request that made one already."""
        return self._tried == 0 or self._router.budget.take(self._router.now())

    def jitter_s(self, most_s: float) -> float:
        jitter_s: float = self._router.draw(most_s)
        return jitter_s

    # --- an attempt ------------------------------------------------------------------------------

    async def enter(self, spot: Spot, why: Choice, most_s: float) -> Ticket:
        """Take a place at the endpoint; wait for one where there is none. Raises `NoRoom`."""
        cell, router = spot.cell, self._router
        if not cell.has_room:
            await router.waiting.room(cell, priority_of(self._principal), most_s)
        trial = not cell.clear and cell.may_try(router.now()) and bool(cell.reasons)
        self._ticket = Ticket(router, cell, stream=self.chat.stream, trial=trial)
        self._tried += 1
        self._spot = spot
        preferences = self.plan.preferences
        if not preferences.allow_fallbacks and not preferences.order:
            self._only_endpoint = spot.candidate.endpoint.id
        return self._ticket

    def first_token_limit_s(self, ticket: Ticket, limit_s: float, *, reasoning: bool) -> float:
        """Never more than `limit_s`. Less for a trial, and where the endpoint is known to be
        faster by far and another could be asked instead."""
        if not self.chat.stream or not self.has_more:
            return limit_s
        first = ticket.cell.first
        if ticket.is_trial:
            known_s = 4 * first.p90 if first.settled else _TRIAL_FIRST_TOKEN_S
            return min(limit_s, max(1.0, known_s))
        if not first.settled:
            return limit_s
        return min(limit_s, max(_LEAST_FIRST_TOKEN_S[reasoning], 4 * first.p99))

    def answered(self, headers: Mapping[str, str]) -> None:
        """The first content, or the whole answer, of the attempt is here. It keeps its place."""
        ticket = self._ticket
        if ticket is None:
            return
        ticket.answered(self.chat.input_bytes)
        self._answered_at = self._router.now()
        if self.conversation is not None and self._spot is not None:
            if self.pin is None:
                self.sticky = "miss"
            else:
                self.sticky = "hit" if self._spot.domain == self.pin.domain else "moved"
        for name in _RATE_HEADERS:
            if name in headers:
                self._note_headroom(ticket.cell, headers)
                break

    def _note_headroom(self, cell: Health, headers: Mapping[str, str]) -> None:
        found = headroom(headers)
        if found is not None:
            cell.set_headroom(*found, self._router.now())

    def failed(self, error: UpstreamError) -> None:
        """The attempt is over."""
        ticket = self._ticket
        if ticket is None:
            return
        ticket.failed(error)
        policy = HEALTH[error.error_class]
        if policy.scope is not Scope.NONE:
            cell = ticket.cell
            self._failed_scopes.append((cell.by_scope[policy.scope], policy.fatal))
            if policy.wider is not Scope.NONE:
                self._failed_scopes.append((cell.by_scope[policy.wider], False))
        self.release()

    def broke(self, error: UpstreamError) -> None:
        """The attempt's answer broke after its first content."""
        if self._ticket is not None:
            self._ticket.failed(error, after_content=True)
        self.release()

    def release(self) -> None:
        """The attempt is over, and says nothing of the endpoint."""
        if self._ticket is not None:
            self._ticket.release()
            self._ticket = None

    def close(self, ending: Ending, meter: Meter, attempts: list[AttemptRecord]) -> None:
        """The exchange is over: what its last attempt was, and how fast its tokens came.

        May be called more than once.
        """
        ticket = self._ticket
        if ticket is None:
            return
        if ending is Ending.UPSTREAM_BROKE and attempts and attempts[-1].error_class:
            broken = UpstreamError(ErrorClass(attempts[-1].error_class), "")
            ticket.failed(broken, after_content=True)
        elif ending is Ending.COMPLETED:
            self._completed(ticket, meter)
        self.release()

    def _completed(self, ticket: Ticket, meter: Meter) -> None:
        now, router = self._router.now(), self._router
        if self.chat.stream and meter.usage is not None:
            tokens = meter.usage.of(*OUTPUT_TOKENS)
            if tokens > 1:
                ticket.cell.pace.add((now - self._answered_at) / (tokens - 1))
        if self.conversation is not None and self._spot is not None:
            router.stickiness.served(self.chat, self.conversation, self._spot, meter.usage, now)
