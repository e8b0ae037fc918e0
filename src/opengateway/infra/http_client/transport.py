"""The way to providers over connections of our own. Serves no proxy: aiohttp's does."""

from __future__ import annotations

import asyncio
from pathlib import Path

from opengateway.infra.http_client.addresses import Resolver
from opengateway.infra.http_client.connection import StaleConnection
from opengateway.infra.http_client.plan import Plans
from opengateway.infra.http_client.pool import Pool
from opengateway.infra.outbound import (
    AllowAddress,
    OutboundLimits,
    send_authorized,
    tls_context,
)
from opengateway.ports.transport import UpstreamRequest, UpstreamResponse


class HttpClientTransport:
    """Implements `ports.transport.UpstreamTransport`. Make it within a running loop."""

    def __init__(
        self,
        *,
        ca_file: Path | None = None,
        allow_address: AllowAddress | None = None,
        limits: OutboundLimits | None = None,
        unix_socket: Path | None = None,
    ) -> None:
        """With `unix_socket`, every request goes there, whatever host its address names."""
        limits = limits or OutboundLimits()
        resolver = Resolver(allow_address, limits.names_s, unix_socket)
        self._pool = Pool(limits, tls_context(ca_file), resolver, asyncio.get_running_loop())
        self._plan = Plans(self._pool.origin)

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        credential = request.credential
        if credential is not None and credential.authorizer is not None:
            return await send_authorized(self.send, request)
        plan = self._plan(request)
        pool, origin = self._pool, plan.origin
        connection = pool.take(origin)
        fresh = False
        while True:
            if connection is None:
                connection = await pool.acquire(origin, request.connect_timeout_s, fresh=fresh)
            waiter = connection.begin(plan.head, request.body, plan.bodiless)
            try:
                return await waiter
            except StaleConnection:
                # Nothing is lost by sending again. Its kept neighbours may be as stale: not used.
                connection, fresh = None, True
            except BaseException:
                connection.give_up(waiter)
                raise

    async def aclose(self) -> None:
        self._pool.close()
        for _ in range(3):  # the event loop tells TLS, and TLS the socket
            await asyncio.sleep(0)
