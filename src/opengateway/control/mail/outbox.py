"""Letters that wait to be sent. A request writes one in its own transaction and never waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final

from sqlalchemy import delete, func, select, update

from opengateway.control.identity.settings import SECOND_NS
from opengateway.control.mail.dead_letters import bury
from opengateway.control.mail.models import OutgoingMail
from opengateway.control.scope import ControlScope
from opengateway.kit import json
from opengateway.kit.clock import Clock
from opengateway.kit.log import get_logger
from opengateway.ports.mail import Mail, MailDelayed, Mailer, MailRefused

MAX_WAITING: Final = 10_000
MAX_LETTER_BYTES: Final = 64 * 1024
KEPT_S: Final = 86_400
_PER_TURN: Final = 20
_TRIES_S: Final = (15, 60, 300, 900, 1_800, 3_600)
"""How long after the first, second, ... failure it is tried again; the last one repeats."""
_CLAIM_S: Final = 120
"""A letter that is being sent is nobody else's for so long: there may be two control processes."""

log = get_logger(__name__)


class Outbox:
    """Puts letters in. The caller owns the transaction."""

    def __init__(self, scope: ControlScope, *, most: int = MAX_WAITING) -> None:
        self._scope = scope
        self._most = most

    async def post(self, mail: Mail, *, keep_s: float = KEPT_S) -> bool:
        """Keep a letter until it is sent, at most `keep_s`. False when it will not be sent.

        That is so where the zone has no mail, and when too many wait: the caller of a public route
        must not be told which, and an admin is shown the link instead.
        """
        scope = self._scope
        if not scope.mail.sends:
            return False
        alive = select(func.count()).where(OutgoingMail.failed_at_ns.is_(None))
        waiting = await scope.session.scalar(alive)
        body = json.dumps([mail.subject, mail.text, mail.html])
        if (waiting or 0) >= self._most or len(body) > MAX_LETTER_BYTES:
            log.error("mail_not_kept", waiting=waiting, size_bytes=len(body))
            return False
        now = scope.clock.now_ns()
        row_id = scope.new_id("mail_")
        scope.session.add(
            OutgoingMail(
                id=row_id,
                recipient=mail.to,
                sealed=scope.secret_box.seal(body, f"mail:{row_id}"),
                created_at_ns=now,
                expires_at_ns=now + int(keep_s * SECOND_NS),
                next_at_ns=now,
                attempts=0,
                last_error="",
            )
        )
        await scope.session.flush()
        return True


OpenScope = Callable[[], AbstractAsyncContextManager[ControlScope]]
"""A scope of its own with a session that writes; leaving it commits."""


class Postman:
    """Sends what waits, and tries again. Runs beside the requests (`compose/control.py`)."""

    def __init__(self, open_scope: OpenScope, mailer: Mailer, clock: Clock) -> None:
        self._open_scope = open_scope
        self._mailer = mailer
        self._clock = clock

    async def run(self, every_s: float = 5.0) -> None:
        """For ever. One letter that cannot be sent keeps no other from being sent."""
        while True:
            try:
                sent = await self.turn()
            except Exception as error:
                log.error("mail_turn_failed", exc_info=error)
                sent = 0
            if sent < _PER_TURN:
                await asyncio.sleep(every_s)

    async def turn(self) -> int:
        """Send what is due, at most 20. Return how many were taken up."""
        claimed = await self._claim()
        await asyncio.gather(*(self._send(row_id, mail, n) for row_id, mail, n in claimed))
        return len(claimed)

    async def _claim(self) -> Sequence[tuple[str, Mail, int]]:
        now = self._clock.now_ns()
        async with self._open_scope() as scope:
            await bury(scope.session, now)
            due = (
                select(OutgoingMail)
                .where(OutgoingMail.next_at_ns <= now, OutgoingMail.failed_at_ns.is_(None))
                .order_by(OutgoingMail.next_at_ns)
                .limit(_PER_TURN)
                .with_for_update(skip_locked=True)
            )
            claimed = []
            for row in (await scope.session.scalars(due)).all():
                row.next_at_ns = now + _CLAIM_S * SECOND_NS
                row.attempts += 1
                subject, text, html = json.loads(
                    scope.secret_box.open(row.sealed, f"mail:{row.id}")
                )
                claimed.append((row.id, Mail(row.recipient, subject, text, html), row.attempts))
            return claimed

    async def _send(self, row_id: str, mail: Mail, attempts: int) -> None:
        try:
            await self._mailer.deliver(mail)
        except MailDelayed as error:
            pause_s = _TRIES_S[min(attempts, len(_TRIES_S)) - 1]
            log.warning("mail_delayed", mail_id=row_id, attempts=attempts, error=str(error))
            next_at_ns = self._clock.now_ns() + pause_s * SECOND_NS
            await self._set(row_id, next_at_ns=next_at_ns, last_error=str(error)[:300])
            return
        except MailRefused as error:
            log.error("mail_refused", mail_id=row_id, error=str(error))
            failed_at_ns = self._clock.now_ns()
            await self._set(row_id, failed_at_ns=failed_at_ns, last_error=str(error)[:300])
            return
        async with self._open_scope() as scope:
            await scope.session.execute(delete(OutgoingMail).where(OutgoingMail.id == row_id))

    async def _set(self, row_id: str, **values: object) -> None:
        async with self._open_scope() as scope:
            await scope.session.execute(
                update(OutgoingMail).where(OutgoingMail.id == row_id).values(**values)
            )
