"""The thread that makes written records durable against power loss."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from opengateway.infra.journal.files import FileCalls


class Retired(NamedTuple):
    """A segment that gets no more records: to be cut to `end`, synced and closed."""

    fd: int
    end: int


class Batch(NamedTuple):
    """What is to be synced at once: the current segment, and those retired since the last time."""

    fd: int
    records: int
    retired: list[Retired]
    names: bool
    """Whether a segment was made or renamed: then the folder is synced too."""


_STOP_PATIENCE_S = 10.0
"""How long a shutdown waits for the last sync. A disk that hangs must not hang the process."""


class Syncer:
    """Waits without a timer while there is nothing to do; then syncs every `interval_s` seconds, or
    as soon as `batch` records wait.

    `collect` hands over what is to be synced and resets `waiting`; `on_error` hears of a failed
    sync; `on_recheck` runs after `recheck()`. All three are called from the thread.
    """

    def __init__(
        self,
        folder: Path,
        calls: FileCalls,
        *,
        interval_s: float,
        batch: int,
        collect: Callable[[], Batch],
        on_error: Callable[[], None],
        on_recheck: Callable[[], None],
    ) -> None:
        self._folder = folder
        self._calls = calls
        self._interval_s = interval_s
        self._batch = batch
        self._collect = collect
        self._on_error = on_error
        self._on_recheck = on_recheck
        self._wake = threading.Event()
        self._recheck = False
        self._stopping = False
        self.waiting = 0
        """Records written since the last sync. Counted by the writer, under the journal's lock."""
        self.idle = False
        """Whether the thread sleeps until it is woken. It says so before it looks at `waiting` a
        last time, and the writer counts before it looks at `idle`: one always sees the other."""
        self.synced = 0
        self.sync_errors = 0
        self._thread = threading.Thread(target=self._run, name="journal-sync", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def note(self) -> None:
        """One more record was written."""
        self.waiting += 1
        if self.idle or self.waiting == self._batch:
            self._awake()

    def recheck(self) -> None:
        """Have `on_recheck` run soon, in the thread."""
        self._recheck = True
        self._awake()

    def stop(self) -> bool:
        """End the thread. False when it hangs in the disk, and what it holds must be let be."""
        self._stopping = True
        self._awake()
        self._thread.join(_STOP_PATIENCE_S)
        return not self._thread.is_alive()

    def _awake(self) -> None:
        self.idle = False
        self._wake.set()

    def _run(self) -> None:
        while not self._stopping:
            self.idle = True
            if not (self.waiting or self._recheck or self._stopping):
                self._wake.wait()
            self.idle = False
            # What was asked for is looked at after this line, so no wake-up is lost.
            self._wake.clear()
            if self._recheck:
                self._recheck = False
                self._on_recheck()
                self.sync()
            elif self.waiting and not self._stopping:
                if self.waiting < self._batch:
                    self._wake.wait(self._interval_s)
                self.sync()

    def sync(self) -> bool:
        """Make durable what was written before the call. False if there was nothing."""
        batch = self._collect()
        if not (batch.records or batch.retired or batch.names):
            return False
        failed = False
        for retired in batch.retired:
            try:
                self._calls.ftruncate(retired.fd, retired.end)
                self._calls.fdatasync(retired.fd)
            except OSError:
                failed = True
            finally:
                os.close(retired.fd)
        try:
            if batch.names:
                self._sync_folder()
            if batch.fd >= 0:
                self._calls.fdatasync(batch.fd)
        except OSError:
            failed = True
        if failed:
            self.sync_errors += 1
            self._on_error()
        else:
            self.synced += batch.records
        return True

    def _sync_folder(self) -> None:
        fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
