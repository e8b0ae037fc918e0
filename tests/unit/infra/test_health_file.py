from __future__ import annotations

from pathlib import Path

import pytest

from opengateway.infra.health.file import HealthFile


def test_what_was_saved_last_is_loaded(tmp_path: Path) -> None:
    file = HealthFile(tmp_path)
    assert file.load() is None
    file.save(b"first")
    file.save(b"second")
    assert HealthFile(tmp_path).load() == b"second"
    assert [p.name for p in tmp_path.iterdir()] == ["health.ogh"]
    assert (tmp_path / "health.ogh").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", [b"", b"\x00" * 8, b"\xff" * 40, b"\x05\x00\x00\x00zzzzfirst"])
def test_a_damaged_file_is_no_reason_not_to_start(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "health.ogh").write_bytes(damage)
    assert HealthFile(tmp_path).load() is None
