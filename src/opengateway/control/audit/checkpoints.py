"""Signed marks of how far the audit log had come, kept outside the store.

Whoever can rewrite the store can rewrite the whole chain, or cut its end off. They cannot make the
marks fit: those are signed, and stand in files below `home` that a person can copy elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from opengateway.kit.log import get_logger

EVERY: Final = 1_000
"""Entries between two marks."""

log = get_logger(__name__)


class Checkpoint(msgspec.Struct, frozen=True):
    zone: str
    seq: int
    hash: str


class Checkpoints:
    """Writes and reads the marks of one zone. `sign` and `verify` as in `kit/signing.py`."""

    def __init__(
        self, folder: Path, sign: Callable[[bytes], bytes], verify: Callable[[bytes], bytes]
    ) -> None:
        self._folder = folder
        self._sign = sign
        self._verify = verify

    def write(self, mark: Checkpoint) -> None:
        """Whole or not at all. Trouble is logged, not raised: the deed is committed already."""
        path = self._path(mark.seq)
        draft = path.with_suffix(".draft")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(self._sign(msgspec.json.encode(mark)))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError as error:
            log.error("a checkpoint of the audit log was not written", seq=mark.seq, error=error)

    def signed(self, payload: bytes) -> bytes:
        """A blob under the same key, which is the zone's."""
        return self._sign(payload)

    def has(self, seq: int) -> bool:
        return self._path(seq).exists()

    def read(self) -> Iterator[Checkpoint]:
        """Every mark, oldest first. Raises `ValueError` for one whose signature does not fit."""
        for path in sorted(self._folder.glob("checkpoint-*.ogs")):
            payload = self._verify(path.read_bytes())
            yield msgspec.json.decode(payload, type=Checkpoint)

    def _path(self, seq: int) -> Path:
        return self._folder / f"checkpoint-{seq:012d}.ogs"
