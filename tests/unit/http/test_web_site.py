from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from starlette.middleware import Middleware

from asgi_client import Reply, call
from opengateway.http.control_errors import ControlEdge, install_errors
from opengateway.http.web_site import NONCE_MARK, WebSite
from opengateway.kit.ids import IdSource

Get = Callable[..., Awaitable[Reply]]
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PAGE = f'<script nonce="{NONCE_MARK}">1</script><meta nonce="{NONCE_MARK}"><h1>app</h1>'


def serve(root: Path) -> Callable[..., Awaitable[Reply]]:
    site = WebSite(root)
    app = FastAPI(
        openapi_url=None,
        middleware=[Middleware(ControlEdge, new_id=IdSource(), max_body_bytes=0, pages=True)],
    )
    install_errors(app)

    @app.post("/api/v1/keys")
    async def make() -> None: ...

    @app.api_route("/{path:app}", methods=["GET", "HEAD"])
    async def page(request: Request, path: str) -> Response:
        return await site.answer(request, path)

    async def get(path: str, method: str = "GET", **how: Any) -> Reply:
        return await call(app, method, path, **how)

    return get


@pytest.fixture
def get(tmp_path: Path) -> Get:
    for name, content in {
        "index.html": PAGE,
        "mark.svg": "<svg/>",
        "assets/index-C0ffee.js": "plain",
        "assets/index-C0ffee.js.br": "brotli",
        "assets/index-C0ffee.js.gz": "gzip",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    return serve(tmp_path)


@pytest.mark.parametrize("path", ["/", "/teams/team_1/keys", "/no/such/page", "/index.html"])
async def test_a_browser_gets_the_app_at_every_address(get: Get, path: str) -> None:
    reply = await get(path, headers=BROWSER)
    assert (reply.status, "<h1>app</h1>" in reply.text) == (200, True)
    assert reply.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("/assets/gone-C0ffee.js", BROWSER["accept"]),  # a page in its place would be run as one
        ("/favicon.ico", BROWSER["accept"]),
        ("/teams/team_1/keys", "application/json"),
        ("/assets/index-C0ffee.js.br", "*/*"),
    ],
)
async def test_what_is_no_page_is_not_answered_with_one(get: Get, path: str, accept: str) -> None:
    reply = await get(path, headers={"accept": accept})
    assert (reply.status, "<h1>app</h1>" in reply.text) == (404, False)


async def test_the_api_stays_what_it_is_for_a_browser(get: Get) -> None:
    for path in ("/api", "/api/v1/no-such-thing"):
        reply = await get(path, headers=BROWSER)
        assert (reply.status, reply.json()["error"]["code"]) == (404, "not_found")
    assert (await get("/api/v1/keys", headers=BROWSER)).status == 405
    assert (await get("/teams/team_1", method="POST", headers=BROWSER)).status == 405


async def test_each_answer_has_its_own_nonce_and_is_not_kept(get: Get) -> None:
    seen = set()
    for _ in range(2):
        reply = await get("/", headers=BROWSER)
        policy = reply.headers["content-security-policy"]
        found = re.search(r"style-src 'self' 'nonce-(\w{20,})'", policy)
        assert found, policy
        assert reply.text.count(found[1]) == 2
        assert NONCE_MARK not in reply.text
        assert reply.headers["cache-control"] == "no-store"
        assert "unsafe-inline" not in policy
        seen.add(found[1])
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("accepts", "coding", "body"),
    [
        ("gzip, deflate, br, zstd", "br", "brotli"),
        ("gzip", "gzip", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip", "gzip"),
        ("identity", None, "plain"),
        ("", None, "plain"),
    ],
)
async def test_what_was_compressed_at_the_build_is_sent_as_the_caller_takes_it(
    get: Get, accepts: str, coding: str | None, body: str
) -> None:
    reply = await get("/assets/index-C0ffee.js", headers={"accept-encoding": accepts})
    assert (reply.headers.get("content-encoding"), reply.text) == (coding, body)
    assert reply.headers["content-type"] == "text/javascript; charset=utf-8"
    assert reply.headers["vary"] == "accept-encoding"
    assert "immutable" in reply.headers["cache-control"]


async def test_another_coding_is_another_entity(get: Get) -> None:
    tags = {
        (await get("/assets/index-C0ffee.js", headers={"accept-encoding": coding})).headers["etag"]
        for coding in ("br", "gzip", "")
    }
    assert len(tags) == 3


async def test_pages_that_are_not_built_are_told_of(tmp_path: Path) -> None:
    reply = await serve(tmp_path / "nothing")("/", headers=BROWSER)
    assert reply.status == 404
    assert "make web" in reply.text
