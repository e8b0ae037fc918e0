"""Keeping a gateway's configuration and keys current: long polls to control, copies to disk.

Control may be away for as long as it likes: what was last known stays in force.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from opengateway.infra.control_client import ControlClient, Resync
from opengateway.infra.journal.shipper import ControlUnreachable
from opengateway.infra.key_table import KeyChange, KeyTable, KeyTableFile
from opengateway.infra.snapshot_file import BadSnapshot, SnapshotFiles, SnapshotHolder
from opengateway.infra.vault_file import BadVault, VaultFiles

_WAIT_S = 25.0
_BACKOFF_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0)

Tell = Callable[[str, str], None]
"""Takes an event's name and its detail, for the log."""


class SnapshotFeed:
    def __init__(
        self,
        client: ControlClient,
        holder: SnapshotHolder,
        files: SnapshotFiles,
        tell: Tell,
        vaults: VaultFiles | None = None,
    ) -> None:
        self._client = client
        self._holder = holder
        self._files = files
        self._tell = tell
        self._vaults = vaults

    async def run(self) -> None:
        await _for_ever(self.once, "snapshot_feed", self._tell)

    async def once(self) -> None:
        """One poll. A snapshot that does not verify is told, and changes nothing."""
        known = self._holder.version
        blob = await self._client.snapshot(known, _WAIT_S)
        if blob is None:
            return
        try:
            snapshot = self._holder.read(blob)
            if not await self._fetched(snapshot.vault):
                return
            self._holder.put(snapshot)
        except (BadSnapshot, BadVault) as error:
            self._tell("snapshot_rejected", str(error))
            await asyncio.sleep(1.0)
            return
        self._files.save(blob, snapshot.created_at_ns)
        self._tell("snapshot_in_force", snapshot.version)

    async def _fetched(self, version: str) -> bool:
        """Have the vault that a snapshot names; False where a newer snapshot is in force by now.

        Raises `BadVault`.
        """
        vaults = self._vaults
        if vaults is None or not version or vaults.has(version):
            return True
        blob = await self._client.vault(version)
        if blob is None:
            await asyncio.sleep(_BACKOFF_S[0])
            return False
        vaults.take(blob)
        return True


class KeyFeed:
    def __init__(
        self,
        client: ControlClient,
        table: KeyTable,
        file: KeyTableFile,
        tell: Tell,
        on_change: Callable[[KeyChange], None] = lambda change: None,
        on_replaced: Callable[[KeyTable], None] = lambda table: None,
    ) -> None:
        self._on_replaced = on_replaced
        self._on_change = on_change
        self._client = client
        self._table = table
        self._file = file
        self._tell = tell
        self._synced = False

    async def run(self) -> None:
        await _for_ever(self.once, "key_feed", self._tell)

    async def once(self) -> None:
        """One poll, or a whole table when there is none yet or changes were missed."""
        table = self._table
        if table.seq < 0:
            await self._take_all()
            return
        try:
            changes = await self._client.changes(table.seq, 0 if not self._synced else _WAIT_S)
        except Resync:
            await self._take_all()
            return
        self._synced = table.heard = True
        for change in changes:
            table.apply(change)
            self._on_change(change)
        if changes:
            self._file.append(table, changes)

    async def _take_all(self) -> None:
        dump = await self._client.key_table()
        self._table.replace(dump.seq, dump.keys, dump.teams)
        self._on_replaced(self._table)
        self._file.write_base(self._table)
        self._synced = self._table.heard = True
        self._tell("keys_loaded", f"{len(dump.keys)} keys at {dump.seq}")


async def _for_ever(poll: Callable[[], Awaitable[None]], name: str, tell: Tell) -> None:
    failures = 0
    while True:
        try:
            await poll()
            if failures:
                tell(f"{name}_back", f"after {failures} tries")
            failures = 0
        except (ControlUnreachable, OSError) as error:
            if failures == 0:
                tell(f"{name}_lost", str(error))
            await asyncio.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])
            failures += 1
