"""Load for `make bench-faults`: streams at an even rate, whatever happens to those before."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass

import aiohttp

PATIENCE_S = 60.0


@dataclass(slots=True)
class Ask:
    """One request: when it was due, and what its caller saw. Times are of the monotonic clock."""

    at: float
    first_s: float = 0.0
    """To the first content."""
    ended_s: float = 0.0
    lost: str = ""
    """Why it was lost; empty for a whole answer."""


class Loader:
    def __init__(self, url: str, key: str, model: str) -> None:
        self._url = url + "/v1/chat/completions"
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        message = {"role": "user", "content": "say four words, please"}
        self._body = json.dumps({"model": model, "messages": [message], "stream": True}).encode()
        self.asks: list[Ask] = []

    async def run(self, rate: float, until: float) -> None:
        """Begin `rate` streams a second until then, and wait for all of them."""
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            due, tasks = time.monotonic(), []
            while due < until:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                ask = Ask(due)
                self.asks.append(ask)
                tasks.append(asyncio.create_task(self._one(session, ask)))
                due += 1 / rate
            await asyncio.gather(*tasks)

    async def _one(self, session: aiohttp.ClientSession, ask: Ask) -> None:
        try:
            async with session.post(self._url, data=self._body, headers=self._headers) as answer:
                if answer.status != 200:
                    ask.lost = f"{answer.status} {(await answer.text())[:200]}"
                    return
                text = b""
                async for data in answer.content.iter_any():
                    text += data
                    if not ask.first_s and b"word " in text:
                        ask.first_s = time.monotonic() - ask.at
                if text.count(b"word ") != 4 or b"[DONE]" not in text:
                    ask.lost = f"broken after {len(text)} bytes: {text[-200:]!r}"
        except (aiohttp.ClientError, TimeoutError) as error:
            ask.lost = f"{type(error).__name__}: {error}"[:200]
        finally:
            ask.ended_s = time.monotonic() - ask.at
