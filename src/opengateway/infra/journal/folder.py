"""One folder for each life of a gateway, and the lock that says whether it still lives.

The lock is an `flock` on the file `lock`, held by the process until it ends, however it ends. A
folder comes into being with its lock already held, so nobody can take a newborn one for a dead one.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from opengateway.infra.journal.files import FILE_MODE, LOCK_NAME

INCARNATION_PREFIX: Final = "gw_"
_NEWBORN_PREFIX: Final = ".new-"
_NEWBORN_PATIENCE_NS: Final = 60 * 1_000_000_000
"""A folder is in the making for microseconds; after a minute its maker died."""


def create_locked(folder: Path) -> int:
    """Make `folder` with its lock held; returns the lock's descriptor, to be kept open.

    Raises `FileExistsError` when it holds something already: an incarnation is never used twice.
    """
    if not folder.name.startswith(INCARNATION_PREFIX):
        raise ValueError(
            f"a journal's folder is named {INCARNATION_PREFIX!r} and an id, not {folder.name!r}"
        )
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    newborn = folder.parent / f"{_NEWBORN_PREFIX}{folder.name}"
    newborn.mkdir(mode=0o700)
    lock = os.open(
        newborn / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE
    )
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Replaces an empty folder, refuses one that is not.
        os.rename(newborn, folder)
    except OSError as error:
        os.close(lock)
        (newborn / LOCK_NAME).unlink(missing_ok=True)
        newborn.rmdir()
        if folder.is_dir():
            raise FileExistsError(f"{folder.name!r} has a journal already") from error
        raise
    return lock


def claim(folder: Path) -> int | None:
    """The lock of a folder whose gateway is dead, or None if it lives or another took it.

    The caller closes the descriptor to let go.
    """
    path = folder / LOCK_NAME
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever held it may have removed the folder meanwhile: then this locks a file that is gone.
        if os.path.samestat(os.fstat(lock), os.stat(path)):
            return lock
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(lock)
    return None


def folders(root: Path, now_ns: int) -> list[Path]:
    """Every incarnation's folder below `root`, oldest first.

    Among them those in the making whose maker died, which hold a lock and nothing else.
    """
    if not root.is_dir():
        return []
    found: list[Path] = []
    for entry in os.scandir(root):
        if entry.name.startswith(INCARNATION_PREFIX):
            found.append(root / entry.name)
        elif entry.name.startswith(_NEWBORN_PREFIX):
            try:
                age_ns = now_ns - entry.stat().st_mtime_ns
            except FileNotFoundError:
                continue
            if age_ns > _NEWBORN_PATIENCE_NS:
                found.append(root / entry.name)
    return sorted(found, key=lambda folder: folder.name)


def remove(folder: Path) -> None:
    """Remove a claimed folder and what is in it, the lock last."""
    for name in os.listdir(folder):
        if name != LOCK_NAME:
            (folder / name).unlink(missing_ok=True)
    (folder / LOCK_NAME).unlink(missing_ok=True)
    try:
        folder.rmdir()
    except OSError:
        # Somebody looked in and made a lock anew; they find it empty and remove it.
        pass
