"""Endpoints for tests of routing, with what is measured of them set at will."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from msgspec.structs import replace as changed

from opengateway.domain.catalog import Endpoint, Model, Snapshot
from opengateway.domain.chat import NO_PREFERENCES, ChatRequest, ProviderPreferences
from opengateway.domain.routing import Candidate, Plan
from opengateway.domain.usage import Dimension, PriceRow
from opengateway.gateway.resolve import plan_chat
from opengateway.gateway.routing.health import Health
from opengateway.gateway.routing.router import Router
from opengateway.kit.chance import seeded
from opengateway.kit.clock import ManualClock
from unit.gateway import fakes

USD = 10**9


def place(name: str, *, input_usd: float = 1.0, output_usd: float = 2.0, **more: Any) -> Endpoint:
    """An endpoint at that price for a million tokens."""
    rates = {Dimension.INPUT: int(input_usd * USD), Dimension.OUTPUT: int(output_usd * USD)}
    row = PriceRow(f"{name}@2026-11-01#test", "2026-11-01", "test", rates)
    return changed(fakes.endpoint(name), price=row, **more)


def with_credentials(shot: Snapshot, **names: tuple[str, ...]) -> Snapshot:
    providers = dict(shot.providers)
    for provider_id, credentials in names.items():
        providers[provider_id] = changed(providers[provider_id], credentials=credentials)
    return changed(shot, providers=providers)


def asking(
    preferences: ProviderPreferences = NO_PREFERENCES, *, stream: bool = True, **more: Any
) -> ChatRequest:
    return changed(fakes.chat(stream=stream), preferences=preferences, **more)


class Desk:
    """A router over one model's endpoints, with a clock to move."""

    def __init__(
        self,
        *endpoints: Endpoint,
        seed: int = 1,
        preferences: ProviderPreferences = NO_PREFERENCES,
        shot: Snapshot | None = None,
        models: tuple[Model, ...] = (),
        chat: ChatRequest | None = None,
        shares_load: bool = True,
    ) -> None:
        self.clock = ManualClock(elapsed_s=1000.0)
        self.router = Router(self.clock, seeded(seed), shares_load=shares_load)
        self.snapshot = shot or fakes.snapshot(fakes.model("lab/m", *endpoints), *models)
        self.chat = chat or asking(preferences)
        self.plan: Plan = plan_chat(self.chat, fakes.PRINCIPAL, self.snapshot)

    def candidate(self, name: str) -> Candidate:
        return next(c for c in self.plan.candidates if c.place.startswith(f"{name}/"))

    def cell(self, name: str) -> Health:
        return self.router.health.of(self.candidate(name), self.clock.monotonic())

    def measured(self, name: str, seconds: float, times: int = 30) -> None:
        for _ in range(times):
            self.router.health.succeeded(
                self.cell(name), self.clock.monotonic(), seconds, 100, whole=False
            )

    def order(self, **more: Any) -> list[str]:
        found = self.router.order(self.plan, **more)
        return [spot.candidate.provider.id for spot in found.spots]

    def first(self, **more: Any) -> str:
        return self.order(**more)[0]

    def shares(self, draws: int = 2000, **more: Any) -> dict[str, float]:
        """How often each comes first."""
        found = [self.first(**more) for _ in range(draws)]
        return {name: found.count(name) / draws for name in sorted(set(found))}


__all__ = ["Desk", "asking", "place", "replace", "with_credentials"]
