"""ClickHouse over HTTP: its own interface, one statement a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from opengateway.domain.errors import CapacityError
from opengateway.kit.log import get_logger

if TYPE_CHECKING:
    import aiohttp

_DEADLINE_S: Final = 60.0
_ANSWER_BYTES: Final = 256 * 1024 * 1024
log = get_logger(__name__)


class ClickHouseHttp:
    """`url`: `https://USER:PASSWORD@HOST:8443/DATABASE`."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        self._url = f"{parts.scheme}://{parts.hostname}{port}/"
        self._database = parts.path.strip("/") or "default"
        self._headers = {
            "X-ClickHouse-User": unquote(parts.username or "default"),
            "X-ClickHouse-Key": unquote(parts.password or ""),
        }
        self._session: aiohttp.ClientSession | None = None

    async def run(self, statement: str, data: bytes) -> bytes:
        """Raises `CapacityError`."""
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=_DEADLINE_S),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        # A statement alone is the body; with data it goes before it, where its length is no matter.
        body = statement.encode() + (b"\n" + data if data else b"")
        try:
            async with self._session.post(
                self._url,
                params={"database": self._database, "wait_end_of_query": "1"},
                data=body,
                headers=self._headers,
                allow_redirects=False,
            ) as answer:
                said = await answer.content.read(_ANSWER_BYTES)
                if answer.status != 200:
                    raise ValueError(f"{answer.status}: {said[:300].decode('utf-8', 'replace')}")
                chunk = said
                parts = [said]
                while chunk := await answer.content.read(_ANSWER_BYTES):
                    parts.append(chunk)
                    if sum(map(len, parts)) > _ANSWER_BYTES:
                        raise ValueError("an answer without end")
                return b"".join(parts)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            log.error("clickhouse failed", error=str(error)[:500])
            raise CapacityError("the archive of the log cannot be used; try again") from error

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
