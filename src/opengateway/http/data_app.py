"""The data plane's ASGI app: the route table of `/v1`, and everything else to the control plane.

Default deny: a path is served only if it stands in the table, with who may call it beside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from opengateway.domain.catalog import Snapshot
from opengateway.domain.errors import (
    CapacityError,
    GatewayError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    NotImplementedYet,
    TooLarge,
)
from opengateway.domain.principal import KeyKind
from opengateway.gateway.arrival import Arrival
from opengateway.gateway.headers import error_headers
from opengateway.gateway.models import ModelList
from opengateway.gateway.pipeline import StepFailed, authenticate, serve_chat
from opengateway.gateway.presentation import present
from opengateway.gateway.services import GatewayServices
from opengateway.http.asgi import CONNECTION, App, AsgiCaller, Receive, Scope, Send
from opengateway.kit.json import dumps


class Access(StrEnum):
    """Who may call a route."""

    PUBLIC = "public"
    INFERENCE_KEY = "inference_key"


@dataclass(slots=True)
class Incoming:
    """One HTTP request, before its body is read."""

    scope: Scope
    receive: Receive
    send: Send
    request_id: str
    accepted_at: float
    headers: dict[str, str]
    rest: str = ""
    """What stands behind the prefix of a route that takes more."""


Handler = Callable[[Incoming], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Route:
    """`prefix` routes match whatever begins with their path."""

    method: str
    path: str
    access: Access
    handler: Handler
    prefix: bool = False


_NOT_YET = (
    "/v1/audio/speech",
    "/v1/audio/transcriptions",
    "/v1/audio/translations",
    "/v1/batches",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/files",
    "/v1/images/generations",
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1/moderations",
    "/v1/realtime",
    "/v1/rerank",
    "/v1/responses",
)
"""Surfaces of the API that this version does not serve: told so, and not as a misspelt path."""


class DataApp:
    """The ASGI callable. `control` gets whatever is not the data plane's."""

    def __init__(self, services: GatewayServices, control: App, version: str) -> None:
        self._services = services
        self._control = control
        self._models = ModelList()
        self._version = dumps({"version": version, "zone": services.zone})
        routes = (
            Route("POST", "/v1/chat/completions", Access.INFERENCE_KEY, self._chat),
            Route("GET", "/v1/models", Access.INFERENCE_KEY, self._list_models),
            Route("GET", "/v1/models/", Access.INFERENCE_KEY, self._one_model, prefix=True),
            Route("GET", "/healthz", Access.PUBLIC, self._health),
            Route("GET", "/readyz", Access.PUBLIC, self._ready),
            Route("GET", "/version", Access.PUBLIC, self._tell_version),
        )
        self.routes = routes
        self._exact = {(r.method, r.path): r for r in routes if not r.prefix}
        self._prefixes = tuple(r for r in routes if r.prefix)
        self._methods: dict[str, str] = {}
        for route in routes:
            known = self._methods.get(route.path)
            self._methods[route.path] = f"{known}, {route.method}" if known else route.method

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        method: str = scope["method"]
        route = self._exact.get(("GET" if method == "HEAD" else method, path))
        if route is None and not self._is_ours(path):
            await self._control(scope, receive, send)
            return
        services = self._services
        incoming = Incoming(
            scope,
            receive,
            send,
            services.new_id("gen_"),
            services.clock.monotonic(),
            {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]},
        )
        try:
            if route is None:
                route, incoming.rest = self._by_prefix(method, path)
            await route.handler(incoming)
        except StepFailed as failed:
            await self._refuse(incoming, failed.step, failed.error)

    # --- routes ----------------------------------------------------------------------------------

    @staticmethod
    def _is_ours(path: str) -> bool:
        return path.startswith("/v1/") or path in ("/v1", "/healthz", "/readyz", "/version")

    def _by_prefix(self, method: str, path: str) -> tuple[Route, str]:
        for route in self._prefixes:
            if path.startswith(route.path) and len(path) > len(route.path):
                if method not in (route.method, "HEAD"):
                    raise StepFailed("accept", _wrong_method(method, route.method))
                return route, path[len(route.path) :]
        if path in self._methods:
            raise StepFailed("accept", _wrong_method(method, self._methods[path]))
        if path in _NOT_YET or path.startswith(("/v1/files/", "/v1/batches/")):
            raise StepFailed(
                "accept",
                NotImplementedYet(f"{path} is not served by this version of the gateway"),
            )
        raise StepFailed("accept", NotFound(_advice(path, self._methods), code="unknown_url"))

    async def _chat(self, incoming: Incoming) -> None:
        services = self._services
        principal = authenticate(services, incoming.headers, use=KeyKind.INFERENCE)
        started_at_ns = services.clock.now_ns()
        body = await self._read_body(incoming)
        arrival = Arrival(
            request_id=incoming.request_id,
            started_at_ns=started_at_ns,
            accepted_at=incoming.accepted_at,
            operation="chat.completions",
            headers=incoming.headers,
            body=body,
            client_request_id=_client_request_id(incoming.headers),
        )
        caller = AsgiCaller(incoming.send, incoming.scope[CONNECTION])
        await serve_chat(services, arrival, principal, caller)

    async def _list_models(self, incoming: Incoming) -> None:
        principal = authenticate(self._services, incoming.headers, use=KeyKind.INFERENCE)
        snapshot = self._snapshot()
        await _send_json(incoming, 200, self._models.listing(snapshot, principal))

    async def _one_model(self, incoming: Incoming) -> None:
        principal = authenticate(self._services, incoming.headers, use=KeyKind.INFERENCE)
        snapshot = self._snapshot()
        name, slash, what = incoming.rest.rpartition("/")
        try:
            if slash and what == "endpoints":
                body = self._models.endpoints(snapshot, principal, name)
            else:
                body = self._models.one(snapshot, principal, incoming.rest)
        except NotFound as error:
            raise StepFailed("resolve", error) from None
        await _send_json(incoming, 200, body)

    async def _health(self, incoming: Incoming) -> None:
        await _send_json(incoming, 200, b'{"status":"ok"}')

    async def _ready(self, incoming: Incoming) -> None:
        reasons = self.not_ready()
        body = dumps({"status": "unready" if reasons else "ready", "reasons": reasons})
        await _send_json(incoming, 503 if reasons else 200, body)

    async def _tell_version(self, incoming: Incoming) -> None:
        await _send_json(incoming, 200, self._version)

    def not_ready(self) -> list[str]:
        """Why this gateway cannot serve now; empty when it can."""
        reasons = []
        for what, ask in (
            ("configuration", self._services.snapshots.current),
            ("keys", self._services.keys.ready),
        ):
            try:
                ask()
            except CapacityError as error:
                reasons.append(f"{what}: {error.message}")
        if not self._services.journal.accepts_new_work:
            reasons.append("journal: no room for new records")
        return reasons

    def _snapshot(self) -> Snapshot:
        try:
            return self._services.snapshots.current()
        except CapacityError as error:
            raise StepFailed("resolve", error) from None

    # --- step 1, accept --------------------------------------------------------------------------

    async def _read_body(self, incoming: Incoming) -> bytes:
        """The body, within its bound in bytes and in time. Raises `StepFailed`."""
        limit = self._services.limits.body_bytes
        encoding = incoming.headers.get("content-encoding", "identity")
        if encoding not in ("identity", ""):
            raise StepFailed(
                "accept",
                InvalidRequest(
                    f"content-encoding {encoding[:40]!r} is not taken; send the body as it is",
                    code="unsupported_encoding",
                ),
            )
        declared = incoming.headers.get("content-length", "0")
        if declared.isdigit() and int(declared) > 4 * limit:
            raise StepFailed("accept", _too_large(limit))
        parts: list[bytes] = []
        size = 0
        more = True
        loop = asyncio.get_running_loop()
        # A body that stops arriving ends the connection; a timer is cheaper than a waiting task.
        too_slow: Callable[[], None] = incoming.scope[CONNECTION].abort
        while more and size <= 4 * limit:
            timer = loop.call_later(self._services.limits.body_idle_s, too_slow)
            message = await incoming.receive()
            timer.cancel()
            if message["type"] == "http.disconnect":
                raise StepFailed("accept", InvalidRequest("the caller left", code="caller_left"))
            part = message.get("body", b"")
            more = message.get("more_body", False)
            size += len(part)
            if size <= limit:
                parts.append(part)
            else:
                parts.clear()  # read on without keeping it: a client that writes does not listen
        if size > limit:
            raise StepFailed("accept", _too_large(limit))
        return parts[0] if len(parts) == 1 else b"".join(parts)

    # --- errors before an exchange ---------------------------------------------------------------

    async def _refuse(self, incoming: Incoming, step: str, error: GatewayError) -> None:
        shown = present(error, incoming.request_id)
        self._services.gauges.refused[step, shown.code] += 1
        headers = error_headers(shown)
        if isinstance(error, MethodNotAllowed):
            headers.append((b"allow", error.allow.encode()))
        if shown.status == 413:
            headers.append((b"connection", b"close"))
        body = self._services.chat_dialect.error_body(shown)
        await _send_json(incoming, shown.status, body, headers)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"the body is larger than {limit:,} bytes; send images by URL, or fewer messages"
    )


def _wrong_method(method: str, allowed: str) -> MethodNotAllowed:
    return MethodNotAllowed(f"{method[:20]} is not served here; use {allowed}", allow=allowed)


def _advice(path: str, known: Mapping[str, str]) -> str:
    for wrong, right in (("/v1/v1/", "/v1/"), ("//", "/")):
        if wrong in path:
            path_now = path.replace(wrong, right)
            return f"there is no {path[:100]!r}; the base URL ends in /v1: try {path_now[:100]!r}"
    if path.rstrip("/") in known:
        return f"there is no {path[:100]!r}; try {path.rstrip('/')!r}, without the last slash"
    return f"there is no {path[:100]!r}; see /docs for what is served"


def _client_request_id(headers: Mapping[str, str]) -> str | None:
    """The caller's own id, kept beside ours (decision 26); only what is printable."""
    value = headers.get("x-request-id") or headers.get("x-client-request-id")
    if value and len(value) <= 128 and value.isprintable():
        return value
    return None


async def _send_json(
    incoming: Incoming, status: int, body: bytes, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    await incoming.send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(body)),
                (b"x-request-id", incoming.request_id.encode()),
                *(headers or ()),
            ],
        }
    )
    await incoming.send({"type": "http.response.body", "body": body, "more_body": False})
