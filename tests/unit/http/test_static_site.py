from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from starlette.middleware import Middleware

from asgi_client import Reply, call
from opengateway.http.control_errors import ControlEdge, install_errors
from opengateway.http.static_site import StaticSite, content_policy
from opengateway.kit.ids import IdSource

Get = Callable[..., Awaitable[Reply]]
SCRIPT = "\n  const a = 1 < 2 && '</b>';\n"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    root = tmp_path / "site"
    for name, content in {
        "index.html": "<h1>home</h1>",
        "guide/start/index.html": f"<script>{SCRIPT}</script>",
        "_astro/app.C0ffee.js": "1",
        "search/wasm.en.pagefind": "wasm",
        "404.html": "<h1>lost</h1>",
        "한국어.txt": "안녕",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (tmp_path / "secret.txt").write_text("secret")
    return root


def serve(root: Path) -> Get:
    site = StaticSite(root, "/docs/", hashed="_astro/", wasm=True)
    app = FastAPI(
        middleware=[Middleware(ControlEdge, new_id=IdSource(), max_body_bytes=0, pages=True)]
    )
    install_errors(app)

    @app.api_route("/docs/{path:path}", methods=["GET", "HEAD"])
    async def page(request: Request, path: str) -> Response:
        return await site.answer(request, path)

    async def get(path: str, **how: Any) -> Reply:
        return await call(app, "GET", path, **how)

    return get


async def test_a_folder_answers_with_its_index_and_gets_its_slash(built: Path) -> None:
    get = serve(built)
    assert (await get("/docs/")).text == "<h1>home</h1>"
    assert (await get("/docs/guide/start/")).status == 200
    moved = await get("/docs/guide/start")
    assert (moved.status, moved.headers["location"]) == (308, "/docs/guide/start/")


@pytest.mark.parametrize(
    "path",
    [
        "/docs/../secret.txt",
        "/docs/%2e%2e/secret.txt",
        "/docs/guide/../../secret.txt",
        "/docs//etc/passwd",
        "/docs/index.html/",
        "/docs/guide",
        "/docs/index.html%00",
    ],
)
async def test_only_files_of_the_site_are_served(built: Path, path: str) -> None:
    reply = await serve(built)(path)
    assert (reply.status, reply.text) == (404, "<h1>lost</h1>")


@pytest.mark.parametrize(
    ("path", "kind", "kept"),
    [
        ("/docs/", "text/html; charset=utf-8", "no-cache"),
        ("/docs/search/wasm.en.pagefind", "application/octet-stream", "no-cache"),
        ("/docs/%ED%95%9C%EA%B5%AD%EC%96%B4.txt", "text/plain; charset=utf-8", "no-cache"),
        (
            "/docs/_astro/app.C0ffee.js",
            "text/javascript; charset=utf-8",
            "public, max-age=31536000, immutable",
        ),
    ],
)
async def test_types_and_how_long_to_keep_them(
    built: Path, path: str, kind: str, kept: str
) -> None:
    reply = await serve(built)(path)
    assert reply.status == 200
    assert (reply.headers["content-type"], reply.headers["cache-control"]) == (kind, kept)


async def test_what_the_browser_has_is_not_sent_again(built: Path) -> None:
    get = serve(built)
    etag = (await get("/docs/")).headers["etag"]
    again = await get("/docs/", headers={"if-none-match": f'"x", {etag}'})
    assert (again.status, again.body) == (304, b"")
    (built / "index.html").write_text("<h1>changed</h1>")
    assert (await get("/docs/", headers={"if-none-match": etag})).text == "<h1>changed</h1>"


async def test_a_page_may_run_its_own_inline_scripts_and_no_others(built: Path) -> None:
    policy = (await serve(built)("/docs/guide/start/")).headers["content-security-policy"]
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}' 'wasm-unsafe-eval';" in policy
    assert "default-src 'self';" in policy
    assert "unsafe-inline" not in policy.split("style-src")[0]


def test_scripts_with_a_source_need_no_hash() -> None:
    policy = content_policy("<script src=a.js>ignored</script><p>text</p>", wasm=False)
    assert "script-src 'self';" in policy


async def test_a_new_build_is_seen_and_no_build_is_told(tmp_path: Path) -> None:
    root = tmp_path / "later"
    get = serve(root)
    assert (await get("/docs/")).status == 404
    root.mkdir()
    (root / "index.html").write_text("built")
    assert (await get("/docs/")).text == "built"
    (root / "more.txt").write_text("more")
    os.utime(root / "index.html", ns=(1, 1))
    assert (await get("/docs/more.txt")).text == "more"
    (root / "more.txt").unlink()
    assert (await get("/docs/more.txt")).status == 404
