"""Asking a provider something small, to see whether a credential opens it."""

from __future__ import annotations

from typing import Protocol

import msgspec

from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.vault import ProviderSecret


class ProbeResult(msgspec.Struct, frozen=True, omit_defaults=False):
    """What came of it. `error` is a class of trouble, `message` what can be said of it."""

    ok: bool
    status: int | None
    took_ms: int
    model: str
    error: str | None = None
    message: str = ""
    tokens: int = 0
    """What the provider says that it counted."""


class ProviderProbe(Protocol):
    """Implementation: `compose/probe.py`, on the transport and the wires of the gateway."""

    async def __call__(
        self,
        provider: Provider,
        endpoint: Endpoint | None,
        name: str,
        secret: ProviderSecret | None,
    ) -> ProbeResult:
        """One real request: a word to `endpoint`'s model, or where there is none the provider's list
        of models. `secret` None: the zone file's credential of that name. Raises nothing of the
        provider's; `InvalidRequest` where nothing can be asked."""
        ...
