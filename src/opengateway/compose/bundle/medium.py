"""Files of the medium: their checksums, the signature over them, and an archive that is always the same."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
from pathlib import Path
from typing import Final

from opengateway.domain.errors import OperatorError
from opengateway.kit.signing import sign, verify

SUMS: Final = "SHA256SUMS"
SIGNATURE: Final = "SHA256SUMS.signed"
_APART: Final = frozenset({SUMS, SIGNATURE})
_BLOCK_BYTES: Final = 1024 * 1024


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def write_sums(folder: Path, private_key: str | None) -> None:
    """Write the checksums of every file, and sign them where there is a key.

    Raises `OperatorError` for a key that is none.
    """
    lines = [f"{sha256_of(folder / name)}  {name}\n" for name in _files(folder)]
    payload = "".join(lines).encode()
    (folder / SUMS).write_bytes(payload)
    (folder / SIGNATURE).unlink(missing_ok=True)
    if private_key is not None:
        try:
            (folder / SIGNATURE).write_bytes(sign(payload, private_key))
        except ValueError as error:
            raise OperatorError(f"the signing key: {error}") from None


def check_sums(folder: Path, public_key: str | None) -> int:
    """Check every file, and the signature where a key is given. Returns how many files there are.

    Raises `OperatorError` for the first fault: a file that changed, is missing, or was added.
    """
    try:
        payload = (folder / SUMS).read_bytes()
        if (
            public_key is not None
            and verify((folder / SIGNATURE).read_bytes(), public_key) != payload
        ):
            raise OperatorError(f"{SIGNATURE} signs other checksums than {SUMS} has")
        listed: dict[str, str] = {}
        for line in payload.decode().splitlines():
            digest, name = line.split("  ", 1)
            listed[name] = digest
    except FileNotFoundError as error:
        raise OperatorError(f"{Path(error.filename).name} is missing") from None
    except ValueError as error:
        raise OperatorError(f"{SUMS}: {error}") from None
    found = set(_files(folder))
    if missing := sorted(listed.keys() - found):
        raise OperatorError(f"{missing[0]!r} is missing")
    if added := sorted(found - listed.keys()):
        raise OperatorError(f"{added[0]!r} is not in {SUMS}")
    for name, digest in listed.items():
        if sha256_of(folder / name) != digest:
            raise OperatorError(f"{name!r} is not what it was when {SUMS} was written")
    return len(listed)


def pack(folder: Path, archive: Path, epoch: int) -> None:
    """Write `folder` as a .tar.gz: the same files give the same bytes. Times are `epoch`, in seconds."""
    with (
        archive.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=6, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name in [*_files(folder), *sorted(n for n in _APART if (folder / n).exists())]:
            path = folder / name
            entry = tarfile.TarInfo(f"{folder.name}/{name}")
            entry.size = path.stat().st_size
            entry.mtime = epoch
            entry.mode = 0o755 if path.suffix == ".sh" else 0o644
            with path.open("rb") as stream:
                tar.addfile(entry, stream)


def _files(folder: Path) -> list[str]:
    """Every file but the checksums themselves, relative, in one order on every machine."""
    names = (p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return sorted(name for name in names if name not in _APART)
