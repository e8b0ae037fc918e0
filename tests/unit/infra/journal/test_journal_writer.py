from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path

import pytest

from contract.journal import a_close, an_open
from opengateway.domain.errors import CapacityError
from opengateway.infra.journal.files import segment_names
from opengateway.infra.journal.folder import claim, folders, remove
from opengateway.infra.journal.writer import MAX_RECORD_BYTES, FileJournal
from opengateway.kit.clock import ManualClock
from unit.infra.journal.disk import Disk, eventually, records_in


class Bench:
    """Makes journals over one disk and one clock, and shuts them down."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.disk = Disk()
        self.clock = ManualClock()
        self.made: list[FileJournal] = []

    def journal(self, name: str = "gw_a", **options: object) -> FileJournal:
        options = {"reserve_bytes": 4_000, "sync_interval_s": 0.001} | options
        journal = FileJournal(self.root / name, self.clock, calls=self.disk.calls, **options)
        self.made.append(journal)
        return journal

    def stays_closed(self, journal: FileJournal) -> None:
        """However often it is asked, and for the 20 ms in which the thread would have found out."""
        for _ in range(10):
            assert not journal.accepts_new_work
            time.sleep(0.002)

    def recovers(self, journal: FileJournal) -> None:
        self.clock.advance(1.1)
        eventually(lambda: journal.accepts_new_work)


@pytest.fixture
def bench(tmp_path: Path):
    bench = Bench(tmp_path / "journal")
    yield bench
    bench.disk.write_error = bench.disk.sync_error = None
    for journal in bench.made:
        journal.shutdown()


def close_until_refused(journal: FileJournal) -> int:
    for number in range(1_000):
        try:
            journal.close(a_close(number))
        except CapacityError:
            return number
    raise AssertionError("the disk never filled up")


# --- syncing -------------------------------------------------------------------------------------


def test_a_record_is_synced_soon_and_an_idle_journal_syncs_nothing(bench: Bench) -> None:
    journal = bench.journal()
    journal.open(an_open(1))
    eventually(lambda: journal.synced == 1)
    bench.disk.synced.clear()
    assert not bench.disk.synced.wait(0.05)


def test_a_batch_is_synced_without_waiting_for_the_interval(bench: Bench) -> None:
    journal = bench.journal(sync_interval_s=60.0, sync_records=8)
    for number in range(7):
        journal.open(an_open(number))
    assert not bench.disk.synced.wait(0.02)
    journal.open(an_open(7))
    eventually(lambda: journal.synced == 8)


def test_a_shutdown_syncs_what_waits(bench: Bench) -> None:
    journal = bench.journal(sync_interval_s=60.0)
    journal.open(an_open(1))
    journal.shutdown()
    assert journal.synced == 1


def test_records_written_from_many_segments_are_all_synced(bench: Bench) -> None:
    journal = bench.journal(segment_bytes=1_000)
    for number in range(30):
        journal.close(a_close(number))
    eventually(lambda: journal.synced == 30)


def test_a_failed_sync_refuses_new_work_until_the_disk_is_well(bench: Bench) -> None:
    journal = bench.journal()
    journal.open(an_open(1))
    eventually(lambda: journal.synced == 1)
    bench.disk.sync_error = errno.EIO
    journal.open(an_open(2))
    eventually(lambda: journal.sync_errors == 1)
    assert not journal.accepts_new_work
    with pytest.raises(CapacityError):
        journal.open(an_open(3))
    journal.close(a_close(1))
    journal.close(a_close(2))
    bench.clock.advance(1.1)
    bench.stays_closed(journal)
    assert len(segment_names(journal.directory)) == 1, "it did not try its luck"

    bench.disk.sync_error = None
    bench.recovers(journal)
    journal.open(an_open(4))
    assert records_in(journal.directory) == [
        an_open(1), an_open(2), a_close(1), a_close(2), an_open(4),
    ]  # fmt: skip
    assert len(segment_names(journal.directory)) > 1, "the suspect segment gets no more"


# --- a full disk ------------------------------------------------------------------------------------


@pytest.mark.parametrize("room", range(0, 240, 20))
def test_a_torn_write_is_cut_off_so_that_later_records_stay_readable(bench, room: int) -> None:
    journal = bench.journal()
    journal.open(an_open(1))
    whole = journal.bytes_written
    bench.disk.room = room
    with pytest.raises(CapacityError):
        journal.open(an_open(2))
    assert (journal.directory / "segment-00000001.ogj").stat().st_size == whole
    assert journal.write_errors == 1
    bench.disk.room = 1 << 30
    journal.close(a_close(1))
    assert records_in(journal.directory) == [an_open(1), a_close(1)]


def test_new_work_is_taken_again_by_itself_when_there_is_room(bench: Bench) -> None:
    journal = bench.journal()
    bench.disk.room = 10
    with pytest.raises(CapacityError) as refusal:
        journal.open(an_open(1))
    assert refusal.value.retry_after_s == 1.0
    bench.disk.room = 1 << 30
    with pytest.raises(CapacityError):
        journal.open(an_open(1))
    bench.stays_closed(journal)  # it looks at most once a second
    bench.recovers(journal)
    journal.open(an_open(2))
    assert records_in(journal.directory) == [an_open(2)]
    assert len(segment_names(journal.directory)) == 1


def test_the_reserve_comes_between_the_segments_and_is_made_whole_again(bench: Bench) -> None:
    journal = bench.journal(reserve_bytes=100_000)
    journal.open(an_open(1))
    journal.open(an_open(2))
    bench.disk.room = 50
    journal.close(a_close(1))
    assert not journal.accepts_new_work
    assert 0 < journal.reserve_bytes_left < 100_000
    bench.disk.room = 80_000  # enough to write, not for a new reserve
    bench.clock.advance(1.1)
    bench.stays_closed(journal)
    journal.close(a_close(2))

    bench.disk.room = 1 << 30
    bench.recovers(journal)
    assert journal.reserve_bytes_left == 100_000
    journal.open(an_open(3))
    eventually(lambda: journal.synced == 5)
    assert records_in(journal.directory) == [
        an_open(1), an_open(2), a_close(1), a_close(2), an_open(3),
    ]  # fmt: skip
    names = segment_names(journal.directory)
    assert len(names) == 3
    assert (journal.directory / names[1]).stat().st_size < 4_000, "the unused part is given back"


def test_what_exceeds_the_reserve_is_refused_and_counted(bench: Bench) -> None:
    journal = bench.journal()
    bench.disk.room = 0
    kept = close_until_refused(journal)
    assert kept >= 3
    assert journal.unrecorded == 1
    assert journal.closed == kept
    assert records_in(journal.directory) == [a_close(number) for number in range(kept)]

    bench.disk.room = 2_000  # somebody deleted a little: records first, new work later
    journal.close(a_close(kept))
    assert records_in(journal.directory)[-1] == a_close(kept)
    assert not journal.accepts_new_work


def test_a_disk_that_fails_to_write_is_survived_like_a_full_one(bench: Bench) -> None:
    journal = bench.journal()
    journal.open(an_open(1))
    bench.disk.write_error = errno.EIO
    with pytest.raises(CapacityError):
        journal.open(an_open(2))
    with pytest.raises(CapacityError):
        journal.close(a_close(1))
    bench.disk.write_error = None
    journal.close(a_close(1))
    bench.recovers(journal)
    assert records_in(journal.directory) == [an_open(1), a_close(1)]


def test_without_room_for_the_reserve_it_starts_and_takes_no_new_work(bench: Bench) -> None:
    bench.disk.room = 3_000
    journal = bench.journal()
    assert not journal.accepts_new_work
    assert journal.reserve_bytes_left == 0
    bench.disk.room = 1 << 30
    bench.recovers(journal)
    assert journal.reserve_bytes_left == 4_000


# --- segments and folders --------------------------------------------------------------------------


def test_segments_are_never_larger_than_said_and_sort_in_order(bench: Bench) -> None:
    journal = bench.journal(segment_bytes=2_500)
    for number in range(40):
        journal.open(an_open(number))
        journal.close(a_close(number))
    names = segment_names(journal.directory)
    assert len(names) > 10
    assert max((journal.directory / name).stat().st_size for name in names) <= 2_500
    assert [record.id for record in records_in(journal.directory)] == [
        an_open(number // 2).id for number in range(80)
    ]
    assert journal.bytes_written == sum((journal.directory / name).stat().st_size for name in names)
    assert (journal.opened, journal.closed, journal.depth) == (40, 40, journal.bytes_written)


def test_a_folder_is_claimed_only_after_its_gateway_is_gone(bench: Bench) -> None:
    journal = bench.journal()
    assert claim(journal.directory) is None
    journal.shutdown()
    lock = claim(journal.directory)
    assert lock is not None
    assert claim(journal.directory) is None, "one at a time"
    os.close(lock)
    assert claim(bench.root / "gw_never") is None


def test_a_folder_that_goes_while_it_is_being_claimed_is_not_claimed(bench, monkeypatch) -> None:
    journal = bench.journal()
    journal.shutdown()
    real = fcntl.flock

    def late(fd: int, how: int) -> None:
        remove(journal.directory)
        real(fd, how)

    monkeypatch.setattr("fcntl.flock", late)
    assert claim(journal.directory) is None
    assert os.listdir(bench.root) == []


def test_an_incarnation_is_never_used_twice(bench: Bench) -> None:
    bench.journal("gw_a").shutdown()
    with pytest.raises(FileExistsError, match="'gw_a' has a journal already"):
        bench.journal("gw_a")
    assert os.listdir(bench.root) == ["gw_a"]
    with pytest.raises(ValueError, match="'gw_'"):
        bench.journal("other")


def test_a_folder_whose_maker_died_is_found_after_a_minute(bench: Bench) -> None:
    (bench.root / ".new-gw_x").mkdir(parents=True)
    made_ns = (bench.root / ".new-gw_x").stat().st_mtime_ns
    assert folders(bench.root, made_ns + 10**9) == []
    assert folders(bench.root, made_ns + 61 * 10**9) == [bench.root / ".new-gw_x"]
    assert folders(bench.root / "nowhere", made_ns) == []


def test_only_the_owner_may_read_the_records(bench: Bench) -> None:
    journal = bench.journal()
    journal.open(an_open(1))
    for path in [journal.directory, *journal.directory.iterdir()]:
        assert path.stat().st_mode & 0o077 == 0, path.name


def test_a_record_that_no_shipment_could_hold_is_a_fault(bench: Bench) -> None:
    journal = bench.journal()
    record = a_close(1)
    record.user = "x" * MAX_RECORD_BYTES
    with pytest.raises(ValueError, match="bound its fields"):
        journal.close(record)
    assert records_in(journal.directory) == []
