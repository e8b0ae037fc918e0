"""What holds for one team or one model alone: parts of a snapshot."""

from __future__ import annotations

import msgspec

from opengateway.domain.usage import Dimension


class TeamPrice(msgspec.Struct, frozen=True):
    """A price of one team's own: for the endpoints that `pattern` fits, by their or their model's
    id (`*` stands for anything). Either `rates`, or `ppm` millionths of the provider's cost."""

    id: str
    pattern: str
    effective_from: str
    ppm: int | None = None
    rates: dict[Dimension, int] | None = None


class OwnCredential(msgspec.Struct, frozen=True):
    """A team's own credential at a provider: it serves that team alone."""

    provider_id: str
    name: str
    preferred: bool = True
    """Before the platform's; else after them."""


class ModelEnd(msgspec.Struct, frozen=True):
    """When a model is served no more, and the one that is meant to follow it, if any."""

    at_ns: int
    successor: str = ""
