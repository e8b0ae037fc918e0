"""A journal that keeps its records in lists. For tests, and for a gateway that bills nobody."""

from __future__ import annotations

import msgspec

from opengateway.domain.errors import CapacityError
from opengateway.domain.records import CloseRecord, JournalRecord, OpenRecord

_FULL = "requests cannot be recorded at the moment; try again shortly"


class MemoryJournal:
    """Implements `ports.journal.Journal`. `disk_full` and `reserve_left` (records) may be set."""

    def __init__(self) -> None:
        self.records: list[JournalRecord] = []
        self.disk_full = False
        self.reserve_left = 1_000
        self._shut = False
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(JournalRecord)

    @property
    def opened(self) -> list[OpenRecord]:
        return [record for record in self.records if isinstance(record, OpenRecord)]

    @property
    def closed(self) -> list[CloseRecord]:
        return [record for record in self.records if isinstance(record, CloseRecord)]

    @property
    def accepts_new_work(self) -> bool:
        return not (self.disk_full or self._shut)

    def open(self, record: OpenRecord) -> None:
        if not self.accepts_new_work:
            raise CapacityError(_FULL, retry_after_s=1.0)
        self._keep(record)

    def close(self, record: CloseRecord) -> None:
        if self._shut or (self.disk_full and not (record.opened and self.reserve_left)):
            raise CapacityError(_FULL, retry_after_s=1.0)
        if self.disk_full:
            self.reserve_left -= 1
        self._keep(record)

    def shutdown(self) -> None:
        self._shut = True

    def _keep(self, record: JournalRecord) -> None:
        # As they are now: the caller may go on to change them, as it may after a write to disk.
        self.records.append(self._decoder.decode(self._encoder.encode(record)))
