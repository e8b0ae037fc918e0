"""The aiohttp transport keeps the transport's contract."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from contract.transport import TransportContract
from opengateway.infra.aiohttp_transport import AiohttpTransport
from opengateway.infra.outbound import OutboundLimits


class TestAiohttpTransport(TransportContract):
    def make(
        self,
        *,
        proxy: str | None = None,
        ca_file: Path | None = None,
        allow_address: Callable[[str, str], bool] | None = None,
        limits: OutboundLimits | None = None,
    ) -> AiohttpTransport:
        return AiohttpTransport(
            proxy=proxy, ca_file=ca_file, allow_address=allow_address, limits=limits
        )
