"""The control plane's public side: its API under `/api/v1`, the docs site, and the web app."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from pydantic import BaseModel
from starlette.middleware import Middleware

from opengateway import __version__
from opengateway.control.access import Access, access, require_declared
from opengateway.control.account.routes import router as account
from opengateway.control.announcements.routes import router as announcements
from opengateway.control.approvals.routes import router as approvals
from opengateway.control.audit.routes import router as audit
from opengateway.control.authority import authorize_public
from opengateway.control.bodies import example
from opengateway.control.broadcasts.routes import router as broadcasts
from opengateway.control.budgets.routes import router as budgets
from opengateway.control.documents.routes import router as documents
from opengateway.control.idempotency.edge import KeepAnswers, idempotent
from opengateway.control.invitations.routes import router as invitations
from opengateway.control.kept_bodies.routes import router as bodies
from opengateway.control.keys.routes import router as keys
from opengateway.control.ledger.routes import admin as ledger_admin
from opengateway.control.ledger.routes import router as ledger
from opengateway.control.logs.routes import admin as logs_admin
from opengateway.control.logs.routes import router as logs
from opengateway.control.memberships.routes import router as members
from opengateway.control.newcomers.routes import admin as abuse
from opengateway.control.notifications.routes import router as notifications
from opengateway.control.offers.routes import router as offers
from opengateway.control.offers.showcase import admin as route_explanations
from opengateway.control.offers.showcase import team as team_models
from opengateway.control.overview.dead_letters import router as dead_letters
from opengateway.control.overview.reconciliation import router as reconciliation
from opengateway.control.overview.routes import router as figures
from opengateway.control.overview.system import router as system
from opengateway.control.own_credentials.routes import router as own_credentials
from opengateway.control.payments.routes import admin as payments_admin
from opengateway.control.payments.routes import router as payments
from opengateway.control.payments.routes import told as payment_events
from opengateway.control.prices.routes import router as prices
from opengateway.control.providers.routes import router as providers
from opengateway.control.redeem.routes import admin as campaigns
from opengateway.control.redeem.routes import router as redeem
from opengateway.control.replies import JsonReply
from opengateway.control.sign_in.routes import WRITING_GETS
from opengateway.control.sign_in.routes import router as sign_in
from opengateway.control.smoke.routes import router as smoke
from opengateway.control.team_admin.routes import admin as team_admin
from opengateway.control.team_admin.routes import router as teams
from opengateway.control.team_routing.routes import router as team_routing
from opengateway.control.users.routes import router as users
from opengateway.control.users.view_as import router as view_as
from opengateway.control.webhooks.routes import router as webhooks
from opengateway.http.control_errors import ControlEdge, error_response, install_errors
from opengateway.http.internal_app import ControlParts
from opengateway.http.openapi import describe
from opengateway.http.static_site import StaticSite
from opengateway.http.unit_of_work import UnitOfWork, unit_of_work
from opengateway.http.web_site import WebSite
from opengateway.http.whats_new import router as whats_new

MAX_BODY_BYTES: Final = 1024 * 1024

api = APIRouter(prefix="/api/v1", tags=["about"])


class Version(BaseModel):
    model_config = example(version="0.1.0", zone="kr")

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
    return JsonReply(describe(app))


def new_control_app(parts: ControlParts, assets: Path) -> FastAPI:
    """The public app. `assets` holds the folders `docs` and `web`, as built into the package.

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
            Middleware(
                UnitOfWork,
                database=parts.database,
                new_scope=parts.new_scope,
                writing_gets=WRITING_GETS,
            ),
            Middleware(KeepAnswers, render=error_response),
        ],
    )
    app.state.parts = parts
    app.state.assets = assets
    app.state.change_feed = parts.feed
    app.state.price_publisher = parts.spending.publisher
    app.state.desk_tools = parts.desk
    app.state.outbound_rules = parts.spending.outbound_rules
    app.state.log_desk = parts.logs
    app.state.open_scope = partial(unit_of_work, parts.database, parts.new_scope)
    app.state.smoke_desk = parts.operation.smoke
    app.state.idempotency_running = set()
    install_errors(app)
    app.router.routes.extend(_routes().routes)
    processor = parts.selling.processor
    if processor is not None and processor.takes_events:
        app.include_router(payment_events, prefix="/api/v1", dependencies=_AT_EVERY_ROUTE)
    app.include_router(_pages(assets), dependencies=_AT_EVERY_ROUTE)
    return app


_AT_EVERY_ROUTE: Final = (Depends(authorize_public), Depends(idempotent))


@cache
def _routes() -> APIRouter:
    """The routes of the API, put together once in a process: it takes a tenth of a second.

    Raises `AssertionError` if one does not say who may call it.
    """
    routes = APIRouter(dependencies=_AT_EVERY_ROUTE)
    routes.include_router(api)
    routes.include_router(whats_new)
    for router in (teams, team_admin, members, invitations, keys, audit, users):
        routes.include_router(router, prefix="/api/v1")
    for router in (sign_in, account):
        routes.include_router(router, prefix="/api/v1")
    for router in (budgets, prices, notifications, webhooks, broadcasts, smoke):
        routes.include_router(router, prefix="/api/v1")
    for router in (
        ledger,
        ledger_admin,
        redeem,
        campaigns,
        payments,
        payments_admin,
        documents,
        abuse,
    ):
        routes.include_router(router, prefix="/api/v1")
    for router in (
        providers,
        offers,
        approvals,
        announcements,
        own_credentials,
        team_routing,
        figures,
        dead_letters,
        reconciliation,
        system,
        team_models,
        route_explanations,
        view_as,
    ):
        routes.include_router(router, prefix="/api/v1")
    for router in (bodies, logs, logs_admin):
        routes.include_router(router, prefix="/api/v1")
    require_declared(routes, set(Access) - {Access.INTERNAL})
    return routes


@lru_cache(maxsize=8)
def _pages(assets: Path) -> APIRouter:
    """The built pages: `/docs/...`, and the web app at every other path outside `/api`.

    They are looked at once in a process: a package does not change under it.
    """
    docs = StaticSite(assets / "docs", "/docs/", hashed="_astro/", wasm=True)
    web = WebSite(assets / "web")
    router = APIRouter(include_in_schema=False)

    async def docs_page(request: Request) -> Response:
        return await docs.answer(request, request.scope["path"].removeprefix("/docs/"))

    async def docs_root(request: Request) -> Response:
        return Response(status_code=308, headers={"location": "/docs/"})

    async def app_page(request: Request) -> Response:
        return await web.answer(request, request.scope["path"].removeprefix("/"))

    def serve(path: str, page: Callable[[Request], Awaitable[Response]]) -> None:
        router.add_api_route(
            path, page, methods=["GET", "HEAD"], openapi_extra=access(Access.PUBLIC)
        )

    serve("/docs", docs_root)
    serve("/docs/{path:path}", docs_page)
    serve("/{path:app}", app_page)
    return router
