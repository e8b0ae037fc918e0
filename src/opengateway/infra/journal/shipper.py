"""Brings the journal's bytes to control, once each, and removes what control has stored.

Control acknowledges an offset in the transaction that stores the records before it, and refuses
bytes that do not begin there. So whatever is lost on the way (the bytes, the answer, the sender) is
sent again from where control is, and nothing is stored twice.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from opengateway.infra.journal.files import segment_name, segment_names
from opengateway.infra.journal.folder import claim, folders, remove
from opengateway.infra.journal.reader import BATCH_BYTES, read_batch, salvage
from opengateway.infra.journal.writer import FileJournal
from opengateway.kit.clock import Clock
from opengateway.kit.framing import CorruptFrame
from opengateway.kit.log import get_logger

Send = Callable[[str, str, int, bytes, bool], Awaitable[int]]
"""`(gateway, segment, offset, data, final)`: gives the acknowledged offset.

Raises `ControlUnreachable`, or `WrongOffset` when control wants other bytes first. `final` says that
this gateway's journal ends with them. Anything else raised is a fault, logged and tried again.
"""


class ControlUnreachable(OSError):
    """Control did not answer, or not in time. It may have stored what it was sent."""


class WrongOffset(Exception):
    """Control has the segment up to `expected`, which is not where the bytes began."""

    def __init__(self, expected: int) -> None:
        super().__init__(f"control has the segment up to byte {expected}")
        self.expected = expected


class ProtocolBroken(RuntimeError):
    """Control's answer makes no sense for what it was sent."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often it looks, in seconds. Each look that finds something is one transaction in control,
    which costs as much as 50 records, so rarer looks make cheaper records. It looks every `idle_s`,
    which is the latency of a record in quiet times, and every `busy_s` from when `busy_bytes_per_s`
    or more came until `linger_s` after it was less."""

    busy_s: float = 0.8
    idle_s: float = 0.2
    linger_s: float = 1.0
    rescan_s: float = 5.0
    backoff_first_s: float = 0.1
    backoff_last_s: float = 5.0
    busy_bytes_per_s: int = 128 * 1024


_INLINE_BYTES: Final = 64 * 1024
"""Read on the loop up to this: the page cache has what was just written (20 us)."""
_DAMAGED: Final = "damaged"
_TRIES_TO_AGREE: Final = 3

log = get_logger("journal")


class JournalShipper:
    """Ships `own`, the journal of this process, and every dead incarnation's below `root`.

    Without `own` it ships what the dead left and is done. `own` must lie in `root`.
    """

    def __init__(
        self,
        root: Path,
        own: FileJournal | None,
        send: Send,
        clock: Clock,
        *,
        batch_bytes: int = BATCH_BYTES,
        pace: Pace | None = None,
    ) -> None:
        self._root = root
        self._own = own
        self._send = send
        self._clock = clock
        self._batch_bytes = batch_bytes
        self._pace = pace or Pace()
        self._backoff_s = self._pace.backoff_first_s
        self._acked: dict[tuple[str, str], int] = {}
        self._disagreements = 0
        self._busy_until = 0.0
        self._failing: set[str] = set()
        self.shipped_bytes = 0
        self.taken_over = 0
        self.resumed = 0
        self.unreachable = 0
        self.faults = 0
        self.damaged_bytes = 0

    async def run(self) -> None:
        """Ship until `own` is shut down, then its end too; or until cancelled.

        With control down it waits and holds one batch. At a shutdown the caller bounds the time;
        what is left then is shipped by whoever starts next.
        """
        while True:
            ended = self._own is None or self._own.is_shut
            await self._take_over()
            if ended or self._own is None:
                return
            await self._follow(self._own)

    # --- what dead gateways left ----------------------------------------------------------------

    async def _take_over(self) -> None:
        for folder in await asyncio.to_thread(folders, self._root, self._clock.now_ns()):
            # Not in a thread: a cancellation would lose the lock, held, until this process ends.
            lock = claim(folder)
            if lock is None:
                continue
            try:
                # One without segments was shipped already, and its remover was interrupted.
                self.taken_over += await self._ship_folder(folder)
                await asyncio.to_thread(remove, folder)
                self._failing.discard(folder.name)
            except Exception:
                # One folder that cannot be shipped must not keep the others back. It is tried again
                # at every rescan, and told of once.
                self.faults += 1
                if folder.name not in self._failing:
                    self._failing.add(folder.name)
                    log.exception("journal not shipped; trying again later", gateway=folder.name)
            finally:
                os.close(lock)

    async def _ship_folder(self, folder: Path) -> bool:
        """All its segments. Returns whether there were any."""
        names = await asyncio.to_thread(segment_names, folder)
        for name in names:
            last = name == names[-1]
            await self._ship_segment(folder, name, last)
            self._acked.pop((folder.name, name), None)
            if not last:
                # The last one stands until the folder goes: without segments nothing is pending.
                await asyncio.to_thread((folder / name).unlink)
        return bool(names)

    async def _ship_segment(self, folder: Path, name: str, last: bool) -> None:
        key = (folder.name, name)
        while True:
            at = self._acked.get(key, 0)
            try:
                batch = await asyncio.to_thread(read_batch, folder / name, at, self._batch_bytes)
            except CorruptFrame:
                await self._mend(folder / name, at)
                continue
            final = last and not batch.more
            if not batch.data and not final:
                return
            taken = await self._push(key, at, batch.data, final)
            if final and taken and self._acked[key] == at + len(batch.data):
                return

    async def _mend(self, path: Path, keep: int) -> None:
        copy = self._root / _DAMAGED / f"{path.parent.name}-{path.name}"
        skipped = await asyncio.to_thread(salvage, path, keep, copy)
        self.damaged_bytes += skipped.bytes
        log.error(
            "journal damaged; its readable part is shipped",
            gateway=path.parent.name,
            segment=path.name,
            lost_bytes=skipped.bytes,
        )

    # --- our own ----------------------------------------------------------------------------------

    async def _follow(self, own: FileJournal) -> None:
        """Ship what `own` writes, until it is shut down or it is time to look for the dead."""
        now = self._clock.monotonic()
        rescan_at = now + self._pace.rescan_s
        looked_at = now
        while not own.is_shut and now < rescan_at:
            try:
                moved = await self._ship_own(own)
                self._failing.discard(own.gateway)
            except Exception:
                self.faults += 1
                if own.gateway not in self._failing:
                    self._failing.add(own.gateway)
                    log.exception("journal not shipped; trying again", gateway=own.gateway)
                await self._back_off()
                moved = 0
            now = self._clock.monotonic()
            if moved and moved >= (now - looked_at) * self._pace.busy_bytes_per_s:
                self._busy_until = now + self._pace.linger_s
            looked_at = now
            quiet = now > self._busy_until
            await asyncio.sleep(self._pace.idle_s if quiet else self._pace.busy_s)

    async def _ship_own(self, own: FileJournal) -> int:
        """Everything there is now, in batches. Returns how many bytes that were."""
        moved = 0
        while not own.is_shut:
            number = own.oldest_segment()
            end, sealed = own.extent(number)
            key = (own.gateway, segment_name(number))
            at = self._acked.get(key, 0)
            if at < end:
                data = await self._read_own(own.directory / key[1], at, end, sealed)
                await self._push(key, at, data, final=False)
                if (acked := self._acked[key]) > end:
                    del self._acked[key]
                    raise ProtocolBroken(
                        f"control has byte {acked} of {key[1]}, which ends at {end}"
                    )
                own.bytes_acked += acked - at
                moved += acked - at
            elif sealed:
                await asyncio.to_thread((own.directory / key[1]).unlink)
                own.forget(number)
                self._acked.pop(key, None)
            else:
                break
        return moved

    async def _read_own(self, path: Path, at: int, end: int, sealed: bool) -> bytes:
        """Whole frames: all up to `end`, or as many as fit a batch."""
        size = min(end - at, self._batch_bytes)
        if size == end - at and size <= _INLINE_BYTES and not sealed:
            return _read(path, at, size)
        if size == end - at:
            return await asyncio.to_thread(_read, path, at, size)
        return (await asyncio.to_thread(read_batch, path, at, size)).data

    # --- to control -------------------------------------------------------------------------------

    async def _push(self, key: tuple[str, str], at: int, data: bytes, final: bool) -> bool:
        """Send until control answers, and remember up to where it then has the segment.

        True when it took the bytes (or the first of them), false when it wants others: those from
        the remembered offset on.
        """
        while True:
            try:
                acked = await self._send(*key, at, data, final)
            except ControlUnreachable:
                self.unreachable += 1
                await self._back_off()
            except WrongOffset as refusal:
                self._move_to(key, at, refusal.expected)
                return False
            else:
                break
        if not at <= acked <= at + len(data) or (data and acked == at):
            raise ProtocolBroken(
                f"control acknowledges {acked} for {len(data)} bytes at {at} of {key[1]}"
            )
        self._disagreements = 0
        self._backoff_s = self._pace.backoff_first_s
        self.shipped_bytes += acked - at
        self._acked[key] = acked
        return True

    def _move_to(self, key: tuple[str, str], at: int, expected: int) -> None:
        self.resumed += 1
        self._disagreements += 1
        if expected == at or expected < 0 or self._disagreements > _TRIES_TO_AGREE:
            self._disagreements = 0
            raise ProtocolBroken(f"control refuses byte {at} of {key[1]} and expects {expected}")
        self._acked[key] = expected

    async def _back_off(self) -> None:
        await asyncio.sleep(self._backoff_s)
        self._backoff_s = min(self._backoff_s * 2, self._pace.backoff_last_s)


def _read(path: Path, at: int, size: int) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(fd, size, at)
    finally:
        os.close(fd)
