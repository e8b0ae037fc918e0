from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from opengateway.domain.catalog import Snapshot
from opengateway.domain.errors import CapacityError
from opengateway.infra.snapshot_file import KEPT, BadSnapshot, SnapshotFiles, SnapshotHolder
from opengateway.kit.signing import new_keypair, sign
from unit.gateway.fakes import endpoint, model, snapshot

PRIVATE, PUBLIC = new_keypair()


def blob(version: str, private: str = PRIVATE) -> bytes:
    shot = msgspec.structs.replace(snapshot(model("lab/m", endpoint("a"))), version=version)
    return sign(msgspec.json.encode(shot), private)


def holder(seen: list[Snapshot] | None = None) -> SnapshotHolder:
    return SnapshotHolder(PUBLIC, (seen if seen is not None else []).append)


def test_a_signed_snapshot_comes_into_force_whole() -> None:
    seen: list[Snapshot] = []
    held = holder(seen)
    with pytest.raises(CapacityError):
        held.current()
    held.take(blob("v1"))
    assert held.current().version == held.version == "v1"
    assert [s.version for s in seen] == ["v1"]


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"not a snapshot",
        blob("v2")[:-1],
        blob("v2").replace(b'"v2"', b'"v3"'),
        blob("v2", new_keypair()[0]),
        sign(b'{"version": "v2"}', PRIVATE),
        sign(b"not json", PRIVATE),
    ],
)
def test_what_does_not_verify_changes_nothing(bad: bytes) -> None:
    held = holder()
    held.take(blob("v1"))
    with pytest.raises(BadSnapshot):
        held.take(bad)
    assert held.version == "v1"


def test_the_newest_copy_that_verifies_is_taken_and_three_are_kept(tmp_path: Path) -> None:
    files = SnapshotFiles(tmp_path)
    for number in range(5):
        files.save(blob(f"v{number}"), number)
    kept = sorted(tmp_path.glob("*.ogs"))
    assert len(kept) == KEPT
    kept[-1].write_bytes(b"damaged")
    held = holder()
    faults = files.load(held)
    assert held.version == "v3"
    assert len(faults) == 1
