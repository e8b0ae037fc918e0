"""Everything here runs on uvloop too: the gateway's loop, whose sockets and TLS are its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop

from opengateway.infra.http_client.transport import HttpClientTransport


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def transport() -> AsyncIterator[HttpClientTransport]:
    transport = HttpClientTransport()
    yield transport
    await transport.aclose()
