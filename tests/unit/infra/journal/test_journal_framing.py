"""Frames (kit/framing.py) and segments (reader.py): whatever happens to a file, no wrong record."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.journal import a_close, an_open
from opengateway.domain.records import JournalRecord
from opengateway.infra.journal.reader import Skipped, find_frame, read_batch, read_records, salvage
from opengateway.infra.journal.writer import FileJournal
from opengateway.kit.clock import ManualClock
from opengateway.kit.framing import HEAD_BYTES, CorruptFrame, frame, scan

payload_lists = st.lists(st.binary(min_size=1, max_size=300), max_size=12)
on_files = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

RECORDS: list[JournalRecord] = []
for _number in range(4):
    RECORDS += [an_open(_number), a_close(_number)]


@pytest.fixture(scope="module")
def segment(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Eight records, as the journal writes them."""
    folder = tmp_path_factory.mktemp("journal") / "gw_a"
    journal = FileJournal(folder, ManualClock(), reserve_bytes=1_000)
    for number in range(4):
        journal.open(an_open(number))
        journal.close(a_close(number))
    journal.shutdown()
    return (folder / "segment-00000001.ogj").read_bytes()


def ends_of(data: bytes) -> list[int]:
    ends = [0]
    for payload in scan(data)[0]:
        ends.append(ends[-1] + HEAD_BYTES + len(payload))
    return ends


@given(payload_lists, st.data())
def test_any_prefix_of_frames_gives_a_prefix_of_the_payloads(payloads, data) -> None:
    whole = b"".join(map(frame, payloads))
    cut = data.draw(st.integers(0, len(whole)))
    found, used = scan(whole[:cut])
    assert found == payloads[: len(found)]
    assert used == sum(HEAD_BYTES + len(payload) for payload in found)
    assert used <= cut
    if cut == len(whole):
        assert found == payloads


@given(payload_lists.filter(bool), st.data())
def test_a_flipped_byte_never_gives_a_wrong_payload(payloads, data) -> None:
    broken = bytearray(b"".join(map(frame, payloads)))
    broken[data.draw(st.integers(0, len(broken) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found, _ = scan(broken)
    except CorruptFrame as damage:
        found, _ = scan(broken[: damage.args[1]])
    assert len(found) < len(payloads)
    assert found == payloads[: len(found)]


@given(payload_lists, st.integers(1, 100))
def test_zeros_are_the_end(payloads, zeros) -> None:
    whole = b"".join(map(frame, payloads))
    assert scan(whole + bytes(zeros)) == (payloads, len(whole))


@on_files
@given(data=st.data())
def test_any_prefix_of_a_segment_gives_a_prefix_of_the_records(segment, tmp_path, data) -> None:
    cut = data.draw(st.integers(0, len(segment)))
    path = tmp_path / "cut.ogj"
    path.write_bytes(segment[:cut])
    whole = sum(end <= cut for end in ends_of(segment)) - 1
    assert list(read_records(path)) == RECORDS[:whole]


@on_files
@given(data=st.data())
def test_a_flipped_byte_costs_the_record_it_is_in_and_no_other(segment, tmp_path, data) -> None:
    at = data.draw(st.integers(0, len(segment) - 1))
    broken = bytearray(segment)
    broken[at] ^= data.draw(st.integers(1, 255))
    path = tmp_path / "broken.ogj"
    path.write_bytes(broken)
    hit = sum(end <= at for end in ends_of(segment)) - 1
    last = hit == len(RECORDS) - 1

    skipped = Skipped()
    assert list(read_records(path, skipped=skipped)) == RECORDS[:hit] + RECORDS[hit + 1 :]
    assert skipped.stretches == (0 if last else 1)

    found = []
    if last:
        # Nothing readable follows: not to be told from a torn write.
        found.extend(read_records(path))
    else:
        with pytest.raises(CorruptFrame):
            found.extend(read_records(path))
    assert found == RECORDS[:hit]


@on_files
@given(hole=st.tuples(st.integers(0, 6_000), st.integers(1, 3_000)))
def test_a_hole_of_zeros_costs_only_what_it_covers(segment, tmp_path, hole) -> None:
    start, length = min(hole[0], len(segment) - 1), hole[1]
    broken = bytearray(segment)
    broken[start : start + length] = bytes(len(broken[start : start + length]))
    path = tmp_path / "hole.ogj"
    path.write_bytes(broken)
    ends = ends_of(segment)
    untouched = [
        record
        for record, begin, end in zip(RECORDS, ends[:-1], ends[1:], strict=True)
        if broken[begin:end] == segment[begin:end]
    ]
    assert list(read_records(path, skipped=Skipped())) == untouched


def test_a_batch_is_whole_frames_and_at_least_one(segment, tmp_path) -> None:
    path = tmp_path / "segment.ogj"
    path.write_bytes(segment)
    ends = ends_of(segment)
    at, seen = 0, [0]
    while True:
        batch = read_batch(path, at, 16)
        at += len(batch.data)
        seen.append(at)
        if not batch.more:
            break
    assert seen == ends
    assert read_batch(path, len(segment), 16) == (b"", [], False)
    assert read_batch(path, len(segment) + 99, 16) == (b"", [], False)
    assert read_batch(path, 0, ends[3] + 5).data == segment[: ends[3]]


def test_the_next_frame_is_found_across_the_search_windows(segment, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("opengateway.infra.journal.reader.BATCH_BYTES", 64)
    path = tmp_path / "segment.ogj"
    for zeros in range(50, 90):
        path.write_bytes(bytes(zeros) + segment)
        assert find_frame(path, 0) == zeros


def test_salvage_leaves_the_kept_part_as_it_was_and_the_evidence_beside(segment, tmp_path) -> None:
    ends = ends_of(segment)
    broken = bytearray(segment)
    broken[ends[1] + 20] ^= 1  # before what is kept: control has it already
    broken[ends[5] + 20] ^= 1
    path, copy = tmp_path / "segment.ogj", tmp_path / "damaged" / "copy.ogj"
    path.write_bytes(broken)
    skipped = salvage(path, ends[3], copy)
    assert path.read_bytes() == bytes(broken[: ends[5]]) + segment[ends[6] :]
    assert copy.read_bytes() == broken
    assert skipped == Skipped(1, ends[6] - ends[5])
