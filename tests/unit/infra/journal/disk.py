"""A disk with so much room and no more, or one that fails: the journal's calls over real files."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

from opengateway.domain.records import JournalRecord
from opengateway.infra.journal.files import FileCalls, segment_names
from opengateway.infra.journal.reader import read_records


class Disk:
    """Counts growth of files as a file system does: what is preallocated needs no room again.

    `room` is in bytes. A write that has not enough is short first and fails after, as the kernel's.
    """

    def __init__(self, room: int = 1 << 40) -> None:
        self.room = room
        self.write_error: int | None = None
        self.sync_error: int | None = None
        self.largest_write = 1 << 30
        self.syncs = 0
        self.synced = threading.Event()

    @property
    def calls(self) -> FileCalls:
        return FileCalls(self.pwrite, self.fdatasync, self.fallocate, self.ftruncate)

    def pwrite(self, fd: int, data: bytes, offset: int) -> int:
        if self.write_error is not None:
            raise OSError(self.write_error, os.strerror(self.write_error))
        size = os.fstat(fd).st_size
        allowed = min(len(data), max(size - offset, 0) + self.room, self.largest_write)
        if allowed <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= max(offset + allowed - size, 0)
        return os.pwrite(fd, data[:allowed], offset)

    def fdatasync(self, fd: int) -> None:
        if self.sync_error is not None:
            raise OSError(self.sync_error, os.strerror(self.sync_error))
        os.fdatasync(fd)
        self.syncs += 1
        self.synced.set()

    def fallocate(self, fd: int, offset: int, length: int) -> None:
        if length > self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= length
        os.posix_fallocate(fd, offset, length)

    def ftruncate(self, fd: int, length: int) -> None:
        self.room += os.fstat(fd).st_size - length
        os.ftruncate(fd, length)


def records_in(folder: Path) -> list[JournalRecord]:
    """Everything a gateway wrote, in order."""
    return [record for name in segment_names(folder) for record in read_records(folder / name)]


def eventually(what: object, patience_s: float = 5.0) -> None:
    """Wait for a callable to become true: for what another thread does."""
    assert callable(what)
    pause = threading.Event()
    for _ in range(int(patience_s / 0.002)):
        if what():
            return
        pause.wait(0.002)
    raise AssertionError("it did not come about")
