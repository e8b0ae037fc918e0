"""The own client keeps the transport's contract."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from contract.transport import TransportContract
from opengateway.infra.outbound import OutboundLimits
from opengateway.infra.transports import new_transport
from opengateway.ports.transport import UpstreamTransport


class TestHttpClientTransport(TransportContract):
    """As the gateway makes it: what goes through a proxy goes over aiohttp."""

    def make(
        self,
        *,
        proxy: str | None = None,
        ca_file: Path | None = None,
        allow_address: Callable[[str, str], bool] | None = None,
        limits: OutboundLimits | None = None,
    ) -> UpstreamTransport:
        return new_transport(
            proxy=proxy, ca_file=ca_file, allow_address=allow_address, limits=limits
        )
