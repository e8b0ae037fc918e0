"""The data plane's app: the route table of `/v1`, and everything else to the control plane.

Default deny: a path is served only if it stands in the table, with who may call it beside it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from opengateway.domain.catalog import Snapshot
from opengateway.domain.errors import (
    CallerError,
    CapacityError,
    GatewayError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    RateLimited,
    TooLarge,
    UpstreamError,
)
from opengateway.domain.principal import KeyKind, Principal
from opengateway.gateway.arrival import Arrival, client_request_id
from opengateway.gateway.capture import Serve
from opengateway.gateway.generations import GenerationDesk
from opengateway.gateway.headers import JSON, refusal_head
from opengateway.gateway.key_state import KeyDesk
from opengateway.gateway.model_cards import card, card_page, wants_cards
from opengateway.gateway.models import ModelList
from opengateway.gateway.pipeline import StepFailed, authenticate, serve_chat
from opengateway.gateway.presentation import present
from opengateway.gateway.services import GatewayServices
from opengateway.gateway.token_count import HEADER as TOKEN_COUNT_HEADER
from opengateway.http.asgi import App, Receive, Scope, Send
from opengateway.http.data_openapi import document
from opengateway.http.direct import DirectCall
from opengateway.http.surfaces import (
    RESPONSES,
    Surfaces,
    advice,
    refuse_unserved,
    stored_response,
)
from opengateway.kit.json import dumps


class Access(StrEnum):
    """Who may call a route."""

    PUBLIC = "public"
    INFERENCE_KEY = "inference_key"


class Incoming:
    """One request to a route of ours. Headers are decoded once, here."""

    __slots__ = ("accepted_at", "call", "headers", "request_id", "rest")

    def __init__(self, call: DirectCall, request_id: str, accepted_at: float) -> None:
        self.call = call
        self.request_id = request_id
        self.accepted_at = accepted_at
        self.headers = call.headers
        self.rest = ""
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


_OURS = frozenset(("/v1", "/healthz", "/readyz", "/version", "/openapi.json"))


class DataApp:
    """Implements `direct.DirectApp`; over ASGI, `control` gets what is not the data plane's."""

    def __init__(
        self,
        services: GatewayServices,
        control: App,
        version: str,
        desk: KeyDesk,
        generations: GenerationDesk,
        surfaces: Surfaces,
    ) -> None:
        self._generations = generations
        self._surfaces = surfaces
        self._services = services
        self._control = control
        self._models = ModelList()
        self.body_bytes = services.limits.body_bytes
        self.body_idle_s = services.limits.body_idle_s
        self._told_version = version
        self._version = dumps({"version": version, "zone": services.zone})
        routes: tuple[Route, ...] = (
            Route("POST", "/v1/chat/completions", Access.INFERENCE_KEY, self._chat),
            Route("POST", RESPONSES, Access.INFERENCE_KEY, self._respond),
            Route("GET", RESPONSES + "/", Access.INFERENCE_KEY, self._stored, prefix=True),
            Route("DELETE", RESPONSES + "/", Access.INFERENCE_KEY, self._stored, prefix=True),
            Route("GET", "/v1/models", Access.INFERENCE_KEY, self._list_models),
            Route("GET", "/v1/models/", Access.INFERENCE_KEY, self._one_model, prefix=True),
            Route("GET", "/v1/key", Access.INFERENCE_KEY, partial(self._tell, desk.key)),
            Route("GET", "/v1/credits", Access.INFERENCE_KEY, partial(self._tell, desk.credits)),
            Route("GET", "/v1/generation", Access.INFERENCE_KEY, self._generation),
            Route("GET", "/healthz", Access.PUBLIC, self._health),
            Route("GET", "/readyz", Access.PUBLIC, self._ready),
            Route("GET", "/version", Access.PUBLIC, self._tell_version),
            Route("GET", "/openapi.json", Access.PUBLIC, self._describe),
        )
        asking = [(path, self._operate) for path in surfaces.conversations]
        asking += [(path, self._count_tokens) for path in surfaces.counting]
        routes += tuple(Route("POST", path, Access.INFERENCE_KEY, serve) for path, serve in asking)
        self.routes = routes
        self._exact = {(r.method, r.path): r for r in routes if not r.prefix}
        self._prefixes = tuple(r for r in routes if r.prefix)
        self._methods: dict[str, str] = {}
        for route in routes:
            known = self._methods.get(route.path)
            self._methods[route.path] = f"{known}, {route.method}" if known else route.method

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What is not ours: on to control."""
        if scope["type"] == "http":
            await self._control(scope, receive, send)

    def owns(self, path: str) -> bool:
        return path.startswith("/v1/") or path in _OURS

    async def serve(self, call: DirectCall) -> None:
        """Answer a call, body and all."""
        incoming = self._incoming(call)
        try:
            await self._route(incoming).handler(incoming)
        except StepFailed as failed:
            self._refuse(incoming, failed.step, failed.error)

    def check(self, call: DirectCall) -> None:
        """While a long body arrives: nobody sends it for nothing."""
        incoming = self._incoming(call)
        try:
            route = self._route(incoming)
            if route.access is Access.INFERENCE_KEY:
                self._principal(incoming)
            _check_encoding(incoming.headers)
            declared = incoming.headers.get("content-length", "0")
            if declared.isdigit() and int(declared) > 4 * self.body_bytes:
                call.keep_alive = False
                raise StepFailed("accept", _too_large(self.body_bytes))
        except StepFailed as failed:
            self._refuse(incoming, failed.step, failed.error)

    def _incoming(self, call: DirectCall) -> Incoming:
        services = self._services
        return Incoming(call, services.new_id("gen_"), services.clock.monotonic())

    def _route(self, incoming: Incoming) -> Route:
        """Raises `StepFailed`."""
        call = incoming.call
        route = self._exact.get(("GET" if call.method == "HEAD" else call.method, call.path))
        if route is None:
            route, incoming.rest = self._by_prefix(call.method, call.path)
        return route

    # --- routes ----------------------------------------------------------------------------------

    def _by_prefix(self, method: str, path: str) -> tuple[Route, str]:
        known = ""
        for route in self._prefixes:
            if path.startswith(route.path) and len(path) > len(route.path):
                if route.method == ("GET" if method == "HEAD" else method):
                    return route, path[len(route.path) :]
                known = f"{known}, {route.method}" if known else route.method
        try:
            refuse_unserved(path)
        except CallerError as error:
            raise StepFailed("accept", error) from None
        if known:
            raise StepFailed("accept", _wrong_method(method, known))
        if path in self._methods:
            raise StepFailed("accept", _wrong_method(method, self._methods[path]))
        raise StepFailed("accept", NotFound(advice(path, self._methods), code="unknown_url"))

    async def _chat(self, incoming: Incoming) -> None:
        await self._converse(incoming, self._services, "chat.completions")

    async def _count_tokens(self, incoming: Incoming) -> None:
        principal = self._principal(incoming)
        call = incoming.call
        if call.is_too_large:
            call.keep_alive = False
            raise StepFailed("accept", _too_large(self.body_bytes))
        counting = self._surfaces.counting[call.path]
        try:
            count, means = await counting.count(call.body, incoming.headers, principal)
        except (CallerError, CapacityError, UpstreamError) as error:
            raise StepFailed("decode", error) from None
        head = b"%bx-request-id: %b\r\n%b: %b\r\n" % (
            JSON,
            incoming.request_id.encode(),
            TOKEN_COUNT_HEADER.encode(),
            means.value.encode(),
        )
        call.answer(200, head, counting.body(count))

    async def _converse(
        self, incoming: Incoming, services: GatewayServices, operation: str
    ) -> None:
        """A conversation on one surface: `services` hold its dialect and its wires."""
        await self._heard(incoming, operation, partial(serve_chat, services))

    async def _respond(self, incoming: Incoming) -> None:
        await self._heard(incoming, "responses", self._surfaces.responses.serve)

    async def _heard(self, incoming: Incoming, operation: str, serve: Serve) -> None:
        """Serve; listened to where what is said is kept."""
        principal, arrival = self._arrived(incoming, operation)
        bodies = self._services.bodies
        if bodies is None or not bodies.keeps(principal):
            await serve(arrival, principal, incoming.call)
        else:
            await bodies.hear(arrival, principal, incoming.call, serve)

    async def _stored(self, incoming: Incoming) -> None:
        principal, call = self._principal(incoming), incoming.call
        keeper = self._surfaces.responses.keeper
        try:
            body = await stored_response(keeper, principal, call.method, incoming.rest, call.query)
        except (CallerError, CapacityError) as error:
            raise StepFailed("resolve", error) from None
        _send_json(incoming, 200, body)

    def _arrived(self, incoming: Incoming, operation: str) -> tuple[Principal, Arrival]:
        """Steps 1 and 2. Raises `StepFailed`."""
        call, headers = incoming.call, incoming.headers
        principal = self._principal(incoming)
        if call.is_too_large:
            call.keep_alive = False
            raise StepFailed("accept", _too_large(self.body_bytes))
        if "content-encoding" in headers:
            _check_encoding(headers)
        return principal, Arrival(
            request_id=incoming.request_id,
            started_at_ns=self._services.clock.now_ns(),
            accepted_at=incoming.accepted_at,
            operation=operation,
            headers=headers,
            body=call.body,
            client_request_id=client_request_id(headers),
        )

    async def _operate(self, incoming: Incoming) -> None:
        path = incoming.call.path
        await self._converse(
            incoming, self._surfaces.conversations[path], path.removeprefix("/v1/")
        )

    async def _list_models(self, incoming: Incoming) -> None:
        principal = self._principal(incoming)
        snapshot = self._snapshot()
        if not wants_cards(incoming.headers):
            return _send_json(incoming, 200, self._models.listing(snapshot, principal))
        try:
            page = card_page(snapshot, principal, incoming.call.query)
        except InvalidRequest as error:
            raise StepFailed("decode", error) from None
        return _send_json(incoming, 200, page)

    async def _one_model(self, incoming: Incoming) -> None:
        principal = self._principal(incoming)
        snapshot = self._snapshot()
        name, slash, what = incoming.rest.rpartition("/")
        try:
            if slash and what == "endpoints":
                body = self._models.endpoints(snapshot, principal, name)
            elif wants_cards(incoming.headers):
                body = card(snapshot, principal, incoming.rest)
            else:
                body = self._models.one(snapshot, principal, incoming.rest)
        except NotFound as error:
            raise StepFailed("resolve", error) from None
        _send_json(incoming, 200, body)

    async def _generation(self, incoming: Incoming) -> None:
        query = incoming.call.query
        await self._tell(lambda p: self._generations.tell(p, query), incoming)

    async def _tell(
        self, tell: Callable[[Principal], Awaitable[bytes]], incoming: Incoming
    ) -> None:
        principal = self._principal(incoming)
        try:
            body = await tell(principal)
        except (CallerError, CapacityError) as error:
            raise StepFailed("resolve", error) from None
        _send_json(incoming, 200, body)

    def _principal(self, incoming: Incoming) -> Principal:
        return authenticate(
            self._services, incoming.headers, incoming.call.peer, use=KeyKind.INFERENCE
        )

    async def _health(self, incoming: Incoming) -> None:
        _send_json(incoming, 200, b'{"status":"ok"}')

    async def _ready(self, incoming: Incoming) -> None:
        reasons = self.not_ready()
        body = dumps({"status": "unready" if reasons else "ready", "reasons": reasons})
        _send_json(incoming, 503 if reasons else 200, body)

    async def _tell_version(self, incoming: Incoming) -> None:
        _send_json(incoming, 200, self._version)

    async def _describe(self, incoming: Incoming) -> None:
        _send_json(incoming, 200, document(self._told_version))

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

    # --- errors before an exchange ---------------------------------------------------------------

    def _refuse(self, incoming: Incoming, step: str, error: GatewayError) -> None:
        dialect = (
            self._surfaces.dialect_of(incoming.call.path, incoming.headers)
            or self._services.chat_dialect
        )
        shown = dialect.shown(present(error, incoming.request_id))
        self._services.gauges.refused[step, shown.code] += 1
        head = refusal_head(shown)
        if isinstance(error, MethodNotAllowed):
            head += b"allow: %b\r\n" % error.allow.encode()
        elif isinstance(error, RateLimited):
            head += b"".join(b"%b: %b\r\n" % pair for pair in error.headers)
        incoming.call.answer(shown.status, head, dialect.error_body(shown))


def _check_encoding(headers: Mapping[str, str]) -> None:
    encoding = headers.get("content-encoding", "identity")
    if encoding not in ("identity", ""):
        raise StepFailed(
            "accept",
            InvalidRequest(
                f"content-encoding {encoding[:40]!r} is not taken; send the body as it is",
                code="unsupported_encoding",
            ),
        )


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"the body is larger than {limit:,} bytes; send images by URL, or fewer messages"
    )


def _wrong_method(method: str, allowed: str) -> MethodNotAllowed:
    return MethodNotAllowed(f"{method[:20]} is not served here; use {allowed}", allow=allowed)


def _send_json(incoming: Incoming, status: int, body: bytes) -> None:
    head = b"%bx-request-id: %b\r\n" % (JSON, incoming.request_id.encode())
    incoming.call.answer(status, head, body)
