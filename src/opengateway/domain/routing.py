"""Where a request may go: the flat plan of an exchange, made once, up front."""

from __future__ import annotations

from dataclasses import dataclass

from opengateway.domain.catalog import Endpoint, Model, Provider


@dataclass(frozen=True, slots=True)
class Candidate:
    """One endpoint that may serve the request, with what is needed to call it."""

    model: Model
    endpoint: Endpoint
    provider: Provider
    credential: str | None
    fallback_rank: int
    """0 for the requested model, 1 and 2 for its fallbacks."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Candidates in the order in which they are tried. Never empty."""

    candidates: tuple[Candidate, ...]
    snapshot_version: str
