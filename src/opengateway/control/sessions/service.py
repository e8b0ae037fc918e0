"""Sessions: begun at sign-in, ended by the server, known by the hash of a cookie."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from opengateway.control.actor import SessionActor
from opengateway.control.identity.caller import Caller
from opengateway.control.identity.settings import SECOND_NS
from opengateway.control.scope import ControlScope
from opengateway.control.sessions.models import Session
from opengateway.control.sessions.repository import SessionRepository
from opengateway.domain.errors import NotFound
from opengateway.kit.chance import random_base62

TOKEN_CHARACTERS: Final = 43
"""Of base62: 256 bits."""
MAX_SESSIONS: Final = 20
"""Of one user. The oldest ends when one more begins."""
SECOND_FACTOR_S: Final = 600
"""How long somebody may look for their second factor."""


class Stage(StrEnum):
    FULL = "full"
    SECOND_FACTOR = "second_factor"


@dataclass(frozen=True, slots=True)
class IssuedSession:
    """A session that was just begun. `token` is the cookie's value, and is kept nowhere."""

    session: Session
    token: str = field(repr=False)

    @property
    def csrf_token(self) -> str:
        return csrf_token(self.token)


class SessionNotFound(NotFound):
    code = "session_not_found"


class SessionService:
    """Begins, finds and ends sessions. The caller owns the transaction."""

    def __init__(self, scope: ControlScope) -> None:
        self._scope = scope
        self._settings = scope.sign_in.settings
        self._seen = scope.sign_in.seen
        self._rows = SessionRepository(scope.session)

    async def begin(
        self,
        user_id: str,
        caller: Caller,
        methods: Sequence[str],
        *,
        stage: Stage = Stage.FULL,
        instead_of: str | None = None,
        proved: bool = True,
    ) -> IssuedSession:
        """A new session with a new cookie; the session `instead_of` ends in the same transaction.

        `proved`: the person proved just now who they are, and need not again for ten minutes.

        Nothing that a browser had before becomes a session: that is what makes fixation impossible.
        """
        if instead_of is not None:
            await self.end(user_id, instead_of)
        now = self._scope.clock.now_ns()
        lasts_s = self._settings.absolute_s if stage is Stage.FULL else SECOND_FACTOR_S
        token = random_base62(TOKEN_CHARACTERS)
        row = Session(
            id=self._scope.new_id("ses_"),
            token_digest=_digest(token),
            user_id=user_id,
            stage=stage.value,
            methods=list(methods),
            created_at_ns=now,
            seen_at_ns=now,
            expires_at_ns=now + int(lasts_s * SECOND_NS),
            step_up_at_ns=now if proved and stage is Stage.FULL else None,
            ip=caller.ip,
            device=caller.device,
        )
        await self._rows.add(row)
        for old in (await self._rows.of_user(user_id))[MAX_SESSIONS:]:
            await self.end(user_id, old.id)
        return IssuedSession(row, token)

    async def find(self, cookie: str, stage: Stage) -> Session | None:
        """The live session of this cookie at this stage, and note that it was used."""
        if len(cookie) != TOKEN_CHARACTERS or not cookie.isascii():
            return None
        row = await self._rows.by_digest(_digest(cookie))
        if row is None or row.stage != stage or not self._lives(row):
            return None
        self._seen.note(row.id, self._scope.clock.now_ns())
        return row

    async def methods(self, session_id: str) -> Sequence[str]:
        """How the session was begun."""
        row = await self._scope.session.get(Session, session_id)
        return row.methods if row else ()

    async def live(self, user_id: str) -> Sequence[Session]:
        """The user's sessions that are in use, newest first."""
        rows = await self._rows.of_user(user_id)
        return [row for row in rows if row.stage == Stage.FULL and self._lives(row)]

    def last_seen_ns(self, row: Session) -> int:
        return self._seen.newest(row.id, row.seen_at_ns)

    async def end(self, user_id: str, session_id: str) -> None:
        """Raises `SessionNotFound`, for another user's session as for none."""
        if not await self._rows.remove(user_id, session_id):
            raise SessionNotFound(f"there is no session {session_id!r}", param="session_id")
        self._seen.forget(session_id)

    async def end_all(self, user_id: str, *, but: str | None = None) -> None:
        """At a change of password, a suspension, a deletion. `but` is the session that asked."""
        await self._rows.remove_all(user_id, but=but)

    async def step_up(self, session_id: str) -> None:
        """The person has just proved again who they are."""
        await self._rows.step_up(session_id, self._scope.clock.now_ns())

    def _lives(self, row: Session) -> bool:
        now = self._scope.clock.now_ns()
        idle_ns = int(self._settings.idle_s * SECOND_NS)
        return now < row.expires_at_ns and now - self.last_seen_ns(row) < idle_ns


async def resolve_session(scope: ControlScope, cookie: str) -> SessionActor | None:
    """Who this cookie stands for; None where it stands for nobody any more.

    Whether the user may still act (status, roles) is judged by whoever asks.
    """
    row = await SessionService(scope).find(cookie, Stage.FULL)
    if row is None:
        return None
    return SessionActor(
        session_id=row.id,
        user_id=row.user_id,
        csrf_token=csrf_token(cookie),
        step_up_at_ns=row.step_up_at_ns,
    )


def csrf_token(cookie: str) -> str:
    """What a page must repeat in `x-csrf-token`. Made from the cookie, which it does not reveal:
    nothing more need be stored, and it changes whenever the session does."""
    made = hmac.digest(cookie.encode(), b"opengateway csrf 1", "sha256")
    return urlsafe_b64encode(made).decode().rstrip("=")


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
