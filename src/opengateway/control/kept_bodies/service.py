"""Taking bodies in, reading one, finding a text in them, and forgetting them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from opengateway.control.kept_bodies.folding import folded
from opengateway.control.kept_bodies.models import RequestBody
from opengateway.control.kept_bodies.redaction import Redactor
from opengateway.control.kept_bodies.repository import BodyRepository, kept_since
from opengateway.control.scope import ControlScope
from opengateway.control.teams.repository import TeamRepository
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.kept_body import (
    BadBody,
    CapturedBody,
    KeptBody,
    SealedBody,
    captured_of,
    kept_of,
    packed,
    purpose_of,
)
from opengateway.domain.request_log import Place
from opengateway.kit import envelope, json
from opengateway.kit.envelope import BadEnvelope
from opengateway.kit.framing import CorruptFrame, scan
from opengateway.kit.log import get_logger
from opengateway.ports.secret_box import SecretBox, Unsealable

KEPT_CHARACTERS: Final = 256 * 1024
"""Of a request, and of an answer."""
SCANNED: Final = 2_000
"""Bodies that one search looks into."""
SEARCH_S: Final = 2.0
_CHUNK: Final = 50
_AROUND: Final = 80
log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """A body that has the text, and where: `request` or `answer`."""

    request_id: str
    team_id: str
    started_at_ns: int
    where: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What a search found. `next` is where it stopped; None: it saw all that was asked for."""

    data: Sequence[Found]
    scanned: int
    unreadable: int
    next: Place | None


@dataclass(frozen=True, slots=True)
class Window:
    """`until_ns` is not included."""

    from_ns: int
    until_ns: int
    after: Place | None = None


class KeptBodies:
    def __init__(self, scope: ControlScope) -> None:
        self._scope = scope
        self._rows = BodyRepository(scope.session)

    # --- what comes in -----------------------------------------------------------------------------

    async def take(self, data: bytes) -> int:
        """Frames of sealed bodies, as a gateway pushes them. Returns how many are kept now.

        A team that was deleted meanwhile keeps nothing. Raises `InvalidRequest` for damage.
        """
        try:
            frames, end = scan(data)
            pushed = [_sealed(frame) for frame in frames]
        except (CorruptFrame, msgspec.MsgspecError):
            raise InvalidRequest("these are no frames of bodies") from None
        if end != len(data):
            raise InvalidRequest("the last frame is cut off")
        teams = await TeamRepository(self._scope.session).of_ids({b.team_id for b in pushed})
        living = {team.id for team in teams if team.deleted_at_ns is None}
        wanted = [body for body in pushed if body.team_id in living]
        made = await asyncio.to_thread(_made, wanted, self._scope.secret_box)
        await self._rows.add(made, self._scope.clock.now_ns())
        return len(made)

    # --- what is read ------------------------------------------------------------------------------

    async def get(
        self, request_id: str, team_ids: Sequence[str], days: int
    ) -> tuple[RequestBody, KeptBody, int] | None:
        """The row, what is in it, and until when it is kept. Raises `Unsealable`, `BadBody`."""
        row = await self._rows.get(request_id, team_ids)
        if row is None:
            return None
        kept = (await self._rows.days([row.team_id], days)).get(row.team_id, 0)
        now_ns = self._scope.clock.now_ns()
        if row.started_at_ns < kept_since(now_ns, kept):
            return None
        body = await asyncio.to_thread(_opened, row, self._scope.secret_box)
        return row, body, row.started_at_ns - kept_since(0, kept)

    async def find(
        self, text: str, team_id: str, window: Window, *, days: int, limit: int
    ) -> Finding:
        """Bodies of the team that have the text, upper and lower case alike, the newest first."""
        monotonic = self._scope.clock.monotonic
        ends = monotonic() + SEARCH_S
        kept = (await self._rows.days([team_id], days)).get(team_id, 0)
        since = max(window.from_ns, kept_since(self._scope.clock.now_ns(), kept))
        found: list[Found] = []
        place, scanned, unreadable = window.after, 0, 0
        while scanned < SCANNED and monotonic() < ends:
            rows = await self._rows.page(team_id, since, window.until_ns, after=place, limit=_CHUNK)
            bodies = await asyncio.to_thread(_opened_all, rows, self._scope.secret_box)
            for row, body in zip(rows, bodies, strict=True):
                scanned += 1
                place = Place(row.started_at_ns, row.request_id)
                if body is None:
                    unreadable += 1
                elif hit := _hit(row, body, text):
                    found.append(hit)
                    if len(found) == limit:
                        return Finding(found, scanned, unreadable, place)
            if len(rows) < _CHUNK:
                return Finding(found, scanned, unreadable, None)
            self._scope.session.expunge_all()
        return Finding(found, scanned, unreadable, place)


def _made(bodies: Sequence[SealedBody], box: SecretBox) -> list[SealedBody]:
    """What is kept of what was pushed, in a thread."""
    made = []
    for body in bodies:
        purpose = purpose_of(body.team_id, body.request_id)
        try:
            captured = captured_of(envelope.unseal(body.sealed, purpose, box.open))
        except (Unsealable, BadEnvelope, BadBody) as error:
            log.error("body not kept", request=body.request_id, reason=str(error))
            continue
        closed = envelope.seal(packed(kept_body(captured)), purpose, box.seal)
        made.append(msgspec.structs.replace(body, sealed=closed))
    return made


def kept_body(captured: CapturedBody) -> KeptBody:
    """A stream put together, secrets and people's marks taken out, bounded."""
    redactor = Redactor()
    request, request_cut = _text(_parsed(captured.request), captured.request, redactor)
    whole = folded(captured.answer) if captured.stream else _parsed(captured.answer)
    answer, answer_cut = _text(whole, captured.answer, redactor)
    return KeptBody(
        request,
        captured.request_bytes,
        request_cut or captured.request_bytes > len(captured.request),
        answer,
        captured.answer_bytes,
        answer_cut or captured.answer_bytes > len(captured.answer),
        redactor.count,
    )


def _parsed(data: bytes) -> Any | None:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None  # no JSON, or cut off


def _text(found: Any | None, data: bytes, redactor: Redactor) -> tuple[str, bool]:
    """As text, and whether it was cut."""
    try:
        text = None if found is None else json.dumps(redactor.value(found)).decode()
    except RecursionError:
        text = None
    if text is None:
        text = redactor.text(data.decode(errors="replace"))
    return text[:KEPT_CHARACTERS], len(text) > KEPT_CHARACTERS


def _opened(row: RequestBody, box: SecretBox) -> KeptBody:
    """Raises `Unsealable`, `BadBody`."""
    purpose = purpose_of(row.team_id, row.request_id)
    try:
        return kept_of(envelope.unseal(row.sealed, purpose, box.open))
    except BadEnvelope as error:
        raise BadBody(str(error)) from None


def _opened_all(rows: Sequence[RequestBody], box: SecretBox) -> list[KeptBody | None]:
    opened: list[KeptBody | None] = []
    for row in rows:
        try:
            opened.append(_opened(row, box))
        except (Unsealable, BadBody):
            opened.append(None)
    return opened


def _hit(row: RequestBody, body: KeptBody, text: str) -> Found | None:
    wanted = text.casefold()
    for where, kept in (("request", body.request), ("answer", body.answer)):
        at = kept.casefold().find(wanted)
        if at >= 0:
            begin = max(0, at - _AROUND)
            excerpt = kept[begin : at + len(text) + _AROUND]
            return Found(row.request_id, row.team_id, row.started_at_ns, where, excerpt)
    return None


_sealed: Final = msgspec.msgpack.Decoder(SealedBody).decode
