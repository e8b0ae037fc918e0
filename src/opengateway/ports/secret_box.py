"""Small secrets at rest: what only this zone may read again."""

from __future__ import annotations

from typing import Protocol


class Unsealable(ValueError):
    """It was not sealed here, not for this purpose, or was changed since. Says nothing of it."""


class SecretBox(Protocol):
    """Implementation: `infra/secret_box.py`."""

    def seal(self, plain: bytes, purpose: str) -> bytes:
        """Close `plain`. `purpose` names what it is and whose (`totp:usr_...`); it is not kept."""
        ...

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """What was closed for the same purpose. Raises `Unsealable`."""
        ...
