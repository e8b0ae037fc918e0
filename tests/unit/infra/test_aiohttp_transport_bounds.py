"""What the aiohttp transport says of proxies. Its bounds are in the contract."""

from __future__ import annotations

import pytest

from contract.scripted_server import Peer, scripted
from contract.transport_case import post
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.infra.aiohttp_transport import AiohttpTransport


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_refuses_or_is_away_is_no_connection_and_its_password_is_not_told(
    scheme: str,
) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.answer(b"", status="407 Proxy Authentication Required")

    details = []
    async with scripted(script) as server:
        proxy = server.origin.replace("://", "://user:pa55@")
        transport = AiohttpTransport(proxy=proxy)
        if scheme == "https":  # over plain HTTP the proxy's answer is the answer
            with pytest.raises(UpstreamError) as caught:
                await transport.send(post(f"{scheme}://provider.invalid"))
            assert caught.value.error_class is ErrorClass.CONNECT
            details.append(caught.value)
            (asked,) = server.requests
            assert asked.line.startswith("CONNECT provider.invalid:443")
    with pytest.raises(UpstreamError) as caught:
        await transport.send(post(f"{scheme}://provider.invalid"))
    assert caught.value.error_class is ErrorClass.CONNECT
    for error in (*details, caught.value):
        assert "pa55" not in f"{error.message} {error.detail}"
    await transport.aclose()
