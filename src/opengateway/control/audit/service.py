"""Writing the audit log in the transaction of the deed, and proving that nobody changed it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

from opengateway.control.actor import Actor
from opengateway.control.audit.chain import GENESIS, Deed, canonical, entry_hash
from opengateway.control.audit.checkpoints import EVERY, Checkpoint, Checkpoints
from opengateway.control.audit.models import AuditEntry
from opengateway.control.audit.repository import AuditRepository, last_place
from opengateway.kit.clock import Clock
from opengateway.kit.db import AsyncSession


class AuditLog:
    """One request's audit trail. Entries get their numbers as the transaction commits, last of all.

    So the lock that orders the chain is taken after every other lock, and held for the shortest
    time: two requests cannot wait for each other. A rollback, also of a savepoint, takes with it
    what was noted since its beginning: the session may go on and commit something else.
    """

    def __init__(
        self,
        session: AsyncSession,
        clock: Clock,
        zone: str,
        after_commit: Callable[[Callable[[], None]], None],
        checkpoints: Checkpoints,
    ) -> None:
        self._session = session
        self._clock = clock
        self._zone = zone
        self._after_commit = after_commit
        self._checkpoints = checkpoints
        self._waiting: list[Deed] = []
        self._began: dict[SessionTransaction, int] = {}
        """The transaction's savepoints, each with how many deeds waited as it began."""
        self._listens = False

    async def record(
        self,
        actor: Actor,
        action: str,
        *,
        object_id: str | None = None,
        before: Any = None,
        after: Any = None,
        team_id: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Note a deed. `before` and `after` are plain values without secrets and without floats.

        The reason is cut to 500 characters.
        """
        if not self._listens:
            self._listen(self._session.sync_session)
        if not self._session.in_transaction():
            self._session.sync_session.begin()  # so that a rollback is told of
        self._waiting.append(
            Deed(
                at_ns=self._clock.now_ns(),
                team_id=team_id,
                actor=canonical(_told(actor)),
                action=action,
                object_id=object_id,
                before=None if before is None else canonical(before),
                after=None if after is None else canonical(after),
                reason=None if reason is None else reason[:500],
            )
        )

    def _listen(self, session: Session) -> None:
        event.listen(session, "before_commit", self._write)
        event.listen(session, "after_transaction_create", self._open)
        event.listen(session, "after_soft_rollback", self._forget)
        event.listen(session, "after_transaction_end", self._end)
        self._listens = True

    def _open(self, _session: Session, transaction: SessionTransaction) -> None:
        if transaction.nested:
            self._began[transaction] = len(self._waiting)

    def _forget(self, _session: Session, undone: SessionTransaction) -> None:
        """A savepoint that is older than the first deed has nothing from before it to keep."""
        if undone.nested:
            del self._waiting[self._began.pop(undone, 0) :]

    def _end(self, _session: Session, transaction: SessionTransaction) -> None:
        """Of the whole: what waited is written, or undone. A savepoint ends before it is undone."""
        if transaction.parent is None:
            self._waiting.clear()
            self._began.clear()

    def _write(self, session: Session) -> None:
        if not self._waiting or session.in_nested_transaction():
            return
        waiting, self._waiting = self._waiting, []
        seq, prev_hash = last_place(session, self._zone) or (0, GENESIS)
        for deed in waiting:
            seq += 1
            made = entry_hash(prev_hash, self._zone, seq, deed)
            session.add(
                AuditEntry(
                    zone=self._zone,
                    seq=seq,
                    prev_hash=prev_hash,
                    hash=made,
                    **msgspec.structs.asdict(deed),
                )
            )
            prev_hash = made
            if seq % EVERY == 0:
                self._mark(Checkpoint(self._zone, seq, made))

    def _mark(self, mark: Checkpoint) -> None:
        self._after_commit(lambda: self._checkpoints.write(mark))


def _told(actor: Actor) -> dict[str, str]:
    """The actor without what is absent."""
    told = {
        "kind": actor.kind.value,
        "user_id": actor.user_id,
        "key_id": actor.key_id,
        "session_id": actor.session_id,
        "role": actor.role and actor.role.value,
        "platform_role": actor.platform_role and actor.platform_role.value,
        "ip": actor.ip,
        "request_id": actor.request_id or None,
    }
    return {name: value for name, value in told.items() if value is not None}


class ChainReport(msgspec.Struct, frozen=True):
    """`broken_at` is the number of the first entry that does not fit, None when all do."""

    entries: int
    checkpoints: int
    broken_at: int | None = None
    why: str | None = None


async def verify_chain(session: AsyncSession, zone: str, checkpoints: Checkpoints) -> ChainReport:
    """Read the whole chain of a zone and compare it with itself and with the signed marks."""
    try:
        marks = {mark.seq: mark.hash for mark in checkpoints.read() if mark.zone == zone}
    except ValueError as error:
        return ChainReport(0, 0, 0, f"a checkpoint cannot be trusted: {error}")
    seq, prev_hash = 0, GENESIS
    async for row in AuditRepository(session).whole(zone):
        seq += 1
        why = _fault(row, zone, seq, prev_hash, marks.get(seq))
        if why is not None:
            return ChainReport(seq - 1, len(marks), seq, why)
        prev_hash = row.hash
    missing = [at for at in marks if at > seq]
    if missing:
        return ChainReport(seq, len(marks), seq + 1, f"cut off: entry {max(missing)} was signed")
    return ChainReport(seq, len(marks))


def _fault(row: AuditEntry, zone: str, seq: int, prev_hash: str, marked: str | None) -> str | None:
    if row.seq != seq:
        return f"entry {seq} is missing"
    deed = Deed(
        row.at_ns,
        row.team_id,
        row.actor,
        row.action,
        row.object_id,
        row.before,
        row.after,
        row.reason,
    )
    if row.prev_hash != prev_hash or row.hash != entry_hash(prev_hash, zone, seq, deed):
        return f"entry {seq} was changed"
    if marked is not None and marked != row.hash:
        return f"entry {seq} is not the one that was signed"
    return None


async def catch_up(session: AsyncSession, zone: str, checkpoints: Checkpoints) -> None:
    """Write the marks that a stop between commit and file left out. Called at the start."""
    for row in await AuditRepository(session).numbered(zone, EVERY):
        if not checkpoints.has(row.seq):
            checkpoints.write(Checkpoint(zone, row.seq, row.hash))
