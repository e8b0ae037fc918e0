"""The few calls by which the journal touches the disk, and the names of its files.

The calls are injected so that a full or a failing disk can be had at will.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LOCK_NAME: Final = "lock"
RESERVE_NAME: Final = "reserve.ogj"
PROBE_NAME: Final = "probe"

FILE_MODE: Final = 0o600
"""Records name teams and keys: for the owner's eyes only."""

_PREFIX: Final = "segment-"
_SUFFIX: Final = ".ogj"
_DIGITS: Final = 8


def segment_name(number: int) -> str:
    """`segment-00000001.ogj` for 1. Names sort as their numbers do."""
    return f"{_PREFIX}{number:0{_DIGITS}d}{_SUFFIX}"


def segment_names(folder: Path) -> list[str]:
    """The segments in `folder`, oldest first."""
    return sorted(
        name
        for name in os.listdir(folder)
        if name.startswith(_PREFIX)
        and name.endswith(_SUFFIX)
        and name[len(_PREFIX) : -len(_SUFFIX)].isdigit()
    )


def _fallocate(fd: int, offset: int, length: int) -> None:
    """Take `length` bytes of the disk for the file, zeroed. Raises `OSError` when they lack."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, offset, length)
        return
    zeros = bytes(1024 * 1024)
    end = offset + length
    while offset < end:
        offset += os.pwrite(fd, zeros[: end - offset], offset)


def _fdatasync(fd: int) -> None:
    if hasattr(os, "fdatasync"):
        os.fdatasync(fd)
    else:
        os.fsync(fd)


@dataclass(frozen=True, slots=True)
class FileCalls:
    """Each raises `OSError`, and `pwrite` may write less than it was given, as the kernel's does.

    They are called from two threads.
    """

    pwrite: Callable[[int, bytes, int], int] = os.pwrite
    fdatasync: Callable[[int], None] = _fdatasync
    fallocate: Callable[[int, int, int], None] = _fallocate
    ftruncate: Callable[[int, int], None] = os.ftruncate
