"""Serves the web app: its files, and its one page at every address that it shows something at."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response

from opengateway.domain.errors import NotFound
from opengateway.http.control_errors import error_response
from opengateway.http.static_site import StaticSite, content_policy
from opengateway.kit.chance import random_base62

NONCE_MARK: Final = "OPENGATEWAY_NONCE"
"""Stands in the built page where each answer gets a nonce (web/vite.config.ts, `html.cspNonce`)."""
_NONCE_LENGTH: Final = 24


class _AppPath(Convertor[str]):
    """Any path outside `/api`, where an unknown path and a wrong method must stay what they are."""

    regex = r"(?!api(?:/|$)).*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("app", _AppPath())


class WebSite:
    """The files below `root`; and `index.html` for a page that is asked for by a browser.

    The app reads the address itself, so a link into it works, and a path it does not know is its
    own page 404. What does not ask for HTML, or looks like a file, is not answered with a page.
    """

    def __init__(self, root: Path) -> None:
        self._files = StaticSite(root, "/", hashed="assets/")
        self._page = root / "index.html"

    async def answer(self, request: Request, path: str) -> Response:
        if path != "index.html" and self._files.has(path):
            return await self._files.answer(request, path)
        looks_like_a_file = "." in path.rpartition("/")[2] and path != "index.html"
        asks_for_html = "text/html" in request.headers.get("accept", "")
        if path in ("", "index.html") or (asks_for_html and not looks_like_a_file):
            return await self._shell(request)
        return error_response(request, NotFound(f"there is nothing at {request.scope['path']!r}"))

    async def _shell(self, request: Request) -> Response:
        try:
            page = await asyncio.to_thread(self._page.read_text)
        except OSError:
            told = NotFound("the pages are not built; run `make web`, or use the API and the CLI")
            return error_response(request, told)
        nonce = random_base62(_NONCE_LENGTH)
        page = page.replace(NONCE_MARK, nonce)
        headers = {
            "content-security-policy": content_policy(page, wasm=False, style_nonce=nonce),
            "content-type": "text/html; charset=utf-8",
            "cache-control": "no-store",  # a nonce is for one answer
        }
        return Response(page, headers=headers)
