"""Listening to a request whose team keeps its bodies: what came, and what the caller was answered.

Who keeps nothing is served as ever: the caller of such a request is not wrapped, so an event costs
nothing more. What is heard is bounded, for each and in all; it is handed on when the request is
over, and everything else happens off this path.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from opengateway.domain.kept_body import CapturedBody
from opengateway.domain.principal import Principal, TeamState
from opengateway.gateway.arrival import Arrival
from opengateway.kit import json
from opengateway.ports.body_sink import BodySink
from opengateway.ports.caller import Caller

HEADER: Final = "x-opengateway-log-body"
"""`false` keeps a request out, whatever its team and key say. Nothing turns keeping on."""
REQUEST_BYTES: Final = 256 * 1024
ANSWER_BYTES: Final = 256 * 1024
STREAM_BYTES: Final = 2 * 1024 * 1024
"""Of a stream: events say a token in 200 bytes. Folded, it is as long as an answer."""
HELD_BYTES: Final = 64 * 1024 * 1024
"""Of all that is being listened to."""
_STREAM: Final = b"text/event-stream"

Serve = Callable[[Arrival, Principal, Caller], Awaitable[None]]


class Bodies:
    """One for a gateway. `teams` is the live table of team states."""

    def __init__(self, teams: Mapping[str, TeamState], sink: BodySink) -> None:
        self._teams = teams
        self._sink = sink
        self.held_bytes = 0

    def keeps(self, principal: Principal) -> bool:
        """Whether the key, or else its team, keeps bodies."""
        if principal.body_logging is not None:
            return principal.body_logging
        team = self._teams.get(principal.team_id)
        return team is not None and team.body_logging

    async def hear(
        self, arrival: Arrival, principal: Principal, caller: Caller, serve: Serve
    ) -> None:
        """Serve, and listen unless the request itself says that nothing of it is to be kept."""
        if not _may_be_kept(arrival):
            return await serve(arrival, principal, caller)
        if self.held_bytes >= HELD_BYTES:
            self._sink.missed("memory")
            return await serve(arrival, principal, caller)
        listening = Listening(self, caller, arrival.body[:REQUEST_BYTES])
        try:
            await serve(arrival, principal, listening)
        finally:
            self.held_bytes -= listening.held_bytes
            self._sink.offer(listening.heard(arrival, principal))


class Listening:
    """A caller that is listened to. Implements `ports.caller.Caller`."""

    __slots__ = ("_answer_bytes", "_bodies", "_caller", "_most", "_parts", "_request", "held_bytes")

    def __init__(self, bodies: Bodies, caller: Caller, request: bytes) -> None:
        self._bodies = bodies
        self._caller = caller
        self._request = request
        self._parts: list[bytes] = []
        self._answer_bytes = 0
        self._most = ANSWER_BYTES
        self.held_bytes = len(request)
        bodies.held_bytes += len(request)

    def start(self, status: int, head: bytes) -> None:
        if _STREAM in head:
            self._most = STREAM_BYTES
        self._caller.start(status, head)

    def put(self, body: bytes) -> bool:
        self._hear(body)
        return self._caller.put(body)

    async def write(self, body: bytes, *, last: bool) -> None:
        self._hear(body)
        await self._caller.write(body, last=last)

    def on_gone(self, callback: Callable[[], None] | None) -> None:
        self._caller.on_gone(callback)

    def abort(self) -> None:
        self._caller.abort()

    def _hear(self, body: bytes) -> None:
        kept = self.held_bytes - len(self._request)
        self._answer_bytes += len(body)
        room = min(self._most - kept, HELD_BYTES - self._bodies.held_bytes)
        if room <= 0:
            return
        part = body if len(body) <= room else body[:room]
        self._parts.append(part)
        self.held_bytes += len(part)
        self._bodies.held_bytes += len(part)

    def heard(self, arrival: Arrival, principal: Principal) -> CapturedBody:
        return CapturedBody(
            request_id=arrival.request_id,
            team_id=principal.team_id,
            member_id=principal.user_id,
            started_at_ns=arrival.started_at_ns,
            operation=arrival.operation,
            request=self._request,
            request_bytes=len(arrival.body),
            answer=b"".join(self._parts),
            answer_bytes=self._answer_bytes,
            stream=self._most == STREAM_BYTES,
        )


def _may_be_kept(arrival: Arrival) -> bool:
    said = arrival.headers.get(HEADER)
    if said is not None and said.strip().lower() != "true":
        return False
    return b'"zdr"' not in arrival.body or not _wants_zdr(arrival.body)


def _wants_zdr(body: bytes) -> bool:
    """Zero data retention, asked of providers, is not undone by ourselves."""
    try:
        preferences: Any = json.loads(body).get("provider")
    except (ValueError, AttributeError, RecursionError):
        return False
    return isinstance(preferences, dict) and preferences.get("zdr") is True
