"""Callers who leave in the middle: the provider is let go, and each is recorded once, truly."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time

from e2e.conftest import CHAT
from e2e.product import Product, Simulator, until

CALLERS = 200
FAST_WORDS = CHAT


async def leave_after_first_event(product: Product, number: int) -> str:
    """Ask for a long stream, read its first event, hang up. The request's id."""
    reader, writer = await asyncio.open_connection("127.0.0.1", product.port)
    text = f"[[simulate gap_s=0.05]] caller {number}: tell a very long story of 5000 words"
    body = json.dumps(
        {"model": CHAT, "stream": True, "messages": [{"role": "user", "content": text}]}
    ).encode()
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        b"authorization: Bearer %s\r\ncontent-length: %d\r\n\r\n%s"
        % (product.key.encode(), len(body), body)
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 " in head.split(b"\r\n")[0], head
    await reader.readuntil(b"\n\n")
    if number % 2:
        writer.transport.abort()  # RST, as a killed process or a mobile network does
    writer.close()
    names = dict(line.split(b": ", 1) for line in head.strip().split(b"\r\n")[1:])
    return names[b"x-request-id"].decode()


def upstream_connections(pid: int, port: int) -> int:
    """Established connections of process `pid` to `port` of this host."""
    inodes = set()
    for entry in os.scandir(f"/proc/{pid}/fd"):
        target = os.readlink(entry.path)
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    wanted = f"{port:04X}"
    with open(f"/proc/{pid}/net/tcp") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    return sum(1 for r in rows if r[2].endswith(":" + wanted) and r[3] == "01" and r[9] in inodes)


def test_two_hundred_callers_leave(gateway: Product, provider: Simulator) -> None:
    async def everyone() -> list[str]:
        return await asyncio.gather(*(leave_after_first_event(gateway, n) for n in range(CALLERS)))

    ids = asyncio.run(everyone())
    left_at = time.monotonic()
    pid = gateway.pid("gateway")
    until(lambda: provider.stats()["active_streams"] == 0, 1.0)
    streams_gone_s = time.monotonic() - left_at
    idle = upstream_connections(pid, provider.port)
    until(lambda: upstream_connections(pid, provider.port) <= idle, 1.0)
    assert streams_gone_s <= 1.0, streams_gone_s

    assert len(set(ids)) == CALLERS
    until(lambda: set(ids) <= {r["id"] for r in gateway.records()}, 10, every_s=0.2)
    mine = [r for r in gateway.records() if r["id"] in set(ids)]
    assert len(mine) == CALLERS, "each is recorded once"
    assert {r["ending"] for r in mine} == {"client_gone"}
    assert all(r["usage_estimated"] and r["cost_nanos"] > 0 for r in mine)
    print(
        f"\n{CALLERS} callers left; the provider's last stream ended after {streams_gone_s:.3f} s"
    )


async def hold_without_reading(product: Product, seconds: float) -> str:
    """Ask for a stream far larger than any buffer, and do not read. The request's id."""
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(raw, ("127.0.0.1", product.port))
        text = "[[simulate tokens=99999 gap_s=0]] go on for ever"
        body = json.dumps(
            {"model": FAST_WORDS, "stream": True, "messages": [{"role": "user", "content": text}]}
        ).encode()
        await loop.sock_sendall(
            raw,
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            b"authorization: Bearer %s\r\ncontent-length: %d\r\n\r\n%s"
            % (product.key.encode(), len(body), body),
        )
        head = await loop.sock_recv(raw, 2048)
        await asyncio.sleep(seconds)
        return head.split(b"x-request-id: ")[1].split(b"\r\n")[0].decode()


def rss_kib(pid: int) -> int:
    with open(f"/proc/{pid}/status") as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1])


def test_callers_who_do_not_read_hold_the_provider_back(
    gateway: Product, provider: Simulator
) -> None:
    async def everyone() -> list[str]:
        return await asyncio.gather(*(hold_without_reading(gateway, 2.0) for _ in range(20)))

    provider.reset()
    pid = gateway.pid("gateway")
    before = rss_kib(pid)
    ids = asyncio.run(everyone())
    grown = (rss_kib(pid) - before) / 20
    until(lambda: provider.stats()["active_streams"] == 0, 2.0)
    sent = [r["bytes"] for r in provider.stats()["records"] if r["stream"]]
    assert len(sent) >= 20
    assert max(sent) < 16_000_000, "what nobody reads is not fetched (a whole stream is 25 MB)"
    assert grown < 1536, f"{grown:.0f} KiB a stream"
    until(lambda: set(ids) <= {r["id"] for r in gateway.records()}, 10, every_s=0.2)
    endings = {r["ending"] for r in gateway.records() if r["id"] in set(ids)}
    assert endings == {"client_gone"}
    print(
        f"\n20 callers who do not read: {grown:.0f} KiB each, at most {max(sent):,} bytes fetched"
    )
