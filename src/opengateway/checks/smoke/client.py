"""Calls of the public API as a caller makes them, with times."""

from __future__ import annotations

from typing import Any, Final

import aiohttp

from opengateway.checks.smoke.asks import Sent
from opengateway.checks.smoke.replies import NOT_REACHED, Reply, Streamed
from opengateway.kit import json
from opengateway.kit.clock import Clock
from opengateway.kit.sse import Decoder

_UNARY_S: Final = 320.0
_STREAM_S: Final = 180.0
_MAX_BODY_BYTES: Final = 32 * 1024 * 1024
_MAX_EVENT_BYTES: Final = 1024 * 1024
_MAX_EVENTS: Final = 20_000


class SmokeClient:
    """`base_url` is the gateway's own port. Its certificate is for the public name: on the way to our
    own port it is not checked."""

    def __init__(self, base_url: str, key: str, clock: Clock) -> None:
        self._base = base_url.rstrip("/")
        self._headers = {"authorization": f"Bearer {key}"}
        self._clock = clock
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=False, limit=64),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    async def aclose(self) -> None:
        await self._session.close()

    async def is_known(self) -> bool:
        """Whether the gateway knows the key already."""
        try:
            async with self._session.get(
                f"{self._base}/v1/models", headers=self._headers, timeout=_timeout(10.0)
            ) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    async def post(self, sent: Sent) -> Reply:
        began = self._clock.monotonic()
        try:
            async with self._post(sent, _UNARY_S) as answer:
                body = await answer.content.read(_MAX_BODY_BYTES)
                while not answer.content.at_eof() and len(body) < _MAX_BODY_BYTES:
                    body += await answer.content.read(_MAX_BODY_BYTES - len(body))
                return Reply(answer.status, _headers(answer), body, self._since(began))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Reply(NOT_REACHED, {}, str(error).encode(), self._since(began))

    async def stream(self, sent: Sent, leave_after: int | None = None) -> Streamed:
        """All events, or no more than `leave_after` of them: then the connection is closed."""
        began = self._clock.monotonic()
        try:
            async with self._post(sent, _STREAM_S) as answer:
                if answer.status != 200:
                    body = await answer.content.read(_MAX_BODY_BYTES)
                    spent = self._since(began)
                    return Streamed(answer.status, _headers(answer), [], False, spent, None, body)
                return await self._read(answer, began, leave_after)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            spent = self._since(began)
            return Streamed(NOT_REACHED, {}, [], False, spent, None, str(error).encode())

    async def _read(
        self, answer: aiohttp.ClientResponse, began: float, leave_after: int | None
    ) -> Streamed:
        decoder, events, ended = Decoder(_MAX_EVENT_BYTES), list[Any](), False
        first: float | None = None
        async for chunk in answer.content.iter_any():
            for event in decoder.feed(chunk):
                if event.data == b"[DONE]":
                    ended = True
                elif event.data and len(events) < _MAX_EVENTS:
                    events.append(json.loads(event.data))
                    if first is None and _has_content(events[-1]):
                        first = self._since(began)
            if leave_after is not None and len(events) >= leave_after:
                answer.close()
                break
        return Streamed(200, _headers(answer), events, ended, self._since(began), first)

    def _post(self, sent: Sent, timeout_s: float) -> Any:
        return self._session.post(
            self._base + sent.path,
            data=sent.body,
            headers={**self._headers, "content-type": sent.content_type},
            timeout=_timeout(timeout_s),
        )

    def _since(self, began: float) -> float:
        return (self._clock.monotonic() - began) * 1e3


def _timeout(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds, sock_connect=5.0)


def _headers(answer: aiohttp.ClientResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}


def _has_content(event: Any) -> bool:
    choices = event.get("choices") if isinstance(event, dict) else None
    delta = choices[0].get("delta") if choices else None
    return bool(delta and any(value for name, value in delta.items() if name != "role"))
