"""Fixtures of the simulator's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from simulated import Running, running

from opengateway.simulator.settings import SimulatorSettings


@pytest.fixture(scope="module")
def simulator() -> Iterator[Running]:
    """A simulator on a port of its own, without cases; tests share it within a module."""
    with running(SimulatorSettings(models=("gpt-4o", "llama-*", "r1:reasoner"))) as started:
        yield started
