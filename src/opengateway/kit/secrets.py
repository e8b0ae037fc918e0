"""The form of our API keys, and the digest under which they are kept (decision 24).

A key is `og_live_` + 32 base62 characters + 6 base62 characters of CRC-32 over what stands before.
The checksum lets secret scanners, and us, tell a key from noise without a look-up.

The first 4 of the 32 are the mark of the zone that made the key; 28 are drawn, 166 bits. So a zone that
does not know a key can say whose it is. Nothing is decided by the mark: keys of before have none.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from typing import Final

from opengateway.kit.chance import random_base62

INFERENCE_PREFIX: Final = "og_live_"
MANAGEMENT_PREFIX: Final = "og_mgmt_"
_PREFIXES: Final = (INFERENCE_PREFIX, MANAGEMENT_PREFIX)
_BODY = 32
_CHECK = 6
_MARK = 4
_LENGTH = 8 + _BODY + _CHECK
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _checksum(text: str) -> str:
    value = binascii.crc32(text.encode())
    digits = []
    for _ in range(_CHECK):
        value, digit = divmod(value, 62)
        digits.append(_BASE62[digit])
    return "".join(reversed(digits))


def zone_mark(zone: str) -> str:
    """What keys of the zone begin with, after their prefix."""
    value = int.from_bytes(hashlib.blake2b(zone.encode(), person=b"og zone mark").digest())
    digits = []
    for _ in range(_MARK):
        value, digit = divmod(value, 62)
        digits.append(_BASE62[digit])
    return "".join(digits)


def mark_of(secret: str) -> str:
    """The mark of a well-formed key; four characters of chance in one from before marks."""
    return secret[8 : 8 + _MARK]


def new_secret(prefix: str, zone: str) -> str:
    """A new key of the zone. It is shown once; only its digest is kept."""
    assert prefix in _PREFIXES, f"unknown key prefix {prefix!r}"
    head = prefix + zone_mark(zone) + random_base62(_BODY - _MARK)
    return head + _checksum(head)


def is_well_formed(secret: str) -> bool:
    """Whether `secret` has the form of a key, checksum included."""
    return (
        len(secret) == _LENGTH
        and secret.startswith(_PREFIXES)
        and secret.isascii()
        and secret[-_CHECK:] == _checksum(secret[:-_CHECK])
    )


def hint(secret: str) -> str:
    """What may be shown of a key afterwards: its prefix and its last four characters."""
    return f"{secret[:8]}...{secret[-4:]}"


def digest(secret: str, pepper: bytes) -> bytes:
    """HMAC-SHA-256 of the secret under the pepper: 32 bytes."""
    return hmac.digest(pepper, secret.encode(), "sha256")
