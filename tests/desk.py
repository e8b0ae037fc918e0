"""A control plane with an operator's desk over a real zone file, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from control_plane import settings_in
from opengateway.compose.control import open_control
from opengateway.compose.desk import desk_of
from opengateway.compose.selling import SellingAccess
from opengateway.compose.spending import spending_of
from opengateway.compose.zone import Zone, load_zone
from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.vault import ProviderSecret
from opengateway.kit.clock import ManualClock
from opengateway.kit.ids import NewId
from opengateway.kit.signing import new_keypair
from opengateway.ports.provider_probe import ProbeResult
from people import People

PRICE = {"input": "0.20", "output": "0.60"}
ENV = {"ZONE_KEY": "zone-key-0123456789"}


def zone_in(folder: Path, **sections: Any) -> Zone:
    """A zone of one provider, `house`, which serves one model, `house/small`."""
    document: dict[str, Any] = {
        "zone": "test",
        "home": "./var",
        "outbound": {"allow": ["10.0.0.0/8"]},
        "providers": {
            "house": {
                "wire": "openai",
                "base_url": "http://10.0.0.5/v1",
                "credentials": [{"name": "main", "api_key": "env:ZONE_KEY"}],
            }
        },
        "models": {"house/small": {"endpoints": [endpoint("house", "small")]}},
        **sections,
    }
    path = folder / "zone.yaml"
    path.write_text(yaml.safe_dump(document))
    return load_zone(path, ENV)


def endpoint(provider: str, upstream: str, **more: Any) -> dict[str, Any]:
    return {
        "provider": provider,
        "upstream_model": upstream,
        "context": 8192,
        "price": dict(PRICE),
        **more,
    }


@dataclass
class ScriptedProbe:
    """A provider that knows some keys. Remembers what it was asked with."""

    good: Sequence[str] = ()
    asked: list[tuple[str, str, str, ProviderSecret | None]] = field(default_factory=list)

    async def __call__(
        self, provider: Provider, at: Endpoint | None, name: str, secret: ProviderSecret | None
    ) -> ProbeResult:
        model = at.upstream_model if at is not None else ""
        self.asked.append((provider.id, model, name, secret))
        if secret is None or secret.api_key in self.good:
            return ProbeResult(True, 200, 7, model, tokens=3)
        return ProbeResult(False, 401, 7, model, "auth", "no such key")


@asynccontextmanager
async def desk_in(
    folder: Path, store: str | None, clock: ManualClock, probe: ScriptedProbe, **sections: Any
) -> AsyncIterator[People]:
    zone = zone_in(folder, **sections)
    private, _ = new_keypair()

    def prober(_: object, __: NewId) -> ScriptedProbe:
        return probe

    settings = settings_in(folder / "home", store)
    long = replace(settings.sign_in.settings, idle_s=10**9, absolute_s=10**9)
    settings = replace(
        settings,
        clock=clock,
        sign_in=replace(settings.sign_in, settings=long),
        spending=spending_of(zone, private),
        desk=replace(desk_of(zone), probe=prober),
        selling=SellingAccess(zone.selling),
    )
    async with open_control(settings) as house:
        yield People(house)
