"""The gateway's and the CLI's way to control's internal API: one remote form, near or far."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import msgspec

from opengateway.domain.errors import CapacityError, UpstreamError
from opengateway.domain.principal import Principal, TeamState
from opengateway.domain.records import CloseRecord
from opengateway.infra.http_client.transport import HttpClientTransport
from opengateway.infra.journal.shipper import ControlUnreachable, WrongOffset
from opengateway.infra.key_table import KeyChange
from opengateway.infra.outbound import OutboundLimits
from opengateway.ports.key_state import KeyState
from opengateway.ports.transport import UpstreamRequest

T = TypeVar("T")
_BASE: Final = "http://control/internal/v1"
_CONNECT_S: Final = 5.0
_ANSWER_S: Final = 60.0
_ANSWER_BYTES: Final = 256 * 1024 * 1024
"""The key table of a large zone is some tens of megabytes."""
_JSON: Final = {"content-type": "application/json"}
_BODILESS: Final[dict[str, str]] = {}
ASK_S: Final = 2.5
"""Longer than control takes over a lease that it has to recall others for (1 s)."""


class ControlRefused(ValueError):
    """Control refused the request for good; trying again will not help."""


class Resync(Exception):
    """The changes asked for are no longer kept: take the whole table."""


class _Change(msgspec.Struct):
    seq: int
    kind: str
    id: str
    row: msgspec.Raw


class _Changes(msgspec.Struct):
    seq: int
    changes: list[_Change]


class _Recall(msgspec.Struct):
    lease_ids: list[str]


class KeyTableDump(msgspec.Struct):
    seq: int
    keys: list[Principal]
    teams: list[TeamState] = []


class _Acked(msgspec.Struct):
    acked: int


class _Expected(msgspec.Struct):
    expected: int


class ControlClient:
    """One connection pool to control. Every call raises `ControlUnreachable` while it is away."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._transport: HttpClientTransport | None = None

    def _open(self) -> HttpClientTransport:
        if self._transport is None:
            limits = OutboundLimits(connections=16, connections_per_origin=16)
            self._transport = HttpClientTransport(unix_socket=self._socket, limits=limits)
        return self._transport

    async def call(
        self, method: str, path: str, *, body: bytes | None = None, **query: str | int
    ) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers (lower-case names) of one internal call."""
        url = f"{_BASE}{path}?{urlencode(query)}" if query else _BASE + path
        headers = _BODILESS if body is None else _JSON
        request = UpstreamRequest(url, body or b"", headers, None, _CONNECT_S, method)
        try:
            async with asyncio.timeout(_ANSWER_S):
                answer = await self._open().send(request)
                try:
                    found = await answer.read(_ANSWER_BYTES)
                finally:
                    await answer.release()
        except UpstreamError as error:
            reason = error.detail or error.message
            raise ControlUnreachable(f"control does not answer: {reason}") from None
        except (TimeoutError, OSError) as error:
            raise ControlUnreachable(f"control does not answer: {error}") from None
        return answer.status, found, dict(answer.headers)

    async def snapshot(self, after: str, wait_s: float) -> bytes | None:
        """The signed blob of a version other than `after`, or None after `wait_s`."""
        status, body, _ = await self.call("GET", "/snapshot", after=after, wait_s=str(wait_s))
        if status == 204:
            return None
        _expect(status, 200, body)
        return body

    async def vault(self, version: str) -> bytes | None:
        """The signed vault of that version; None where another is in force by now."""
        status, body, _ = await self.call("GET", "/vault", version=version)
        if status == 404:
            return None
        _expect(status, 200, body)
        return body

    async def changes(self, after: int, wait_s: float) -> list[KeyChange]:
        """Key changes with numbers above `after`. Raises `Resync` on a gap."""
        status, body, _ = await self.call("GET", "/changes", after=after, wait_s=str(wait_s))
        if status == 409:
            raise Resync
        _expect(status, 200, body)
        return [_change(change) for change in _decode(body, _Changes).changes]

    async def key_table(self) -> KeyTableDump:
        status, body, _ = await self.call("GET", "/key-table")
        _expect(status, 200, body)
        return _decode(body, KeyTableDump)

    async def ship(self, gateway: str, segment: str, offset: int, data: bytes, final: bool) -> int:
        """Push journal bytes; the offset that control has made durable.

        Raises `WrongOffset`, and `ControlRefused` for bytes that control finds damaged.
        """
        status, body, _ = await self.call(
            "POST",
            "/journal",
            body=data,
            gateway=gateway,
            segment=segment,
            offset=offset,
            final=int(final),
        )
        if status == 409:
            raise WrongOffset(_decode(body, _Expected).expected)
        if status == 422:
            raise ControlRefused(body[:500].decode(errors="replace"))
        _expect(status, 200, body)
        return _decode(body, _Acked).acked

    async def keep_bodies(self, data: bytes) -> None:
        """Push sealed bodies. Raises `ControlRefused` for what control finds damaged."""
        status, body, _ = await self.call("POST", "/bodies", body=data)
        if status in (400, 413, 422):
            raise ControlRefused(body[:500].decode(errors="replace"))
        _expect(status, 200, body)

    async def ask(self, path: str, payload: object, kind: type[T]) -> T:
        """A short question that somebody waits for: POST `payload`, give the answer as a `kind`.

        Raises `ControlUnreachable` also after `ASK_S`; it may have been done all the same.
        """
        try:
            async with asyncio.timeout(ASK_S):
                status, body, _ = await self.call("POST", path, body=msgspec.json.encode(payload))
        except TimeoutError:
            raise ControlUnreachable(f"control does not answer within {ASK_S} s") from None
        _expect(status, 200, body)
        return _decode(body, kind)

    async def json(
        self, method: str, path: str, payload: object = None, **query: str | int
    ) -> tuple[int, Any]:
        """A call of the CLI: status and decoded body (None when empty)."""
        body = None if payload is None else msgspec.json.encode(payload)
        status, raw, _ = await self.call(method, path, body=body, **query)
        return status, msgspec.json.decode(raw) if raw else None

    async def key_state(self, key_id: str) -> KeyState | None:
        """What the key stands at; None where control does not know it (any more)."""
        status, body, _ = await self.call("GET", "/key-state", key_id=key_id)
        if status == 404:
            return None
        _expect(status, 200, body)
        return _decode(body, KeyState)

    async def generation(self, team_id: str, request_id: str) -> CloseRecord | None:
        """The team's record; None where it has none of that id. Raises `CapacityError`."""
        try:
            async with asyncio.timeout(ASK_S):
                status, body, _ = await self.call(
                    "GET", "/generation", team_id=team_id, id=request_id
                )
            if status == 404:
                return None
            _expect(status, 200, body)
            return _decode(body, CloseRecord)
        except (ControlUnreachable, TimeoutError):
            raise CapacityError(
                "what became of the request is not known now; try again in a moment",
                retry_after_s=1.0,
            ) from None

    async def aclose(self) -> None:
        if self._transport is not None:
            await self._transport.aclose()
            self._transport = None


def _change(told: _Change) -> KeyChange:
    change = KeyChange(told.seq, told.id, kind=told.kind)
    gone = bytes(told.row) == b"null"
    match told.kind:
        case "key":
            change.row = None if gone else _decode(told.row, Principal)
        case "team":
            change.team = None if gone else _decode(told.row, TeamState)
        case "recall":
            change.leases = [] if gone else _decode(told.row, _Recall).lease_ids
        case _:
            pass  # of a newer control: the number counts all the same
    return change


def _expect(status: int, wanted: int, body: bytes) -> None:
    if status != wanted:
        raise ControlUnreachable(f"control answered {status}: {body[:200]!r}")


def _decode(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise ControlUnreachable(f"control's answer is not as agreed: {error}") from None
