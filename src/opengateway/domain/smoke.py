"""Smoke tests: which model can do what, at which endpoint, as far as was seen."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec


class SmokeLevel(StrEnum):
    CI = "ci"
    """Everything, against the simulator."""
    PRE_PUBLISH = "pre-publish"
    """Everything of the models named, before they are offered."""
    LIVE = "live"
    """One cheap call for each provider."""
    DAILY = "daily"
    """Everything, until the cost cap."""


class Feature(StrEnum):
    CHAT = "chat"
    STREAM = "stream"
    TOOLS = "tools"
    STRUCTURED_OUTPUT = "structured_output"
    VISION = "vision"
    REASONING = "reasoning"
    CACHE = "cache"
    USAGE = "usage"
    ERROR_SHAPE = "error_shape"
    CANCEL = "cancel"
    CALL = "call"
    """The one thing that a model of another kind than chat does."""


CLAIMED: Final = (
    Feature.TOOLS,
    Feature.STRUCTURED_OUTPUT,
    Feature.VISION,
    Feature.REASONING,
    Feature.CACHE,
)
"""What the catalogue says of a model; what else it does, every model must do."""


class Verdict(StrEnum):
    PASS = "pass"
    FAIL = "fail"
    """It answered, and not as the catalogue says."""
    UNAVAILABLE = "unavailable"
    """It did not answer: says nothing of what the model can do."""
    SKIPPED = "skipped"


class Cell(msgspec.Struct, frozen=True):
    """One thing to be tried: a feature of a model at an endpoint."""

    model: str
    kind: str
    endpoint_id: str
    provider: str
    region: str
    upstream_model: str
    feature: Feature
    wire: str = ""
    reasons: bool = False
    nanos: int = 0
    """The most that it can cost, by the endpoint's price."""

    @property
    def place(self) -> str:
        return f"{self.provider}/{self.region}"


class Outcome(msgspec.Struct, frozen=True):
    cell: Cell
    verdict: Verdict
    detail: str = ""
    request_id: str = ""
    duration_ms: float = 0.0
    first_token_ms: float | None = None


class SmokeWish(msgspec.Struct, frozen=True):
    """What a run is to try. `models` is a glob over models' ids."""

    level: SmokeLevel
    models: str = "*"
    cap_nanos: int | None = None
