"""How the control plane tells of errors: typed JSON to programs, a page to people."""

from __future__ import annotations

import html
from typing import Final, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opengateway.control.idempotency.edge import Replayed, replay
from opengateway.control.replies import JsonReply
from opengateway.domain.errors import (
    CapacityError,
    Conflict,
    GatewayError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    TooLarge,
)
from opengateway.kit.ids import NewId
from opengateway.kit.log import get_logger

_STORE_TROUBLE: Final = (OperationalError, InterfaceError, PoolTimeout)
_SECURITY: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_PRIVATE: Final = ((b"cache-control", b"no-store"),)
"""For what was answered to somebody who is known: no cache may give it to another."""
_PAGE: Final = (
    "<!doctype html><html lang=en><meta charset=utf-8>"
    "<meta name=viewport content='width=device-width'><title>{title}</title>"
    "<h1>{title}</h1><p>{message}<p><a href='/'>Start page</a> · <a href='/docs/'>Documentation</a>"
)
PAGE_POLICY: Final = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"

log = get_logger(__name__)


class ControlEdge:
    """The outermost middleware: names the request, bounds its body, and lets no error through.

    Only here is every exception caught. What is not an error of ours by design is logged with its
    trace and told as 500; trouble of the store is 503, because trying again is right.
    """

    def __init__(self, app: ASGIApp, *, new_id: NewId, max_body_bytes: int, pages: bool) -> None:
        self._app = app
        self._new_id = new_id
        self._max_body_bytes = max_body_bytes
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        state = scope.setdefault("state", {})
        request_id = state["request_id"] = self._new_id("req_")
        state["pages"] = self._pages
        begun = False
        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._max_body_bytes:
                raise TooLarge(f"the body is larger than {self._max_body_bytes} bytes")
            return message

        async def marked(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", request_id.encode()),
                    *_SECURITY,
                    *(_PRIVATE if state.get("private") else ()),
                ]
            await send(message)

        try:
            await self._app(scope, bounded, marked)
        except ClientDisconnect:
            return  # nobody is there to be told
        except Exception as error:  # noqa: BLE001 - the edge of a request
            answer = error_response(Request(scope), _told_as(error, request_id, scope["path"]))
            if not begun:
                await answer(scope, bounded, marked)


def install_errors(app: FastAPI) -> None:
    """Render what routes raise, and what the framework itself refuses, in the one form."""

    async def ours(request: Request, error: Exception) -> Response:
        return error_response(request, cast(GatewayError, error))

    async def of_framework(request: Request, error: Exception) -> Response:
        refused = cast(HTTPException, error)
        path = request.url.path
        told: GatewayError
        if isinstance(refused.__cause__, GatewayError):
            told = refused.__cause__  # raised while the framework read the body for a route
        elif refused.status_code == 404:
            told = NotFound(f"there is nothing at {path!r}")
        elif refused.status_code == 405:
            told = MethodNotAllowed(
                f"{path!r} does not take {request.method}",
                allow=(refused.headers or {}).get("Allow", ""),
            )
        else:
            told = InvalidRequest(str(refused.detail))
        return error_response(request, told, refused.headers)

    async def of_shape(request: Request, error: Exception) -> Response:
        return error_response(request, _of_shape(cast(RequestValidationError, error)))

    app.add_exception_handler(Replayed, replay)
    app.add_exception_handler(GatewayError, ours)
    app.add_exception_handler(HTTPException, of_framework)
    app.add_exception_handler(RequestValidationError, of_shape)


def error_response(
    request: Request, error: GatewayError, headers: object | None = None
) -> Response:
    """JSON, or a page for a person: outside `/api`, on the app that has pages."""
    extra = {str(k): str(v) for k, v in dict(headers or {}).items()}  # type: ignore[call-overload]
    if error.retry_after_s is not None:
        extra["retry-after"] = str(max(1, round(error.retry_after_s)))
    request_id = request.state.request_id
    if request.state.pages and not request.url.path.startswith("/api"):
        extra["content-security-policy"] = PAGE_POLICY
        title = "Not found" if error.status == 404 else "That did not work"
        page = _PAGE.format(title=title, message=html.escape(f"{error.message} ({request_id})"))
        return HTMLResponse(page, error.status, extra)
    body = {
        "type": error.type,
        "code": error.code,
        "message": error.message,
        "param": error.param,
        "request_id": request_id,
    }
    return JsonReply({"error": body}, error.status, extra)


def _of_shape(error: RequestValidationError) -> InvalidRequest:
    """The first fault is enough: the field's path without where it was found (query, body)."""
    first = error.errors()[0]
    where = [str(part) for part in first["loc"]][1:]
    param = ".".join(where) or None
    said = str(first["msg"])
    message = said[:1].lower() + said[1:]
    return InvalidRequest(f"{param!r}: {message}" if param else message, param=param)


def _told_as(error: Exception, request_id: str, path: str) -> GatewayError:
    if isinstance(error, GatewayError):
        return error
    if isinstance(error, _STORE_TROUBLE):
        log.error("store trouble", request_id=request_id, path=path, error=str(error))
        return CapacityError(
            "the control store does not answer; try again",
            code="control_store_unavailable",
            retry_after_s=1,
        )
    if isinstance(error, DataError):
        # What SQLite keeps and PostgreSQL refuses: U+0000, a number beyond 64 bits, text too long.
        log.warning("a value refused by the store", path=path, error=str(error.orig))
        return InvalidRequest("a value of the request cannot be stored; check numbers and text")
    if isinstance(error, StaleDataError):
        return Conflict("it was changed meanwhile; look at it again", code="changed_meanwhile")
    log.error("bug", request_id=request_id, path=path, exc_info=error)
    return GatewayError("an error of ours; it was recorded under this request's id")
