"""The transport contract: limits and those who wait, names, slow peers and slow readers."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from contract.scripted_server import Peer, Script, scripted
from contract.transport_case import SOON_S, TransportCase, fetch, post, saying, whole
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.infra.outbound import OutboundLimits

NOTHING = b"HTTP/1.1 204 No Content\r\n\r\n"


def saying_after(event: asyncio.Event, answer: bytes = NOTHING) -> Script:
    """A script that answers each request of a connection once the event is set."""

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await event.wait()
            await peer.say(answer)

    return script


def name_server(monkeypatch: pytest.MonkeyPatch, addresses: Callable[[], list[str]]) -> list[str]:
    """Every name has these addresses. Returns the names that were asked for, as they are."""
    asked: list[str] = []

    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        literal = host.startswith("127.")  # uvloop asks for what it connects to, whatever it is
        if not literal:
            asked.append(host)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))
            for address in ([host] if literal else addresses())
        ]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo, raising=False)
    return asked


class BoundsContract(TransportCase):
    # --- limits and waiters ------------------------------------------------------------------------
    async def test_connections_and_those_who_wait_for_one_are_bounded(self) -> None:
        """One connection, one that waits for it; the next is refused at once, the waiter served."""
        go_on = asyncio.Event()
        transport = self.make(limits=OutboundLimits(connections_per_origin=1, opening=1))
        async with scripted(saying_after(go_on)) as server:
            served = asyncio.create_task(fetch(transport, server.origin))
            await server.seen(1)
            waiting = asyncio.create_task(fetch(transport, server.origin))
            await asyncio.sleep(0)
            await self.refused(transport, server.origin, ErrorClass.CONNECT)
            go_on.set()
            assert await asyncio.gather(served, waiting) == [b"", b""]
            assert len(server.peers) == 1
        await transport.aclose()

    async def test_who_waits_for_a_connection_waits_no_longer_than_for_connecting(self) -> None:
        transport = self.make(limits=OutboundLimits(connections=1))
        async with scripted(saying()) as server:
            holding = asyncio.create_task(transport.send(post(server.origin)))
            await server.seen(1)
            await self.refused(transport, server.origin, ErrorClass.CONNECT, connect_timeout_s=0.05)
            holding.cancel()
            await asyncio.gather(holding, return_exceptions=True)
        await transport.aclose()

    async def test_those_who_wait_are_served_in_order_whoever_leaves(self) -> None:
        """Of five that wait for one connection two are cancelled: nobody else loses a place."""

        async def script(peer: Peer) -> None:
            while True:
                await peer.request()
                await go_on.wait()
                await peer.say(NOTHING)

        go_on = asyncio.Event()
        transport = self.make(limits=OutboundLimits(connections_per_origin=1))
        async with scripted(script) as server:
            tasks = [asyncio.create_task(fetch(transport, server.origin, body=b"0"))]
            await server.seen(1)
            for number in range(1, 6):
                body = str(number).encode()
                tasks.append(asyncio.create_task(fetch(transport, server.origin, body=body)))
                await asyncio.sleep(0)
            tasks[1].cancel()
            tasks[4].cancel()
            go_on.set()
            await asyncio.wait(tasks, timeout=2)
            assert [seen.body for seen in server.requests] == [b"0", b"2", b"3", b"5"]
            assert len(server.peers) == 1
        await transport.aclose()

    async def test_a_connection_that_is_closed_frees_its_place(self) -> None:
        transport = self.make(limits=OutboundLimits(connections=1))
        async with scripted(saying()) as server, scripted(saying(NOTHING)) as other:
            holding = asyncio.create_task(transport.send(post(server.origin)))
            await server.seen(1)
            waiting = asyncio.create_task(fetch(transport, other.origin))
            await asyncio.sleep(0.01)
            holding.cancel()
            assert await asyncio.wait_for(waiting, SOON_S) == b""
            await asyncio.gather(holding, return_exceptions=True)
        await transport.aclose()

    async def test_an_unused_connection_makes_place_for_another_origin(self) -> None:
        transport = self.make(limits=OutboundLimits(connections=1))
        async with scripted(saying(NOTHING)) as one, scripted(saying(NOTHING)) as other:
            for server in (one, other, one):
                assert await fetch(transport, server.origin, connect_timeout_s=0.5) == b""
        await transport.aclose()

    async def test_an_unused_connection_is_closed_when_its_time_is_over(self) -> None:
        transport = self.make(limits=OutboundLimits(idle_s=0.02))
        async with scripted(saying(NOTHING)) as server:
            await fetch(transport, server.origin)
            await asyncio.sleep(0.05)
            await fetch(transport, server.origin)
            assert len(server.peers) == 2
        await transport.aclose()

    async def test_closing_the_transport_closes_its_connections(self) -> None:
        transport = self.make()
        async with scripted(saying(NOTHING)) as server:
            await fetch(transport, server.origin)
            await transport.aclose()
            await asyncio.wait_for(server.peers[0].left.wait(), SOON_S)

    # --- names -------------------------------------------------------------------------------------
    async def test_a_name_is_asked_for_once_and_again_when_its_time_is_over(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The connection in between is closed: only a new one needs an address."""

        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.answer(b"", "connection: close")

        asked = name_server(monkeypatch, lambda: ["127.0.0.1"])
        transport = self.make(allow_address=lambda *_: True, limits=OutboundLimits(names_s=0.1))
        async with scripted(script) as server:
            url = f"http://provider.example:{server.port}"
            await asyncio.gather(*(fetch(transport, url) for _ in range(5)))
            await fetch(transport, url)
            assert asked == ["provider.example"]
            await asyncio.sleep(0.12)
            await fetch(transport, url)
            assert asked == ["provider.example"] * 2
        await transport.aclose()

    async def test_one_who_leaves_does_not_take_a_names_addresses_from_the_others(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = name_server(monkeypatch, lambda: ["127.0.0.1"])
        answer = asyncio.get_running_loop().getaddrinfo
        known = asyncio.Event()

        async def slowly(host: str, port: int, **how: Any) -> list[Any]:
            if not host.startswith("127."):
                await known.wait()
            return list(await answer(host, port, **how))

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", slowly, raising=False)
        transport = self.make()
        async with scripted(saying(NOTHING)) as server:
            url = f"http://provider.example:{server.port}"
            leaving, staying = (asyncio.create_task(fetch(transport, url)) for _ in range(2))
            await asyncio.sleep(0.01)
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)
            known.set()
            assert await asyncio.wait_for(staying, 2) == b""
            assert asked == ["provider.example"]
        await transport.aclose()

    async def test_a_name_that_moved_is_followed_and_checked_again(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        addresses = ["127.0.0.1"]
        checked: list[str] = []

        def allow(_: str, address: str) -> bool:
            checked.append(address)
            return address != "127.0.0.3"

        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.answer(b"old", "connection: close")

        name_server(monkeypatch, lambda: addresses)
        transport = self.make(allow_address=allow, limits=OutboundLimits(names_s=0.01))
        async with scripted(script) as server:
            new = socket.create_server(("127.0.0.2", server.port))
            url = f"http://provider.example:{server.port}"
            assert await fetch(transport, url) == b"old"
            addresses[:] = ["127.0.0.2"]
            await asyncio.sleep(0.02)
            moved = asyncio.create_task(fetch(transport, url))
            new.setblocking(False)
            accepted, _ = await asyncio.get_running_loop().sock_accept(new)
            accepted.close()
            await asyncio.gather(moved, return_exceptions=True)
            addresses[:] = ["127.0.0.3"]
            await asyncio.sleep(0.02)
            await self.refused(transport, url, ErrorClass.CONNECT)
            assert checked == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
            new.close()
        await transport.aclose()

    async def test_only_the_allowed_addresses_of_a_name_are_tried(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name_server(monkeypatch, lambda: ["127.0.0.2", "127.0.0.1"])
        transport = self.make(allow_address=lambda _, address: address == "127.0.0.1")
        async with scripted(saying(NOTHING)) as server:
            forbidden = socket.create_server(("127.0.0.2", server.port))
            forbidden.setblocking(False)
            assert await fetch(transport, f"http://provider.example:{server.port}") == b""
            with pytest.raises(BlockingIOError):
                forbidden.accept()
            forbidden.close()
        await transport.aclose()

    async def test_an_address_that_refuses_is_followed_by_the_next(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name_server(monkeypatch, lambda: ["127.0.0.2", "127.0.0.3", "127.0.0.1"])
        transport = self.make()
        async with scripted(saying(NOTHING)) as server:
            began = time.monotonic()
            assert await fetch(transport, f"http://provider.example:{server.port}") == b""
            assert time.monotonic() - began < SOON_S
        await transport.aclose()

    async def test_an_address_that_does_not_answer_does_not_hold_up_the_next(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name_server(monkeypatch, lambda: ["127.0.0.2", "127.0.0.1"])
        transport = self.make()
        async with scripted(saying(NOTHING)) as server:
            silent = socket.socket()
            silent.bind(("127.0.0.2", server.port))
            silent.listen(0)
            fillers = []
            for _ in range(4):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.2", server.port))
                fillers.append(filler)
            began = time.monotonic()
            assert await fetch(transport, f"http://provider.example:{server.port}") == b""
            assert 0.2 < time.monotonic() - began < 0.8
            for each in (*fillers, silent):
                each.close()
        await transport.aclose()

    # --- slow peers --------------------------------------------------------------------------------
    async def test_a_large_body_reaches_a_slow_provider_whole(self) -> None:
        body = bytes(range(256)) * 20_000
        received = b""

        async def script(peer: Peer) -> None:
            nonlocal received
            await peer.reader.readuntil(b"\r\n\r\n")
            while len(received) < len(body):
                received += await peer.reader.read(200_000)
                await asyncio.sleep(0.001)
            await peer.say(NOTHING)
            await peer.request()
            await peer.answer(b"next")

        transport = self.make()
        async with scripted(script) as server:
            assert await fetch(transport, server.origin, body=body) == b""
            assert received == body
            assert await fetch(transport, server.origin) == b"next"
            assert len(server.peers) == 1
        await transport.aclose()

    async def test_a_slow_reader_gets_every_byte(self) -> None:
        body = b"".join(b"%08d" % number for number in range(1_000_000))

        async def script(peer: Peer) -> None:
            while True:
                await peer.request()
                await peer.answer(body)

        transport = self.make()
        async with scripted(script) as server:
            for _ in range(2):
                response = await transport.send(post(server.origin))
                pieces = [await response.chunk()]
                await asyncio.sleep(0.05)
                while piece := await response.chunk():
                    pieces.append(piece)
                    await asyncio.sleep(0)
                await response.release()
                assert b"".join(pieces) == body
            assert len(server.peers) == 1
        await transport.aclose()

    async def test_a_reader_that_stopped_is_told_of_a_cut_when_it_goes_on(self) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: 8000001\r\n\r\n")
            await peer.say(b"x" * 8_000_000)

        transport = self.make()
        async with scripted(script) as server:
            response = await transport.send(post(server.origin))
            await response.chunk()
            await asyncio.sleep(0.05)
            with pytest.raises(UpstreamError) as caught:
                await whole(response)
            assert caught.value.error_class is ErrorClass.ABORTED
            await response.release()
        await transport.aclose()

    # --- cancelled at other moments ----------------------------------------------------------------
    async def test_cancelling_while_an_address_is_tried_leaves_nothing_open(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        where = listener.getsockname()
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(where)
            fillers.append(filler)
        name_server(monkeypatch, lambda: ["127.0.0.1", "127.0.0.1"])
        transport = self.make(limits=OutboundLimits(connections=1))
        url = f"http://provider.example:{where[1]}"
        for wait_s in (0, 0.01, 0.3):
            task = asyncio.create_task(transport.send(post(url)))
            await asyncio.sleep(wait_s)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        for each in (*fillers, listener):
            each.close()
        async with scripted(saying(NOTHING)) as server:  # the one place is free
            url = f"http://provider.example:{server.port}"
            assert await fetch(transport, url, connect_timeout_s=0.5) == b""
        await transport.aclose()
