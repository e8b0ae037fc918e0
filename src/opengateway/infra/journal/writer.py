"""The gateway's journal on disk (decisions 6-8).

A record is one frame, written by one call; when the call has returned, the kernel has the bytes and
a SIGKILL cannot take them. A thread syncs them within 5 ms or 64 records, for the case of power
loss. One lock guards the current segment: the callers are the event loop, the thread rotates only
when it recovers.
"""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import Final

import msgspec

from opengateway.domain.errors import CapacityError
from opengateway.domain.records import CloseRecord, JournalRecord, OpenRecord
from opengateway.infra.journal import folder
from opengateway.infra.journal.files import FILE_MODE, PROBE_NAME, FileCalls, segment_name
from opengateway.infra.journal.reserve import Reserve
from opengateway.infra.journal.syncer import Batch, Retired, Syncer
from opengateway.kit.clock import Clock
from opengateway.kit.framing import frame
from opengateway.kit.log import get_logger

MIB: Final = 1024 * 1024
MAX_RECORD_BYTES: Final = MIB - 64
"""So that a record always fits one shipment. A record is about 1 kB."""

_RECHECK_S: Final = 1.0
_PROBE_BYTES: Final = 64 * 1024
_FULL: Final = "requests cannot be recorded at the moment; try again shortly"

log = get_logger("journal")


class FileJournal:
    """Implements `ports.journal.Journal` in `directory`, whose name is the gateway's incarnation.

    The directory must be new. Raises `OSError` at the start when not even an empty segment can be
    made; with too little space for the reserve it starts, and accepts no new work.
    """

    def __init__(
        self,
        directory: Path,
        clock: Clock,
        *,
        segment_bytes: int = 64 * MIB,
        reserve_bytes: int = 64 * MIB,
        sync_interval_s: float = 0.005,
        sync_records: int = 64,
        calls: FileCalls | None = None,
    ) -> None:
        self.directory = directory
        self.gateway = directory.name
        self.is_shut = False
        self.opened = 0
        self.closed = 0
        self.bytes_written = 0
        self.bytes_acked = 0
        self.write_errors = 0
        self.unrecorded = 0
        self._clock = clock
        self._calls = calls or FileCalls()
        self._pwrite = self._calls.pwrite
        self._encode = msgspec.msgpack.Encoder().encode
        self._segment_bytes = segment_bytes
        self._lock = threading.Lock()
        self._lock_fd = folder.create_locked(directory)
        self._number = 0
        self._fd = -1
        self._end = 0
        self._limit = segment_bytes
        self._in_reserve = False
        self._suspect = False
        self._sealed: dict[int, int] = {}
        self._retired: list[Retired] = []
        self._new_names = False
        self._recheck_at = 0.0
        self._reserve = Reserve(directory, reserve_bytes, self._calls)
        self._syncer = Syncer(
            directory,
            self._calls,
            interval_s=sync_interval_s,
            batch=sync_records,
            collect=self._collect,
            on_error=self._sync_failed,
            on_recheck=self._recover,
        )
        try:
            self._begin_segment()
        except OSError:
            os.close(self._lock_fd)
            raise
        self._accepts = self._reserve.prepare()
        if not self._accepts:
            log.error("no room for the journal's reserve; new work waits", bytes=reserve_bytes)
        self._syncer.start()

    # --- the port -----------------------------------------------------------------------------

    @property
    def accepts_new_work(self) -> bool:
        """False from the first failed write or sync until the disk is well and the reserve whole.

        Asking is what makes it look again, at most once a second and in the thread.
        """
        if self._accepts:
            return True
        now = self._clock.monotonic()
        if now >= self._recheck_at and not self.is_shut:
            self._recheck_at = now + _RECHECK_S
            self._syncer.recheck()
        return False

    def open(self, record: OpenRecord) -> None:
        """Raises `CapacityError` if it could not be written: the request must not be sent."""
        if not (self._accepts or self.accepts_new_work):
            raise CapacityError(_FULL, retry_after_s=_RECHECK_S)
        data = self._framed(record)
        with self._lock:
            if not self._put(data):
                self._refuse_new_work()
                raise CapacityError(_FULL, retry_after_s=_RECHECK_S)
        self.opened += 1

    def close(self, record: CloseRecord) -> None:
        """Uses the reserve if it must. Raises `CapacityError` when that is used up too.

        The reserve is for what may be billed: a request that was turned away unopened does not get
        into it, or a crowd of them would use it up while the disk is full.
        """
        data = self._framed(record)
        with self._lock:
            if not self._put_last(data, record.opened):
                self.unrecorded += 1
                raise CapacityError(_FULL, retry_after_s=_RECHECK_S)
        self.closed += 1

    def shutdown(self) -> None:
        """Sync, close, and let go of the folder: from now on it is a dead one's, to be taken over.

        May be called twice. A disk that hangs is waited for 10 s.
        """
        with self._lock:
            if self.is_shut:
                return
            self.is_shut = True
            self._accepts = False
            self._retire()
        if self._syncer.stop():
            self._syncer.sync()
        self._reserve.discard()
        os.close(self._lock_fd)

    # --- figures ------------------------------------------------------------------------------

    @property
    def depth(self) -> int:
        """Bytes written that control has not acknowledged."""
        return self.bytes_written - self.bytes_acked

    @property
    def synced(self) -> int:
        """Records made durable against power loss."""
        return self._syncer.synced

    @property
    def sync_errors(self) -> int:
        return self._syncer.sync_errors

    @property
    def reserve_bytes_left(self) -> int:
        if self._in_reserve:
            return self._limit - self._end
        return self._reserve.size if self._reserve.ready else 0

    # --- for the shipper ----------------------------------------------------------------------

    def oldest_segment(self) -> int:
        with self._lock:
            return min(self._sealed, default=self._number)

    def extent(self, number: int) -> tuple[int, bool]:
        """How many bytes of records that segment has, and whether it will get no more."""
        with self._lock:
            sealed = self._sealed.get(number)
            return (self._end, self.is_shut) if sealed is None else (sealed, True)

    def forget(self, number: int) -> None:
        """That segment was acknowledged wholly, and its file removed."""
        with self._lock:
            self._sealed.pop(number, None)

    # --- writing, all under the lock ------------------------------------------------------------

    def _framed(self, record: JournalRecord) -> bytes:
        payload = self._encode(record)
        if len(payload) > MAX_RECORD_BYTES:
            raise ValueError(f"a journal record of {len(payload)} bytes; bound its fields")
        return frame(payload)

    def _put(self, data: bytes) -> bool:
        """Write one frame to the current segment, or to the next when it is full."""
        size = len(data)
        end = self._end
        if end + size > self._limit and end:
            if not self._rotate():
                return False
            end = 0
        try:
            done = self._pwrite(self._fd, data, end)
            if done < size:
                self._put_rest(data, end, done)
        except OSError as error:
            self._write_failed(error)
            return False
        self._end = end + size
        self.bytes_written += size
        self._syncer.note()
        return True

    def _put_rest(self, data: bytes, end: int, done: int) -> None:
        """After a short write: the rest, or the error that cut it short. EINTR is Python's care."""
        while done < len(data):
            more = self._pwrite(self._fd, data[done:], end + done)
            if more <= 0:
                raise OSError(errno.EIO, "the disk takes no more")
            done += more

    def _put_last(self, data: bytes, may_be_billed: bool) -> bool:
        if self.is_shut or (self._in_reserve and not may_be_billed):
            return False
        if self._put(data):
            return True
        self._refuse_new_work()
        if self._in_reserve or not may_be_billed or not self._enter_reserve():
            return False
        return self._put(data)

    def _write_failed(self, error: OSError) -> None:
        """Cut off what a failed write left, so that the next record follows the last whole one."""
        self.write_errors += 1
        if self._accepts:
            log.error("journal not written; new work waits for the disk", error=str(error))
        if not self._in_reserve:
            try:
                self._calls.ftruncate(self._fd, self._end)
            except OSError:
                # The next record overwrites it; at the end of a segment it reads as a torn write.
                self.write_errors += 1

    def _refuse_new_work(self) -> None:
        if self._accepts:
            self._accepts = False
            self._recheck_at = self._clock.monotonic() + _RECHECK_S

    def _rotate(self) -> bool:
        try:
            self._begin_segment()
        except OSError as error:
            self._write_failed(error)
            return False
        return True

    def _begin_segment(self) -> None:
        path = self.directory / segment_name(self._number + 1)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._go_on_in(os.open(path, flags, FILE_MODE), self._segment_bytes, reserve=False)

    def _enter_reserve(self) -> bool:
        if not self._reserve.ready:
            return False
        try:
            fd = self._reserve.take(self.directory / segment_name(self._number + 1))
        except OSError as error:
            self._write_failed(error)
            return False
        self._go_on_in(fd, self._reserve.size, reserve=True)
        return True

    def _go_on_in(self, fd: int, limit: int, *, reserve: bool) -> None:
        self._retire()
        self._number += 1
        self._fd, self._end, self._limit = fd, 0, limit
        self._in_reserve = reserve
        self._new_names = True

    def _retire(self) -> None:
        """No more records for the current segment; the thread cuts, syncs and closes it."""
        if self._fd >= 0:
            self._sealed[self._number] = self._end
            self._retired.append(Retired(self._fd, self._end))
            self._fd = -1

    # --- in the thread --------------------------------------------------------------------------

    def _collect(self) -> Batch:
        with self._lock:
            batch = Batch(self._fd, self._syncer.waiting, self._retired, self._new_names)
            self._syncer.waiting = 0
            self._retired = []
            self._new_names = False
        return batch

    def _sync_failed(self) -> None:
        """After a failed sync the kernel may forget the pages it could not write, so the segment is
        not trusted with more records than it must take (it is left when the disk is well again)."""
        log.error("journal not synced; new work waits for the disk")
        with self._lock:
            self._suspect = True
            self._refuse_new_work()

    def _recover(self) -> None:
        """Accept new work again if the disk takes writes and syncs, and the reserve is whole."""
        if self._accepts or not self._disk_is_well():
            return
        if not self._reserve.ready and not self._reserve.prepare():
            return
        with self._lock:
            if self.is_shut:
                return
            if (self._in_reserve or self._suspect) and not self._rotate():
                return
            self._suspect = False
            self._accepts = True
        log.warning("the journal's disk is well; new work is accepted again")

    def _disk_is_well(self) -> bool:
        path = self.directory / PROBE_NAME
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
        except OSError:
            return False
        try:
            written = self._pwrite(fd, bytes(_PROBE_BYTES), 0)
            self._calls.fdatasync(fd)
            return written == _PROBE_BYTES
        except OSError:
            return False
        finally:
            os.close(fd)
            path.unlink(missing_ok=True)
