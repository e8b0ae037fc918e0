"""Envelope encryption: each secret under a key of its own, and that key under another.

    byte 0        format: 2
    bytes 1-2     length of the wrapped key, big endian
    ...           the wrapped key, in the form of whoever wraps
    12 bytes      nonce, random
    rest          ciphertext and tag, AES-256-GCM

A new outer key means wrapping the small keys again; what they close is not touched, and need not be
opened. The purpose is bound in twice: by who wraps, and as associated data.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from opengateway.kit.chance import random_bytes

Wrap = Callable[[bytes, str], bytes]
"""Takes a key (or a wrapped one) and the purpose."""
_FORMAT: Final = 2
_HEAD: Final = struct.Struct(">BH")
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class BadEnvelope(ValueError):
    """It is no envelope, or was changed, or is for another purpose. Says nothing of it."""


def seal(plain: bytes, purpose: str, wrap: Wrap) -> bytes:
    key = random_bytes(_KEY_BYTES)
    wrapped = wrap(key, purpose)
    nonce = random_bytes(_NONCE_BYTES)
    closed = AESGCM(key).encrypt(nonce, plain, purpose.encode())
    return _HEAD.pack(_FORMAT, len(wrapped)) + wrapped + nonce + closed


def unseal(sealed: bytes, purpose: str, unwrap: Wrap) -> bytes:
    """Raises `BadEnvelope`, and what `unwrap` raises."""
    wrapped, body = _parts(sealed)
    key = unwrap(wrapped, purpose)
    try:
        nonce, closed = body[:_NONCE_BYTES], body[_NONCE_BYTES:]
        return AESGCM(key).decrypt(nonce, closed, purpose.encode())
    except (InvalidTag, ValueError):
        raise BadEnvelope("the envelope is for another purpose, or was changed") from None


def rewrap(sealed: bytes, purpose: str, unwrap: Wrap, wrap: Wrap) -> bytes:
    """The same envelope under a newer outer key. Raises as `unseal` does."""
    wrapped, body = _parts(sealed)
    again = wrap(unwrap(wrapped, purpose), purpose)
    return _HEAD.pack(_FORMAT, len(again)) + again + body


def _parts(sealed: bytes) -> tuple[bytes, bytes]:
    if len(sealed) < _HEAD.size:
        raise BadEnvelope("this is no envelope")
    form, size = _HEAD.unpack_from(sealed)
    body = sealed[_HEAD.size + size :]
    if form != _FORMAT or len(body) <= _NONCE_BYTES:
        raise BadEnvelope("this is no envelope")
    return sealed[_HEAD.size : _HEAD.size + size], body
