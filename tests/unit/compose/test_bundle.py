"""The airgap medium: the same bytes for the same files, and no file that nobody vouched for."""

from __future__ import annotations

import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from opengateway.compose.bundle.build import BundlePlan, build
from opengateway.compose.bundle.medium import check_sums, pack, write_sums
from opengateway.compose.bundle.sbom import bill_of
from opengateway.domain.errors import OperatorError
from opengateway.kit.signing import new_keypair

PRIVATE, PUBLIC = new_keypair()


@pytest.fixture
def medium(tmp_path: Path) -> Path:
    folder = tmp_path / "medium"
    (folder / "wheels").mkdir(parents=True)
    (folder / "wheels" / "a.whl").write_bytes(b"wheel")
    (folder / "install.sh").write_text("#!/bin/sh\n")
    write_sums(folder, PRIVATE)
    return folder


def test_a_medium_as_it_was_made_passes(medium: Path) -> None:
    assert check_sums(medium, PUBLIC) == 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda m: (m / "install.sh").write_text("#!/bin/sh\nrm\n"), "is not what it was"),
        (lambda m: (m / "install.sh").unlink(), "is missing"),
        (lambda m: (m / "wheels" / "b.whl").write_bytes(b""), "is not in SHA256SUMS"),
        (lambda m: (m / "SHA256SUMS").write_text("nonsense\n"), "SHA256SUMS"),
        (lambda m: (m / "SHA256SUMS").unlink(), "SHA256SUMS is missing"),
        (lambda m: (m / "SHA256SUMS.signed").unlink(), "is missing"),
    ],
    ids=["changed", "lost", "added", "sums", "no sums", "no signature"],
)
def test_whatever_was_done_to_it_is_found(medium: Path, change: object, told: str) -> None:
    assert callable(change)
    change(medium)
    with pytest.raises(OperatorError, match=told):
        check_sums(medium, PUBLIC)


def test_sums_that_fit_but_were_signed_by_another_are_refused(medium: Path) -> None:
    with pytest.raises(OperatorError, match="signature does not fit"):
        check_sums(medium, new_keypair()[1])
    (medium / "extra").write_text("x")
    signed = (medium / "SHA256SUMS.signed").read_bytes()
    write_sums(medium, None)
    (medium / "SHA256SUMS.signed").write_bytes(signed)  # old signature, new sums
    with pytest.raises(OperatorError, match="signs other checksums"):
        check_sums(medium, PUBLIC)


def test_the_archive_is_the_same_bytes_whenever_it_is_made(medium: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "1.tar.gz", tmp_path / "2.tar.gz"
    pack(medium, first, 1_764_000_000)
    for path in medium.rglob("*"):
        path.touch()
    pack(medium, second, 1_764_000_000)
    assert first.read_bytes() == second.read_bytes()
    with tarfile.open(first) as tar:
        modes = {entry.name: (entry.mode, entry.uid) for entry in tar}
    assert modes["medium/install.sh"] == (0o755, 0)
    assert modes["medium/wheels/a.whl"] == (0o644, 0)
    assert "medium/SHA256SUMS.signed" in modes


def wheel(folder: Path, name: str, metadata: str) -> Path:
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("vendored/other-9.dist-info/METADATA", "Name: other\nVersion: 9\n")
        archive.writestr(f"{name}-1.0.dist-info/METADATA", metadata)
    return path


def test_the_bill_names_each_part_with_its_licence(tmp_path: Path) -> None:
    wheels = [
        wheel(tmp_path, "b_part", "Name: B_Part\nVersion: 1.0\nLicense-Expression: MIT\n"),
        wheel(
            tmp_path,
            "a",
            "Name: a\nVersion: 1.0\nClassifier: License :: OSI Approved :: BSD License\n",
        ),
        wheel(tmp_path, "opengateway", "Name: opengateway\nVersion: 1.0\n"),
    ]
    told = json.loads(bill_of("opengateway", "1.0", wheels))
    assert [(c["purl"], c.get("licenses")) for c in told["components"]] == [
        ("pkg:pypi/a@1.0", [{"license": {"name": "BSD License"}}]),
        ("pkg:pypi/b-part@1.0", [{"expression": "MIT"}]),
    ]
    assert told["dependencies"][0]["dependsOn"] == ["pkg:pypi/a@1.0", "pkg:pypi/b-part@1.0"]
    assert bill_of("opengateway", "1.0", reversed(wheels)) == bill_of("opengateway", "1.0", wheels)


def test_what_is_no_wheel_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.whl").write_bytes(b"no")
    with pytest.raises(OperatorError, match=r"x\.whl: not a wheel"):
        bill_of("opengateway", "1.0", [tmp_path / "x.whl"])


def test_it_is_built_from_a_checkout_alone(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="is no checkout"):
        build(BundlePlan(tmp_path, tmp_path / "out"))
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "runtime.lock").write_text("")
    with pytest.raises(OperatorError, match="run `make web` first"):
        build(BundlePlan(tmp_path, tmp_path / "out"))
