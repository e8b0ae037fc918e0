"""The zone's own secrets: made on the first start, read ever after."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from opengateway.compose.paths import Paths
from opengateway.domain.errors import OperatorError
from opengateway.kit.chance import random_bytes

PEPPER_VERSION = 1


@dataclass(frozen=True, slots=True)
class ZoneSecrets:
    """`peppers` by version; the snapshot's keys in hexadecimal."""

    peppers: dict[int, bytes] = field(repr=False)
    snapshot_private_key: str = field(repr=False)
    snapshot_public_key: str
    data_keys: dict[int, bytes] = field(repr=False)
    """By version; the newest seals (infra/secret_box.py)."""


def ensure_secrets(paths: Paths) -> None:
    """Make what is missing. Safe to call from several processes at once: the first one wins."""
    from opengateway.kit.signing import new_keypair

    _write_once(paths.pepper, random_bytes(32).hex())
    _write_once(paths.data_key, random_bytes(32).hex())
    if not paths.snapshot_public_key.exists():
        private, public = new_keypair()
        # The public half is written last: its presence says that both are there and match.
        if _write_once(paths.snapshot_private_key, private):
            _write_once(paths.snapshot_public_key, public)
        elif not paths.snapshot_public_key.exists():
            raise OperatorError(
                f"{paths.snapshot_private_key} has no public half; remove it to make both anew"
            )


def load_secrets(paths: Paths) -> ZoneSecrets:
    """Raises `OperatorError` when a file is missing or not what it should be."""
    try:
        pepper = bytes.fromhex(paths.pepper.read_text().strip())
        private = paths.snapshot_private_key.read_text().strip()
        public = paths.snapshot_public_key.read_text().strip()
        data_keys = _data_keys(paths)
    except (OSError, ValueError) as error:
        raise OperatorError(f"the zone's secrets cannot be read: {error}") from None
    if len(pepper) < 32:
        raise OperatorError(f"{paths.pepper} holds fewer than 32 bytes")
    return ZoneSecrets({PEPPER_VERSION: pepper}, private, public, data_keys)


def _data_keys(paths: Paths) -> dict[int, bytes]:
    """Raises `ValueError` for a file that holds no key of 32 bytes, `OSError` if there is none."""
    found: dict[int, bytes] = {1: bytes.fromhex(paths.data_key.read_text().strip())}
    for path in paths.secrets.glob("data-key-*"):
        number = path.name.removeprefix("data-key-")
        if number.isdecimal():
            found[int(number)] = bytes.fromhex(path.read_text().strip())
    for version, key in found.items():
        if len(key) != 32:
            raise ValueError(f"data-key-{version} does not hold 32 bytes in hexadecimal")
    return found


def _write_once(path: Path, text: str) -> bool:
    """Write a new file of mode 0600, whole or not at all. False when it is there already."""
    if path.exists():
        return False
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, text.encode())
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        os.link(draft, path)  # fails if another process was faster
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True
