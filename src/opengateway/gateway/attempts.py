"""Step 7, `attempt`: calling candidates in the route's order until one answers.

The only place that decides to fail over. It ends before the first content leaves: after that
(step 8, `commit`) nothing is tried elsewhere. What bounds it: the request's one deadline, the number
of attempts, the gateway's retry budget, and the candidates; the error says which ran out.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from opengateway.domain.chat import UpstreamCall
from opengateway.domain.errors import (
    ErrorClass,
    GatewayError,
    InvalidRequest,
    NotFound,
    UpstreamError,
)
from opengateway.domain.routing import Candidate, Choice
from opengateway.gateway.attempt import Answer, BegunStream, Owner, WholeAnswer, attempt
from opengateway.gateway.routing.route import FIRST_REST_WAIT_S, REST_WAIT_S, Route
from opengateway.gateway.routing.router import Router
from opengateway.gateway.routing.spots import Spot
from opengateway.gateway.routing.waiting import NoRoom
from opengateway.gateway.watch import Interruption
from opengateway.policies.errors import ERROR_POLICIES

__all__ = ["Answer", "BegunStream", "Owner", "WholeAnswer", "first_answer"]

_LEAST_ATTEMPT_S: Final = 0.01
"""Nothing is begun with less than that left: it could not end well."""
_JITTER_S: Final = 0.05
"""Full jitter before a second try in the same place (AWS: base 50 ms). Elsewhere there is none."""


class RanOut(StrEnum):
    """What there was no more of when a request failed. Told in its error."""

    CANDIDATES = "no other endpoint was left to try"
    ATTEMPTS = "the attempts that one request may make were used up"
    BUDGET = "the gateway's budget of repeated attempts was used up"
    DEADLINE = "the request's deadline left no time for another attempt"
    REFUSED = ""
    """Nothing: the failure is one that no other endpoint would mend."""


async def first_answer(owner: Owner, route: Route | None = None) -> Answer:
    """The first answer of the plan's candidates. Without a route: in the plan's own order.

    Raises the last `UpstreamError`, `CapacityError` when no endpoint had room, or
    `InvalidRequest`, `NotFound` when no candidate can do what is asked.
    """
    if route is None:
        state = owner.state
        route = Router.in_order().route(state.chat, state.principal, state.plan)
    return await _Attempts(owner, route).first_answer()


class _Attempts:
    """The attempts of one exchange."""

    __slots__ = ("last", "owner", "refused", "retry_after_s", "route", "unable", "waited")

    def __init__(self, owner: Owner, route: Route) -> None:
        self.owner = owner
        self.route = route
        self.last: _Failure | None = None
        self.unable: InvalidRequest | None = None
        self.refused: NoRoom | None = None
        self.retry_after_s: float | None = None
        """The soonest that any of the failed endpoints named."""
        self.waited = False

    async def first_answer(self) -> Answer:
        ran_out = RanOut.CANDIDATES
        while True:
            found = self.route.next()
            if found is None:
                if await self._rested():
                    continue
                found = self.route.next_resting()
            if found is None:
                break
            spot, why = found
            if self.last is not None and not self.last.allows(spot.candidate):
                if not self.last.goes_on:
                    ran_out = RanOut.REFUSED
                    break
                continue
            if (call := self._call(spot.candidate)) is None:
                continue
            short = self._is_spent(spot)
            if short is not None:
                ran_out = short
                break
            answer = await self._at(spot, why, call)
            if answer is not None:
                return answer
        raise self._error(ran_out)

    def _is_spent(self, spot: Spot) -> RanOut | None:
        """What there is no more of for another attempt; the budget's share of it is taken."""
        owner, route = self.owner, self.route
        made = len(owner.state.attempts)
        if made >= owner.routing.max_attempts:
            return RanOut.ATTEMPTS
        if not made:
            return None
        if owner.watch.deadline_left_s < _LEAST_ATTEMPT_S:
            return RanOut.DEADLINE
        if route.is_last_resort(spot):
            return RanOut.CANDIDATES
        return None if route.may_retry() else RanOut.BUDGET

    def _call(self, candidate: Candidate) -> UpstreamCall | None:
        """The request for this vendor; None where it cannot do what is asked: the next one may."""
        owner, state = self.owner, self.owner.state
        try:
            call = owner.services.wires[candidate.provider.wire].request(
                state.chat, candidate.endpoint, candidate.provider, state.principal.team_id
            )
        except InvalidRequest as error:
            self.unable = self.unable or error
            self.route.late_excluded.append((candidate, error.param or error.code))
            return None
        now = owner.services.clock.monotonic()
        call = owner.services.refused.known(state.chat, candidate, call, now)
        if (call.dropped or call.emulated) and self._is_strict:
            names = (*call.dropped, *call.emulated)
            self.unable = self.unable or _left_out(candidate, names[0])
            self.route.late_excluded.append((candidate, "+".join(names)))
            return None
        if call.dropped and state.chat.preferences.require_parameters:
            self.route.late_excluded.append((candidate, "+".join(call.dropped)))
            return None
        return call

    @property
    def _is_strict(self) -> bool:
        """Whether what an endpoint cannot do is refused, instead of left out and told."""
        state = self.owner.state
        asked = state.chat.strict_parameters
        return state.principal.strict_parameters if asked is None else asked

    def _without_refused(
        self, candidate: Candidate, call: UpstreamCall, error: UpstreamError
    ) -> UpstreamCall | None:
        """The call without the member that the endpoint has just refused, where that may be."""
        services, chat = self.owner.services, self.owner.state.chat
        now = services.clock.monotonic()
        made = services.refused.retried(chat, candidate, call, error, now)
        return None if made is None or (self._is_strict and made.dropped) else made

    async def _at(self, spot: Spot, why: Choice, call: UpstreamCall) -> Answer | None:
        """One endpoint: once, and once more where the error's class and the place are worth it."""
        owner, route = self.owner, self.route
        again = 0
        is_mended = False
        while True:
            try:
                answer = await attempt(owner, route, spot, why, call)
            except NoRoom as full:
                self.refused = full
                return None
            except UpstreamError as error:
                self._note(spot.candidate, error)
                mended = None if is_mended else self._without_refused(spot.candidate, call, error)
                if mended is not None and self._is_spent(spot) is None:
                    call, why, is_mended = mended, Choice.RETRY, True
                    continue
                if again >= self._tries_in_place(error, why) or self._is_spent(spot) is not None:
                    return None
                again += 1
                why = Choice.RETRY
                await self._pause(route.jitter_s(_JITTER_S))
            else:
                owner.state.winner = spot.candidate
                owner.state.dropped = call.dropped
                owner.state.emulated = call.emulated
                return answer

    def _note(self, candidate: Candidate, error: UpstreamError) -> None:
        self.last = _Failure(candidate, error)
        named = error.retry_after_s
        if named is not None and (self.retry_after_s is None or named < self.retry_after_s):
            self.retry_after_s = named

    def _tries_in_place(self, error: UpstreamError, why: Choice) -> int:
        """More of them. What may well go elsewhere does, unless the conversation's cache is here."""
        policy = ERROR_POLICIES[error.error_class]
        if policy.same_endpoint and policy.in_place == "last":
            elsewhere = why is not Choice.STICKY and self.route.has_more
            return 0 if elsewhere else policy.same_endpoint
        return policy.same_endpoint

    async def _rested(self) -> bool:
        """All that is left rests. Wait for the first, once, if that is soon."""
        last = self.last
        rest_s = self.route.rest_s(lambda other: last is None or last.allows(other))
        most_s = FIRST_REST_WAIT_S if last is None else REST_WAIT_S
        if rest_s is None or rest_s > most_s or self.waited:
            return False
        if rest_s > self.owner.watch.deadline_left_s - _LEAST_ATTEMPT_S:
            return False
        self.waited = True
        await self._pause(rest_s + 0.001)
        return True

    async def _pause(self, seconds: float) -> None:
        """Wait, within the deadline. Raises what interrupts it, as an attempt would."""
        watch, state = self.owner.watch, self.owner.state
        watch.arm(watch.deadline_left_s, Interruption.DEADLINE)
        began_ms = self.owner.elapsed_ms()
        try:
            await asyncio.sleep(min(seconds, max(0.0, watch.deadline_left_s)))
        except asyncio.CancelledError as cancelled:
            raise self.owner.explain(cancelled) from None
        finally:
            state.waited_s += (self.owner.elapsed_ms() - began_ms) / 1e3

    def _error(self, ran_out: RanOut) -> GatewayError:
        last = self.last
        if last is not None and ran_out is RanOut.DEADLINE:
            return UpstreamError(
                ErrorClass.TIMEOUT_DEADLINE,
                f"{ran_out.value}; what failed before: {last.error.message}",
            )
        if last is not None:
            error = last.error
            # Where every endpoint rests, the first to come back is what is worth waiting for.
            error.retry_after_s = self.retry_after_s or self.route.earliest_s()
            if ran_out.value and error.error_class is not ErrorClass.TIMEOUT_DEADLINE:
                error.message = f"{error.message}; {ran_out.value}"
            return error
        if self.refused is not None:
            return self.refused
        if self.route.is_capped:
            return UpstreamError(
                ErrorClass.QUOTA,
                "the credentials of every endpoint of the model have reached what the operator lets"
                " them spend",
            )
        if self.unable is not None:
            return self.unable
        return _unfit(self.route)


def _left_out(candidate: Candidate, name: str) -> InvalidRequest:
    return InvalidRequest(
        f"{name}: {candidate.provider.id} does not take it as it was asked for, and this request is"
        " strict; leave it out, choose another model, or ask without 'strict_parameters'",
        code="unsupported_parameter",
        param=name,
    )


def _unfit(route: Route) -> NotFound:
    """Every candidate would have left something out, which was not wanted."""
    names = sorted({name for _, found in route.late_excluded for name in found.split("+")})
    return NotFound(
        f"no endpoint of {route.chat.model!r} understands all of the request; none knows"
        f" {', '.join(names[:8])}: leave these or 'provider.require_parameters' out",
        code="constraint_filtered",
        param="provider.require_parameters",
    )


@dataclass(frozen=True, slots=True)
class _Failure:
    candidate: Candidate
    error: UpstreamError

    def allows(self, other: Candidate) -> bool:
        """Whether the policy lets the request go to `other` after this failure."""
        policy = ERROR_POLICIES[self.error.error_class]
        if other.fallback_rank != self.candidate.fallback_rank:
            return policy.next_model
        if policy.next_endpoint == "larger":
            return other.endpoint.context > self.candidate.endpoint.context
        return policy.next_endpoint

    @property
    def goes_on(self) -> bool:
        """Whether any other candidate could be allowed."""
        policy = ERROR_POLICIES[self.error.error_class]
        return bool(policy.next_endpoint) or policy.next_model
