"""A gateway's attempts over providers that fail as they are told, in virtual time."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field

from opengateway.domain.catalog import Model
from opengateway.domain.chat import NO_PREFERENCES, ChatRequest, ProviderPreferences
from opengateway.domain.errors import GatewayError
from opengateway.domain.records import AttemptRecord, Ending
from opengateway.domain.routing import Candidate
from opengateway.domain.routing_rules import Routing
from opengateway.gateway.attempts import first_answer
from opengateway.gateway.exchange import CallerGone, Exchange
from opengateway.gateway.resolve import plan_chat
from opengateway.gateway.routing.health_table import HealthTable
from opengateway.gateway.routing.route import Route
from opengateway.gateway.routing.router import Router
from opengateway.gateway.state import ExchangeState
from opengateway.kit.chance import seeded
from opengateway.ports.transport import UpstreamRequest
from unit.gateway.fakes import (
    PRINCIPAL,
    RecordingCaller,
    Script,
    ScriptedResponse,
    World,
    chat,
    ok,
)
from virtual_time import VirtualClock

HELLO = ok("text:hel", "text:lo", "usage:7", "finish:stop", "done")
Behaviour = Callable[[float], Script]
"""From the time, in seconds since the house stands, to what the provider does."""


def always(script: Script) -> Behaviour:
    return lambda _: script


def until(seconds: float, script: Script, then: Script = HELLO) -> Behaviour:
    return lambda now: script if now < seconds else then


@dataclass
class Providers:
    """The transport: who was asked, and when."""

    behaviours: dict[str, Behaviour]
    latency_s: float = 0.2
    began: float = 0.0
    asked: list[tuple[float, str]] = field(default_factory=list)
    ended: list[tuple[str, float, float]] = field(default_factory=list)
    """Name, when it was asked, and when its call was over."""

    def now(self) -> float:
        return asyncio.get_running_loop().time() - self.began

    async def send(self, request: UpstreamRequest) -> ScriptedResponse:
        name = request.url.removeprefix("http://").split(".")[0]
        began = self.now()
        self.asked.append((began, name))
        script = self.behaviours[name](began)
        try:
            if script.hang:
                await asyncio.Event().wait()
            if script.fail is not None:
                raise script.fail
            refuses = script.status >= 400
            await asyncio.sleep(script.delay_s or (0.02 if refuses else self.latency_s))
        finally:
            self.ended.append((name, began, self.now()))
        return ScriptedResponse(script)

    async def aclose(self) -> None: ...


@dataclass
class Done:
    """How one request ended."""

    at: float
    took_s: float
    error: GatewayError | None
    attempts: list[AttemptRecord]
    route: Route

    @property
    def path(self) -> list[str]:
        return [attempt.provider for attempt in self.attempts]

    @property
    def whys(self) -> list[str]:
        return [attempt.why for attempt in self.attempts]


class House:
    """One gateway, in the running (virtual) loop."""

    def __init__(
        self,
        *models: Model,
        routing: Routing | None = None,
        seed: int = 1,
        **behaviours: Behaviour,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.clock = VirtualClock(loop)
        self.providers = Providers(dict(behaviours), began=loop.time())
        self.world = World(models, self.providers, routing=routing)  # type: ignore[arg-type]
        self.services = dataclasses.replace(self.world.services, clock=self.clock)
        chance = seeded(seed)
        self.router = Router(self.clock, chance, HealthTable(chance))
        self.done: list[Done] = []

    async def ask(
        self,
        request: ChatRequest | None = None,
        *,
        preferences: ProviderPreferences = NO_PREFERENCES,
        sticky: Candidate | None = None,
    ) -> Done:
        from msgspec.structs import replace

        request = replace(request or chat(stream=True), preferences=preferences)
        plan = plan_chat(request, PRINCIPAL, self.world.snapshot)
        state = ExchangeState(self.world.arrival(), PRINCIPAL, request, plan)
        state.arrival = replace(state.arrival, accepted_at=self.clock.monotonic())
        exchange = Exchange(self.services, state, RecordingCaller())
        exchange._task = asyncio.current_task()
        route = self.router.route(request, PRINCIPAL, plan, sticky)
        began, error = self.providers.now(), None
        try:
            await first_answer(exchange, route)
        except CallerGone:
            raise AssertionError("nobody leaves here") from None
        except GatewayError as failed:
            error = failed
        finally:
            exchange.watch.stop()
        route.close(
            Ending.COMPLETED if error is None else Ending.REFUSED, state.meter, state.attempts
        )
        took_s = self.providers.now() - began
        done = Done(began, took_s, error, state.attempts, route)
        self.done.append(done)
        return done

    async def load(self, per_second: float, seconds: float) -> list[Done]:
        """So many requests a second, at even distances; all of them ended."""
        tasks = []
        for _ in range(int(per_second * seconds)):
            tasks.append(asyncio.create_task(self.ask()))
            await asyncio.sleep(1 / per_second)
        return list(await asyncio.gather(*tasks))

    def share(self, name: str, since: float, before: float) -> float:
        """Of all calls in that time, those to this provider."""
        calls = [who for at, who in self.providers.asked if since <= at < before]
        return calls.count(name) / max(1, len(calls))
