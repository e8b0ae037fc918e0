"""Secrets at providers that were given at run time, as they travel: sealed, in a vault."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

import msgspec

OWN_PREFIX: Final = "own:"
"""Of the names of teams' own credentials in a snapshot. No name of a zone file has a colon."""


def own_name(credential_id: str) -> str:
    return OWN_PREFIX + credential_id


def is_own(name: str | None) -> bool:
    """Whether a credential of this name is a team's own."""
    return name is not None and name.startswith(OWN_PREFIX)


class ProviderSecret(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What opens a provider: one of its four forms. It never shows."""

    api_key: str | None = None
    access_token: str | None = None
    service_account: str | None = None
    """Google's key file, as JSON text."""
    aws_access_key_id: str | None = None
    aws_secret_access_key: str | None = None
    aws_session_token: str | None = None
    region: str | None = None

    def __repr__(self) -> str:
        return "ProviderSecret(...)"

    @property
    def hint(self) -> str:
        """What tells it from others, and gives nothing away: its last four characters."""
        text = self.api_key or self.access_token or self.aws_access_key_id
        if text is None:
            return ""
        return f"...{text[-4:]}" if len(text) >= 16 else "..."


class SealedCredential(msgspec.Struct, frozen=True):
    """`name` is what the snapshot calls it; `sealed` is a `ProviderSecret` as JSON, in an envelope
    for `purpose_of` it."""

    id: str
    provider_id: str
    name: str
    sealed: bytes


class Vault(msgspec.Struct, frozen=True):
    """All that a snapshot needs beside the zone file's. `version` is a hash of the content."""

    version: str
    credentials: tuple[SealedCredential, ...] = ()


def new_vault(credentials: Iterable[SealedCredential]) -> Vault:
    """An empty one has the version ""."""
    kept = tuple(sorted(credentials, key=lambda c: c.id))
    if not kept:
        return Vault("")
    digest = hashlib.sha256(msgspec.msgpack.encode(kept)).hexdigest()
    return Vault(f"v{digest[:20]}", kept)


def purpose_of(provider_id: str, credential_id: str) -> str:
    """What an envelope is for: a row that is moved to another provider cannot be opened."""
    return f"credential:{provider_id}:{credential_id}"
