from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from contract.journal import JournalContract, a_close
from opengateway.domain.errors import CapacityError
from opengateway.domain.records import JournalRecord
from opengateway.infra.journal.memory import MemoryJournal
from opengateway.infra.journal.writer import FileJournal
from opengateway.kit.clock import ManualClock
from unit.infra.journal.disk import Disk, records_in


class TestMemoryJournal(JournalContract):
    def make(self) -> MemoryJournal:
        self.journal = MemoryJournal()
        return self.journal

    def written(self) -> list[JournalRecord]:
        return self.journal.records

    def fill_disk(self) -> None:
        self.journal.disk_full = True

    def use_up_reserve(self) -> None:
        self.journal.reserve_left = 0


class TestFileJournal(JournalContract):
    @pytest.fixture(autouse=True)
    def _a_place(self, tmp_path: Path):
        self.disk = Disk()
        self.folder = tmp_path / "journal" / "gw_a"
        yield
        self.journal.shutdown()

    def make(self) -> FileJournal:
        self.journal = FileJournal(
            self.folder, ManualClock(), reserve_bytes=4_000, calls=self.disk.calls
        )
        return self.journal

    def written(self) -> list[JournalRecord]:
        return records_in(self.folder)

    def fill_disk(self) -> None:
        self.disk.room = 100

    def use_up_reserve(self) -> None:
        with suppress(CapacityError):
            for number in range(100, 200):
                self.journal.close(a_close(number))
        assert self.journal.reserve_bytes_left < 1_000


class TestFileJournalInSmallSegmentsWithShortWrites(TestFileJournal):
    def make(self) -> FileJournal:
        self.disk.largest_write = 33
        self.journal = FileJournal(
            self.folder,
            ManualClock(),
            segment_bytes=2_000,
            reserve_bytes=4_000,
            calls=self.disk.calls,
        )
        return self.journal
