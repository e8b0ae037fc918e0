"""Setting and checking passwords. Hashing never happens inside a transaction."""

from __future__ import annotations

from sqlalchemy import delete, select, update

from opengateway.control.passwords.models import PasswordCredential
from opengateway.control.scope import ControlScope


class PasswordService:
    """The caller owns the transaction, and lets go of it around `verify` (see `let_go`)."""

    def __init__(self, scope: ControlScope) -> None:
        self._scope = scope
        self._session = scope.session
        self._hasher = scope.sign_in.hasher

    async def known_hash(self, user_id: str) -> str | None:
        # The column, not the object: a session gives back an object as it was first read.
        statement = select(PasswordCredential.hash).where(PasswordCredential.user_id == user_id)
        known: str | None = await self._session.scalar(statement)
        return known

    async def verify(self, known: str | None, password: str) -> bool:
        """Costs the same whether a hash is known or not. Ends the transaction so far.

        Nothing may have been written in it: SQLite has one writer, and argon2 takes 30 ms of it.
        """
        await let_go(self._scope)
        return await self._hasher.verify(known, password)

    async def make(self, password: str) -> str:
        """The hash of a new password, which the caller has checked. Ends the transaction so far."""
        await let_go(self._scope)
        return await self._hasher.hash(password)

    async def store(self, user_id: str, made: str) -> None:
        """Put the hash in force, in place of any other."""
        now = self._scope.clock.now_ns()
        found = await self._session.get(PasswordCredential, user_id)
        if found is None:
            self._session.add(PasswordCredential(user_id=user_id, hash=made, changed_at_ns=now))
        else:
            found.hash, found.changed_at_ns = made, now
        await self._session.flush()

    async def renew(self, user_id: str, old: str, password: str) -> str:
        """Hash a password that was just right with today's parameters, if `old` has others.

        Return the hash that is in force then, as far as it is known here.
        """
        if not self._hasher.outdated(old):
            return old
        made = await self.make(password)
        # Only over the very hash that was checked: the password may have changed meanwhile.
        statement = (
            update(PasswordCredential)
            .where(PasswordCredential.user_id == user_id, PasswordCredential.hash == old)
            .values(hash=made)
        )
        await self._session.execute(statement)
        return made

    async def remove(self, user_id: str) -> None:
        statement = delete(PasswordCredential).where(PasswordCredential.user_id == user_id)
        await self._session.execute(statement)


async def let_go(scope: ControlScope) -> None:
    """End a transaction that wrote nothing, so that its connection is free while we work elsewhere.

    A commit, not a rollback: a rollback would make every object that was read unreadable.
    """
    assert not scope.session.new, "something was written"
    assert not scope.session.dirty, "something was written"
    await scope.session.commit()
