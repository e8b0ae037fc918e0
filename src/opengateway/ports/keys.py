"""From a presented secret to a principal, without any look-up elsewhere (decision 24)."""

from __future__ import annotations

from typing import Protocol

from opengateway.domain.principal import Principal


class KeyAuthenticator(Protocol):
    def authenticate(self, secret: str) -> Principal:
        """The key's principal.

        Raises `NotAuthenticated` for an unknown, revoked, disabled or expired key, and
        `CapacityError` (503) while no key table has been loaded at all.
        """
        ...

    def ready(self) -> None:
        """Raises `CapacityError` while no key table has been loaded."""
        ...
