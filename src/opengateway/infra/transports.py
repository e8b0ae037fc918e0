"""Which client goes to the providers of a zone."""

from __future__ import annotations

from pathlib import Path

from opengateway.infra.http_client.transport import HttpClientTransport
from opengateway.infra.outbound import AllowAddress, OutboundLimits
from opengateway.ports.transport import UpstreamTransport


def new_transport(
    *,
    proxy: str | None = None,
    ca_file: Path | None = None,
    allow_address: AllowAddress | None = None,
    limits: OutboundLimits | None = None,
) -> UpstreamTransport:
    """The own client; aiohttp's where there is a proxy to go through. Within a running loop."""
    if proxy is None:
        return HttpClientTransport(ca_file=ca_file, allow_address=allow_address, limits=limits)
    # Only here: who has no proxy does not pay for loading it.
    from opengateway.infra.aiohttp_transport import AiohttpTransport

    return AiohttpTransport(
        proxy=proxy, ca_file=ca_file, allow_address=allow_address, limits=limits
    )
