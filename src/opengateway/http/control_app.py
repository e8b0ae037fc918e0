"""The control plane's public side: its API under `/api/v1`, the docs site, and the start page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from fastapi import APIRouter, FastAPI, Request, Response
from pydantic import BaseModel
from starlette.middleware import Middleware

from opengateway import __version__
from opengateway.control.access import Access, access, require_declared
from opengateway.control.replies import JsonReply
from opengateway.http.control_errors import ControlEdge, install_errors
from opengateway.http.internal_app import ControlParts
from opengateway.http.static_site import StaticSite
from opengateway.http.unit_of_work import UnitOfWork

MAX_BODY_BYTES: Final = 1024 * 1024

api = APIRouter(prefix="/api/v1", tags=["about"])


class Version(BaseModel):
    version: str
    zone: str


@api.get("/version", openapi_extra=access(Access.PUBLIC))
async def version(request: Request) -> Version:
    """The version that runs, and the zone it runs in."""
    parts: ControlParts = request.app.state.parts
    return Version(version=__version__, zone=parts.zone)


@api.get("/openapi.json", openapi_extra=access(Access.PUBLIC))
async def openapi(request: Request) -> Response:
    """This API's description, OpenAPI 3.1."""
    app: FastAPI = request.app
    return JsonReply(app.openapi())


def new_control_app(parts: ControlParts, assets: Path) -> FastAPI:
    """The public app. `assets` holds the folders `docs` and `start`, as built into the package.

    Raises `AssertionError` if a route does not say who may call it.
    """
    app = FastAPI(
        title="OpenGateway control API",
        version=__version__,
        # Served by a route of our own, which says who may call it; the framework's pages would
        # load their scripts from a foreign origin.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=[
            Middleware(ControlEdge, new_id=parts.new_id, max_body_bytes=MAX_BODY_BYTES, pages=True),
            Middleware(UnitOfWork, database=parts.database, new_scope=parts.new_scope),
        ],
    )
    app.state.parts = parts
    install_errors(app)
    app.include_router(api)
    app.include_router(_pages(assets))
    require_declared(app.router, {Access.PUBLIC})
    return app


def _pages(assets: Path) -> APIRouter:
    """The built pages: `/docs/...`, `/`, and what the start page needs beside it."""
    docs = StaticSite(assets / "docs", "/docs/", hashed="_astro/", wasm=True)
    start = StaticSite(assets / "start", "/")
    router = APIRouter(include_in_schema=False)

    async def docs_page(request: Request) -> Response:
        return await docs.answer(request, request.scope["path"].removeprefix("/docs/"))

    async def start_page(request: Request) -> Response:
        return await start.answer(request, request.scope["path"].removeprefix("/"))

    async def docs_root(request: Request) -> Response:
        return Response(status_code=308, headers={"location": "/docs/"})

    def serve(path: str, page: Callable[[Request], Awaitable[Response]]) -> None:
        router.add_api_route(
            path, page, methods=["GET", "HEAD"], openapi_extra=access(Access.PUBLIC)
        )

    serve("/docs", docs_root)
    serve("/docs/{path:path}", docs_page)
    serve("/", start_page)
    for name in start.names():
        serve(f"/{name}", start_page)
    return router
