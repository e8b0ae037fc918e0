"""Secrets at rest: AES-256-GCM under a numbered key of the zone.

    byte 0        format: 1 = sealed with the zone's key itself
    bytes 1-4     the key's version, big endian
    bytes 5-16    nonce, random
    bytes 17-     ciphertext and tag

The purpose is bound in as associated data, so that a row cannot be moved to another user or another
use. A key that is wrapped by a key service is a second format beside this one; nothing stored changes.

Random nonces of 96 bits are safe for 2^32 seals under one key (NIST SP 800-38D, 8.3).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from opengateway.kit.chance import random_bytes
from opengateway.ports.secret_box import Unsealable

KEY_BYTES: Final = 32
MAX_BYTES: Final = 256 * 1024
_FORMAT: Final = 1
_HEAD: Final = struct.Struct(">BI")
_NONCE_BYTES: Final = 12


class AesSecretBox:
    """Seals with the newest key, opens with any that it is given."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys.values()):
            raise ValueError(f"a secret box needs keys of {KEY_BYTES} bytes")
        self._keys = {version: AESGCM(key) for version, key in keys.items()}
        self._newest = max(keys)

    def seal(self, plain: bytes, purpose: str) -> bytes:
        if len(plain) > MAX_BYTES:
            raise ValueError(f"more than {MAX_BYTES} bytes cannot be sealed")
        head = _HEAD.pack(_FORMAT, self._newest)
        nonce = random_bytes(_NONCE_BYTES)
        bound = head + purpose.encode()
        return head + nonce + self._keys[self._newest].encrypt(nonce, plain, bound)

    def open(self, sealed: bytes, purpose: str) -> bytes:
        start = _HEAD.size + _NONCE_BYTES
        if not start < len(sealed) <= MAX_BYTES + start + 16:
            raise Unsealable("this was not sealed here")
        form, version = _HEAD.unpack_from(sealed)
        key = self._keys.get(version)
        if form != _FORMAT or key is None:
            raise Unsealable(f"this was sealed under key {version}, which is not here")
        bound = sealed[: _HEAD.size] + purpose.encode()
        try:
            return key.decrypt(sealed[_HEAD.size : start], sealed[start:], bound)
        except InvalidTag:
            raise Unsealable("this was sealed for another purpose, or was changed") from None
