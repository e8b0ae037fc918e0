"""ClickHouse's HTTP interface, played by a server of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from opengateway.domain.errors import CapacityError
from opengateway.infra.event_log.clickhouse import filled, literal
from opengateway.infra.event_log.clickhouse_http import ClickHouseHttp

SECRET = "p@ss/word"


class Played:
    def __init__(self) -> None:
        self.seen: list[tuple[dict[str, str], dict[str, str], bytes]] = []
        self.status = 200
        self.answer = b'["a", 1]\n'

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.seen.append((dict(request.query), dict(request.headers), body))
        return web.Response(status=self.status, body=self.answer)


@asynccontextmanager
async def played() -> AsyncIterator[tuple[Played, ClickHouseHttp]]:
    server_side = Played()
    app = web.Application()
    app.router.add_post("/", server_side.take)
    async with TestServer(app) as server:
        http = ClickHouseHttp(f"http://og:p%40ss%2Fword@127.0.0.1:{server.port}/logs")
        try:
            yield server_side, http
        finally:
            await http.aclose()


async def test_a_statement_goes_as_the_body_and_the_password_as_a_header() -> None:
    async with played() as (server, http):
        assert await http.run("SELECT 1", b"") == b'["a", 1]\n'
        assert await http.run("INSERT INTO t FORMAT JSONEachRow", b'{"a":1}') != b""
        (query, headers, body), (_, _, inserted) = server.seen
        assert query["database"] == "logs"
        assert (headers["X-ClickHouse-User"], headers["X-ClickHouse-Key"]) == ("og", SECRET)
        assert body == b"SELECT 1"
        assert inserted == b'INSERT INTO t FORMAT JSONEachRow\n{"a":1}'
        assert SECRET not in str(query)


async def test_an_error_of_the_server_is_ours_to_mend_and_holds_no_secret() -> None:
    async with played() as (server, http):
        server.status, server.answer = 500, b"Code: 60. DB::Exception"
        with pytest.raises(CapacityError) as caught:
            await http.run("SELECT 1", b"")
        assert SECRET not in str(caught.value)


async def test_a_server_that_is_not_there_is_trouble_and_no_empty_answer() -> None:
    http = ClickHouseHttp("http://og:x@127.0.0.1:1/logs")
    with pytest.raises(CapacityError):
        await http.run("SELECT 1", b"")
    await http.aclose()


def test_values_become_literals_that_cannot_end_early() -> None:
    assert filled("a = ? AND b < ?", ["x' OR 1=1 --\\", 5]) == "a = 'x\\' OR 1=1 --\\\\' AND b < 5"
    assert literal(2.5) == "2.5"
    with pytest.raises(TypeError):
        literal(None)
