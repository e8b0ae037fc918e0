"""The gateway is killed under load, again and again: no delivered reply is without its record."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import pytest

from e2e.conftest import FAST, small_zone
from e2e.product import Product, Simulator, product, simulator, until

SOAK = bool(os.environ.get("OPENGATEWAY_SOAK"))
KILLS = 100 if SOAK else 8
WORKERS = 24
SEED = int(os.environ.get("OPENGATEWAY_SEED", "20261125"))


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Product, Simulator]]:
    with simulator() as provider, product(small_zone(provider, tmp_path_factory)) as running:
        yield running, provider


async def ask(target: Product, stream: bool) -> str | None:
    """One request on a connection of its own; its id, if the whole reply arrived."""
    body = json.dumps(
        {"model": FAST, "stream": stream, "messages": [{"role": "user", "content": "go"}]}
    ).encode()
    writer = None
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
            b"content-type: application/json\r\nauthorization: Bearer %s\r\n"
            b"content-length: %d\r\n\r\n%s" % (target.key.encode(), len(body), body)
        )
        answer = await asyncio.wait_for(reader.read(), 10)
    except (OSError, TimeoutError):
        return None
    finally:
        if writer is not None:
            writer.close()
    head, _, rest = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        return None
    # Whole: a length that is met, or the chunked end after the stream's own end marker.
    names = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
    if b"content-length" in names:
        whole = len(rest) == int(names[b"content-length"])
    else:
        whole = rest.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    return names[b"x-request-id"].decode() if whole else None


async def load(target: Product, stop: asyncio.Event, delivered: list[str]) -> None:
    number = 0
    while not stop.is_set():
        number += 1
        found = await ask(target, stream=number % 2 == 0)
        if found:
            delivered.append(found)


async def story(target: Product, chance: random.Random) -> list[str]:
    delivered: list[str] = []
    stop = asyncio.Event()
    workers = [asyncio.create_task(load(target, stop, delivered)) for _ in range(WORKERS)]
    for _ in range(KILLS):
        before = len(delivered)
        await asyncio.sleep(chance.uniform(0.05, 0.5))
        while len(delivered) < before + WORKERS:  # noqa: ASYNC110 - it is back, and works
            await asyncio.sleep(0.02)
        with suppress(ProcessLookupError):
            os.kill(await asyncio.to_thread(target.pid, "gateway"), signal.SIGKILL)
    stop.set()
    await asyncio.gather(*workers)
    return delivered


def settled(target: Product) -> Counter[str]:
    import sqlite3

    database = target.zone_file.parent / "var/control/control.sqlite3"
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        return Counter(row[0] for row in connection.execute("select id from requests"))


def test_every_delivered_reply_has_exactly_one_record(own: tuple[Product, Simulator]) -> None:
    target, _ = own
    delivered = asyncio.run(story(target, random.Random(SEED)))
    assert len(delivered) == len(set(delivered)) > KILLS * WORKERS
    until(lambda: set(delivered) <= set(settled(target)), 30, every_s=0.2)
    counts = settled(target)
    assert {i: n for i, n in counts.items() if n != 1} == {}, "none twice"
    print(
        f"\nseed {SEED}: {KILLS} kills, {len(delivered)} replies delivered,"
        f" {len(counts)} records, 0 missing, 0 twice"
    )
