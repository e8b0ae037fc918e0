"""The aiohttp transport keeps the transport's contract, on both event loops."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

from contract.transport import TransportContract
from opengateway.infra.aiohttp_transport import AiohttpTransport


class TestAiohttpTransport(TransportContract):
    def make(
        self,
        *,
        proxy: str | None = None,
        ca_file: Path | None = None,
        allow_address: Callable[[str, str], bool] | None = None,
    ) -> AiohttpTransport:
        return AiohttpTransport(proxy=proxy, ca_file=ca_file, allow_address=allow_address)


class TestAiohttpTransportOnUvloop(TestAiohttpTransport):
    """The gateway runs on uvloop, whose transports and TLS are others than asyncio's."""

    @pytest.fixture(scope="class")
    def event_loop_policy(self) -> uvloop.EventLoopPolicy:
        return uvloop.EventLoopPolicy()
