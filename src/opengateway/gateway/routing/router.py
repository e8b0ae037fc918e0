"""The router of a gateway process: health, order, budget and queue in one.

route = router.route(chat, principal, plan)              # step 6
await route.learn()                                      # where its conversation is not known here
spot, why = route.next()                                  # step 7, one attempt after the other:
ticket = await route.enter(spot, why, deadline_left_s)
route.answered(headers) | route.failed(error)
route.close(ending, meter, attempts)                      # once, with the exchange's close
"""

from __future__ import annotations

from typing import Final

from opengateway.domain.chat import ChatRequest
from opengateway.domain.principal import Principal
from opengateway.domain.routing import Candidate, Plan
from opengateway.gateway.routing.budget import RetryBudget
from opengateway.gateway.routing.conversation import conversation_of
from opengateway.gateway.routing.health_table import HealthTable
from opengateway.gateway.routing.order import arrange
from opengateway.gateway.routing.route import Route
from opengateway.gateway.routing.spots import Asked, Bound, Order, Spot, asked, domain_of
from opengateway.gateway.routing.stickiness import Stickiness, wanted_by
from opengateway.gateway.routing.waiting import Waiting
from opengateway.kit.chance import Chance, seeded
from opengateway.kit.clock import Clock, SystemClock
from opengateway.ports.pins import PinStore

_BOUND_PLANS: Final = 12_000


class Router:
    """One of a gateway process. Not shared between event loops.

    Without `shares_load` endpoints of one standing are tried as the plan lists them, and chance
    plays no part: for tests and tools.
    """

    __slots__ = (
        "_bound",
        "_chance",
        "_clock",
        "_shares_load",
        "budget",
        "health",
        "pins",
        "stickiness",
        "waiting",
    )

    def __init__(
        self,
        clock: Clock,
        chance: Chance,
        health: HealthTable | None = None,
        *,
        shares_load: bool = True,
        pins: PinStore | None = None,
    ) -> None:
        self._clock = clock
        self._chance = chance
        self._shares_load = shares_load
        self.health = health if health is not None else HealthTable(chance)
        self.budget = RetryBudget()
        self.waiting = Waiting()
        self.stickiness = Stickiness()
        self.pins = pins
        """Where other gateways' conversations are found; None where there are none."""
        self._bound: dict[Plan, Bound] = {}

    @classmethod
    def in_order(cls) -> Router:
        return cls(SystemClock(), seeded(0), shares_load=False)

    def now(self) -> float:
        return self._clock.monotonic()

    def bound(self, plan: Plan) -> Bound:
        """The plan with its endpoints' health; found once for a plan that is kept."""
        found = self._bound.get(plan)
        if found is None or found.generation != self.health.generation:
            now = self.now()
            found = Bound(plan, lambda c: self.health.of(c, now), self.health.generation)
            if plan.kept:
                if len(self._bound) >= _BOUND_PLANS:
                    self._bound.clear()
                self._bound[plan] = found
        return found

    def order(self, plan: Plan, *, stream: bool = True, sticky: Candidate | None = None) -> Order:
        """The plan's candidates as they would be tried now. `sticky` goes first within the band of
        those that are well: an ordering, never a filter."""
        wanted = asked(stream) if sticky is None else Asked(stream, domain_of(sticky))
        return self.arranged(plan, wanted)

    def arranged(self, plan: Plan, wanted: Asked) -> Order:
        return arrange(
            self.bound(plan), wanted, self.now(), self._chance, shares_load=self._shares_load
        )

    def route(
        self,
        chat: ChatRequest,
        principal: Principal,
        plan: Plan,
        sticky: Candidate | None = None,
    ) -> Route:
        """The route of one request. Counts it for the retry budget.

        `sticky` goes first instead of where the request's own conversation was served.
        """
        now = self.now()
        self.budget.request(now)
        stream = chat.stream
        if sticky is not None:
            order = self.order(plan, stream=stream, sticky=sticky)
        elif (
            not self.bound(plan).keeps_prompts
            or (conversation := conversation_of(chat, principal.team_id)) is None
        ):
            order = self.arranged(plan, asked(stream))
        else:
            pin = self.stickiness.find(conversation.digest, now)
            order = self.arranged(plan, wanted_by(stream, conversation, pin))
            return Route(self, chat, principal, plan, order, conversation, pin)
        return Route(self, chat, principal, plan, order)

    def is_capped(self, spot: Spot) -> bool:
        """Its credential has reached what may be spent with it."""
        candidate = spot.candidate
        if not spot.has_cap or candidate.credential is None:
            return False
        book, wall_ns = self.health.spending, self._clock.now_ns()
        return book.is_full(candidate.provider, candidate.credential, wall_ns)

    def spent(self, candidate: Candidate, nanos: int) -> None:
        """A request that it served cost us that much."""
        if candidate.credential is not None and candidate.provider.spend_caps:
            self.health.spending.spent(
                candidate.provider, candidate.credential, nanos, self._clock.now_ns()
            )

    def draw(self, most: float) -> float:
        """Between 0 and `most`: full jitter."""
        return self._chance.random() * most
