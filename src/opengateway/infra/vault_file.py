"""The sealed credentials that snapshots name, and their copies on disk beside the snapshots'."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

from opengateway.domain.vault import ProviderSecret, SealedCredential, Vault, purpose_of
from opengateway.infra.snapshot_file import KEPT
from opengateway.kit import envelope, signing
from opengateway.kit.envelope import BadEnvelope
from opengateway.kit.json import DecodeError
from opengateway.ports.secret_box import SecretBox, Unsealable

_decode: Final = msgspec.json.Decoder(Vault).decode
_secret: Final = msgspec.json.Decoder(ProviderSecret).decode


class BadVault(ValueError):
    """Not signed by this zone's control, or sealed under a key that is not here."""


class VaultFiles:
    """Vaults by version. What is on disk is sealed, and signed; opened secrets stay in memory."""

    def __init__(self, folder: Path, public_key: str, box: SecretBox) -> None:
        self._folder = folder
        self._public_key = public_key
        self._box = box
        self._held: dict[str, Vault] = {}
        self._opened: dict[bytes, ProviderSecret] = {}
        """By envelope: most stay from one vault to the next."""

    def has(self, version: str) -> bool:
        return version in self._held

    def take(self, blob: bytes) -> Vault:
        """Verify, write to disk and hold. Raises `BadVault`, `OSError`."""
        vault = self._read(blob)
        self._save(vault.version, blob)
        self._hold(vault)
        return vault

    def secrets(
        self, version: str
    ) -> dict[tuple[str, str], tuple[SealedCredential, ProviderSecret]]:
        """(provider, credential's name) to what it is. Raises `BadVault`."""
        if not version:
            return {}
        vault = self._held.get(version) or self._load(version)
        found: dict[tuple[str, str], tuple[SealedCredential, ProviderSecret]] = {}
        opened: dict[bytes, ProviderSecret] = {}
        for sealed in vault.credentials:
            secret = self._opened.get(sealed.sealed) or open_secret(sealed, self._box)
            opened[sealed.sealed] = secret
            found[sealed.provider_id, sealed.name] = sealed, secret
        self._opened = opened
        return found

    def _read(self, blob: bytes) -> Vault:
        try:
            return _decode(signing.verify(blob, self._public_key))
        except (ValueError, DecodeError) as error:
            raise BadVault(f"the vault cannot be used: {error}") from None

    def _load(self, version: str) -> Vault:
        try:
            blob = self._path(version).read_bytes()
        except OSError as error:
            raise BadVault(f"vault {version!r} is not at hand: {error.strerror}") from None
        vault = self._read(blob)
        if vault.version != version:
            raise BadVault(f"the copy of vault {version!r} is of another")
        self._hold(vault)
        return vault

    def _hold(self, vault: Vault) -> None:
        self._held[vault.version] = vault
        while len(self._held) > KEPT:
            del self._held[next(iter(self._held))]

    def _save(self, version: str, blob: bytes) -> None:
        path = self._path(version)
        draft = path.with_suffix(".draft")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(blob)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        copies = sorted(self._folder.glob("vault-*.ogv"), key=lambda p: p.stat().st_mtime_ns)
        # One more than of the snapshots: this one's is not written yet.
        for old in copies[: -(KEPT + 1)]:
            old.unlink(missing_ok=True)

    def _path(self, version: str) -> Path:
        return self._folder / f"vault-{version}.ogv"


def open_secret(sealed: SealedCredential, box: SecretBox) -> ProviderSecret:
    """Raises `BadVault`, which says nothing of what is in it."""
    try:
        purpose = purpose_of(sealed.provider_id, sealed.id)
        return _secret(envelope.unseal(sealed.sealed, purpose, box.open))
    except (Unsealable, BadEnvelope) as error:
        raise BadVault(f"credential {sealed.id!r}: {error}") from None
    except DecodeError:
        raise BadVault(f"credential {sealed.id!r} does not hold a secret") from None
