"""What must be done for sign-in now and then, beside the requests."""

from __future__ import annotations

import asyncio
from typing import Final

from opengateway.control.challenges.service import Challenges
from opengateway.control.identity.settings import SECOND_NS
from opengateway.control.identity.tools import SignInTools
from opengateway.control.mail.outbox import OpenScope
from opengateway.control.mail_tokens.service import MailTokens
from opengateway.control.sessions.repository import SessionRepository
from opengateway.control.throttle.service import Throttle
from opengateway.kit.log import get_logger

EVERY_S: Final = 20.0
_PRUNE_EVERY: Final = 30
"""Turns. Ten minutes."""

log = get_logger(__name__)


class SignInChores:
    """Writes when sessions were last used, and removes what is over."""

    def __init__(self, open_scope: OpenScope, tools: SignInTools) -> None:
        self._open_scope = open_scope
        self._tools = tools

    async def run(self) -> None:
        """For ever; once more when it is cancelled, so that a stop forgets no use."""
        turn = 0
        try:
            while True:
                await asyncio.sleep(EVERY_S)
                turn += 1
                try:
                    await self.write_seen()
                    if turn % _PRUNE_EVERY == 0:
                        await self.prune()
                except Exception as error:
                    log.error("sign_in_chores_failed", exc_info=error)
        finally:
            await self.write_seen()

    async def write_seen(self) -> None:
        held = self._tools.seen.take()
        if not held:
            return
        try:
            async with self._open_scope() as scope:
                await SessionRepository(scope.session).mark_seen(held)
        except BaseException:
            self._tools.seen.put_back(held)
            raise

    async def prune(self) -> None:
        async with self._open_scope() as scope:
            now = scope.clock.now_ns()
            idle_ns = int(self._tools.settings.idle_s * SECOND_NS)
            # Twice the idle time: a use that was not written yet must not end a session.
            await SessionRepository(scope.session).prune(now, now - 2 * idle_ns)
            await Throttle(scope).prune()
            await Challenges(scope).prune()
            await MailTokens(scope).prune()
