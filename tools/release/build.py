"""Cuts a release: gate, notes, wheel, bill of materials, airgap bundle, checksums.

    python tools/release/build.py            a dry run: everything into dist/, nothing else is changed
    python tools/release/build.py --cut      besides: CHANGELOG.md, fragments, the API's baseline

Tagging and publishing are a person's: the skill `release` says how.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from tools.release import bill, gate, notes

from opengateway import __version__
from opengateway.compose.bundle.sbom import bill_of

SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?")
RELEASED = ROOT / "tools/release/migrations.txt"
NEEDED = tuple(
    f"opengateway/assets/{name}" for name in ("web/index.html", "docs/index.html", "whats-new.json")
)


def main(arguments: list[str]) -> int:
    out = ROOT / "dist"
    if SEMVER.fullmatch(__version__) is None:
        return _stop(f"{__version__!r} is no semantic version")
    if gate.main([]):
        return 1
    out.mkdir(exist_ok=True)
    _clear(out)
    day = datetime.now(UTC).date().isoformat()
    found = notes.fragments()
    known = set(RELEASED.read_text().split()) if RELEASED.exists() else set()
    section = notes.changelog(__version__, day, found)
    (out / "CHANGES.md").write_text(section)
    upgrade = notes.upgrade_note(__version__, found, notes.migrations_since(known))
    (out / "UPGRADE.md").write_text(upgrade)
    new = notes.whats_new((ROOT / "CHANGELOG.md").read_text(), found, __version__, day)
    (out / "whats-new.json").write_text(new)
    (ROOT / "src/opengateway/assets/whats-new.json").write_text(new)
    wheel = _wheel(out)
    missing = _missing(wheel)
    if missing:
        return _stop(f"the wheel lacks {', '.join(missing)}: run `make docs web` first")
    (out / f"opengateway-{__version__}.cdx.json").write_bytes(
        bill.release_bill(ROOT, bill_of("opengateway", __version__, [wheel]))
    )
    if "--no-bundle" not in arguments:
        subprocess.run(
            [sys.executable, "-m", "opengateway.cli.main", "bundle", "--out", str(out)],
            check=True,
            cwd=ROOT,
        )
    sums = write_sums(out)
    if "--cut" in arguments:
        _cut(section, found)
    print(f"{sums} artefacts of {__version__} in {out.relative_to(ROOT)}")
    return 0


def write_sums(out: Path) -> int:
    """`SHA256SUMS` over every artefact, as `sha256sum -c` reads it."""
    artefacts = sorted(p for p in out.iterdir() if p.is_file() and p.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}" for p in artefacts]
    (out / "SHA256SUMS").write_text("\n".join(lines) + "\n")
    return len(lines)


def _clear(out: Path) -> None:
    for path in out.iterdir():
        if path.is_dir() and path.name.startswith("opengateway-"):
            shutil.rmtree(path)
        elif path.is_file():
            path.unlink()


def _wheel(out: Path) -> Path:
    uv = ROOT / ".tools/uv/bin/uv"
    # Offline: what builds it (the lock's build requirements) was set up before.
    command = [str(uv), "build", "--wheel", "--quiet", "--out-dir", str(out), str(ROOT)]
    subprocess.run(command, check=True)
    (out / ".gitignore").unlink(missing_ok=True)
    return next(out.glob("opengateway-*.whl"))


def _missing(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    return [name for name in NEEDED if name not in names]


def _cut(section: str, found: list[notes.Fragment]) -> None:
    path = ROOT / "CHANGELOG.md"
    path.write_text(notes.into_changelog(path.read_text(), section))
    for fragment in found:
        fragment.path.unlink()
    gate.main(["--renew"])
    folder = ROOT / "src/opengateway/infra/migrations/versions"
    RELEASED.write_text("\n".join(sorted(p.stem for p in folder.glob("v[0-9]*.py"))) + "\n")


def _stop(why: str) -> int:
    print(f"release: {why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
