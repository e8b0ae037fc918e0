"""Who is let in where a gateway runs as much as it can."""

from __future__ import annotations

import dataclasses

import pytest
from msgspec.structs import replace

from opengateway.domain.errors import CapacityError
from opengateway.gateway.pipeline import _admit
from unit.gateway.fakes import PRINCIPAL, ScriptedTransport, World, endpoint, model

MOST = 100


@pytest.mark.parametrize(
    ("priority", "running", "is_let_in"),
    [
        ("low", 79, True),
        ("low", 80, False),
        ("normal", 94, True),
        ("normal", 95, False),
        ("high", 99, True),
        ("high", 100, False),
        ("", 94, True),
    ],
)
def test_low_priority_is_turned_away_first(priority: str, running: int, is_let_in: bool) -> None:
    services = World((model("lab/m", endpoint("a")),), ScriptedTransport()).services
    limits = dataclasses.replace(services.limits, in_flight=MOST)
    services = dataclasses.replace(services, limits=limits)
    services.gauges.in_flight = running
    principal = replace(PRINCIPAL, metadata={"priority": priority} if priority else {})
    if is_let_in:
        _admit(services, principal)
        return
    with pytest.raises(CapacityError) as refused:
        _admit(services, principal)
    assert refused.value.code == "gateway_busy"
