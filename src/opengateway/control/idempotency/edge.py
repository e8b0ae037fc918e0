"""`Idempotency-Key` on POST: the same request twice is done once (decision 31).

The answer is written in the transaction of what it tells, so there is no moment at which one of them
exists without the other. It is kept for 24 hours and never holds a secret: members of an answer's model
that are declared with `repr=False` are kept empty, a route may say what is kept instead
(`keep_instead`), and whatever looks like a secret of ours is blacked out.
Only good answers are kept: after an error nothing was done, and asking again is right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, cast

from fastapi import Request
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as AsgiScope

from opengateway.control.actor import Actor, ActorKind
from opengateway.control.idempotency.models import KeptAnswer
from opengateway.control.idempotency.repository import KeptAnswers
from opengateway.control.scope import ControlScope, Scope
from opengateway.domain.errors import GatewayError, InvalidRequest, RequestInFlight, Unprocessable
from opengateway.kit import json

KEPT_NS: Final = 24 * 3600 * 1_000_000_000
_FORM: Final = re.compile(r"[!-~]{1,200}")
_SECRETS: Final = re.compile(rb"\b(og_(?:live|mgmt|test)_|ogi_|OGC-)[0-9A-Za-z-]{8,}")


class KeyReused(Unprocessable):
    code = "idempotency_mismatch"


class Replayed(Exception):
    """Not an error: the answer was given before. The app renders it with `replay`."""

    def __init__(self, answer: KeptAnswer) -> None:
        super().__init__("replayed")
        self.answer = answer


@dataclass(frozen=True, slots=True)
class _Running:
    """A request under an `Idempotency-Key` whose answer is to be kept."""

    place: tuple[str, str]
    fingerprint: str
    scope: ControlScope
    hidden: Mapping[str, str | None]
    """Members of the answer that are secrets, and what stands in their place."""


async def idempotent(request: Request, scope: Scope) -> None:
    """An app-wide dependency, after the authority: it needs the actor.

    Raises `Replayed`, `RequestInFlight`, `KeyReused`.
    """
    key = request.headers.get("idempotency-key")
    if request.method != "POST" or key is None:
        return
    if request.state.actor.kind is ActorKind.ANONYMOUS:
        return  # signing in: a kept answer would be given to whoever knows the key
    if _FORM.fullmatch(key) is None:
        raise InvalidRequest(
            "'idempotency-key' must be 1 to 200 printable ASCII characters",
            code="invalid_idempotency_key",
            param="idempotency-key",
        )
    place = (_scope_name(request.state.actor, request), key)
    print_ = sha256(request.url.query.encode() + b"\n" + await request.body()).hexdigest()
    running: set[tuple[str, str]] = request.app.state.idempotency_running
    if place in running:
        raise RequestInFlight(
            "a request with this idempotency key is running; ask again when it is done",
            retry_after_s=1,
        )
    kept = await KeptAnswers(scope.session).find(*place, scope.clock.now_ns())
    if kept is None:
        running.add(place)
        request.state.idempotency = _Running(
            place, print_, scope, _secret_members(request.scope["route"].response_model)
        )
        return
    if kept.fingerprint != print_:
        raise KeyReused(
            "this idempotency key came with another request; use a new one",
            param="idempotency-key",
        )
    raise Replayed(kept)


def _scope_name(actor: Actor, request: Request) -> str:
    """One caller's keys on one path: they cannot meet anybody else's."""
    who = actor.user_id or actor.key_id or actor.kind.value
    told = f"{who} {request.url.path}"
    return told if len(told) <= 200 else sha256(told.encode()).hexdigest()


def keep_instead(request: Request, body: BaseModel) -> None:
    """What a repeat is answered with, where the answer itself holds a secret."""
    request.state.kept_answer = body.model_dump_json().encode()


async def replay(request: Request, error: Exception) -> Response:
    """The exception handler for `Replayed`."""
    answer = cast(Replayed, error).answer
    headers = {"content-type": "application/json", "idempotency-replayed": "true"}
    body = answer.body.encode()
    return Response(body, answer.status, headers if body else {"idempotency-replayed": "true"})


class KeepAnswers:
    """ASGI middleware inside the unit of work: writes the answer before the commit.

    `render` gives the answer of an error.
    """

    def __init__(
        self, app: ASGIApp, *, render: Callable[[Request, GatewayError], Response]
    ) -> None:
        self._app = app
        self._render = render

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            return await self._app(scope, receive, send)
        held: list[Message] = []

        async def hold(message: Message) -> None:
            # Held back until it is whole: the row must be written before the head is sent, for that
            # is when the transaction commits.
            if "idempotency" not in scope["state"]:
                await send(message)
                return
            held.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                await self._finish(scope, held, receive, send)

        try:
            await self._app(scope, receive, hold)
        finally:
            running: _Running | None = scope["state"].get("idempotency")
            if running is not None:
                scope["app"].state.idempotency_running.discard(running.place)

    async def _finish(
        self, scope: AsgiScope, held: list[Message], receive: Receive, send: Send
    ) -> None:
        state: dict[str, Any] = scope["state"]
        running: _Running = state["idempotency"]
        status: int = held[0]["status"]
        if status < 400:
            body = b"".join(message.get("body", b"") for message in held[1:])
            told = state.get("kept_answer") or _without(body, running.hidden)
            kept = _SECRETS.sub(rb"\1[hidden]", told)
            try:
                await _keep(running, status, kept.decode())
            except IntegrityError:
                # Another process has done the same request meanwhile: this one is undone.
                error = RequestInFlight(
                    "the same request was done meanwhile; ask again for its answer",
                    retry_after_s=1,
                )
                await self._render(Request(scope), error)(scope, receive, send)
                return
        for message in held:
            await send(message)


def _secret_members(model: Any) -> Mapping[str, str | None]:
    """The members of an answer's model, and of models within it, that no `repr` shows.

    Null takes their place, "" where the model takes no null.
    """
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return {}
    found: dict[str, str | None] = {}
    for name, member in model.model_fields.items():
        found.update(_secret_members(member.annotation))
        if not member.repr:
            found[name] = "" if member.annotation is str else None
    return found


def _without(body: bytes, hidden: Mapping[str, str | None]) -> bytes:
    if not hidden or not body:
        return body

    def cleared(value: Any) -> Any:
        if isinstance(value, dict):
            return {n: hidden[n] if n in hidden else cleared(v) for n, v in value.items()}
        return [cleared(item) for item in value] if isinstance(value, list) else value

    return json.dumps(cleared(json.loads(body)))


async def _keep(running: _Running, status: int, body: str) -> None:
    now_ns = running.scope.clock.now_ns()
    name, key = running.place
    row = KeptAnswer(
        scope=name,
        key=key,
        fingerprint=running.fingerprint,
        status=status,
        body=body,
        expires_at_ns=now_ns + KEPT_NS,
    )
    await KeptAnswers(running.scope.session).add(row, now_ns)
