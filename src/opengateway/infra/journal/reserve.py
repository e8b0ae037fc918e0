"""Disk space taken in advance, so that what is running can still be recorded when the disk is full.

The reserve is a file of zeros beside the segments. When it is needed it is renamed to the next
segment: the order of the records is the order of the segments, and whoever reads them needs to know
nothing of it but that zeros are the end (kit/framing.py).
"""

from __future__ import annotations

import os
from pathlib import Path

from opengateway.infra.journal.files import FILE_MODE, RESERVE_NAME, FileCalls


class Reserve:
    """At most one file of `size` bytes, ready or not."""

    def __init__(self, folder: Path, size: int, calls: FileCalls) -> None:
        self._path = folder / RESERVE_NAME
        self._calls = calls
        self.size = size
        self.ready = False

    def prepare(self) -> bool:
        """Take the space. False when the disk has not that much, and then nothing is taken."""
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
        except OSError:
            return False
        try:
            self._calls.fallocate(fd, 0, self.size)
            self.ready = True
        except OSError:
            self._path.unlink(missing_ok=True)
        finally:
            os.close(fd)
        return self.ready

    def take(self, segment: Path) -> int:
        """Make the reserve the segment of that name. Returns its descriptor.

        Raises `OSError` when there is none.
        """
        fd = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.rename(self._path, segment)
        except OSError:
            os.close(fd)
            raise
        self.ready = False
        return fd

    def discard(self) -> None:
        """Give the space back."""
        self._path.unlink(missing_ok=True)
        self.ready = False
