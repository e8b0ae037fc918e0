"""Signed payloads: who made the configuration, and that nobody changed it (decision 25).

A blob is `b"ogs1 "`, the Ed25519 signature of the payload as 128 hexadecimal characters,
a newline, then the payload. Keys are the hexadecimal form of 32 raw bytes (RFC 8032).
"""

from __future__ import annotations

from typing import Final

# `cryptography` is imported inside the functions: whoever only names this module pays nothing.

_MAGIC: Final = b"ogs1 "
_SIGNATURE_HEX: Final = 128
_HEAD_BYTES: Final = len(_MAGIC) + _SIGNATURE_HEX + 1
_KEY_BYTES: Final = 32


def sign(payload: bytes, private_hex: str) -> bytes:
    """The signed blob of `payload`. Raises `ValueError` if the key is not one of ours."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.from_private_bytes(_raw_key(private_hex, "private"))
    return b"".join((_MAGIC, key.sign(payload).hex().encode(), b"\n", payload))


def verify(blob: bytes, public_hex: str) -> bytes:
    """The payload of `blob`. Raises `ValueError` unless it was signed by the key's owner."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    key = Ed25519PublicKey.from_public_bytes(_raw_key(public_hex, "public"))
    if not blob.startswith(_MAGIC) or blob[_HEAD_BYTES - 1 : _HEAD_BYTES] != b"\n":
        raise ValueError("not a signed blob: its first line is not 'ogs1 <signature>'")
    payload = blob[_HEAD_BYTES:]
    try:
        signature = bytes.fromhex(blob[len(_MAGIC) : _HEAD_BYTES - 1].decode("ascii"))
        key.verify(signature, payload)
    except (InvalidSignature, UnicodeDecodeError, ValueError):
        raise ValueError("the signature does not fit: changed on the way, or another key") from None
    return payload


def new_keypair() -> tuple[str, str]:
    """A new private key and its public key, both hexadecimal."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    return key.private_bytes_raw().hex(), key.public_key().public_bytes_raw().hex()


def _raw_key(text: str, which: str) -> bytes:
    # The text is never quoted in the error: it may be the private key.
    try:
        raw = bytes.fromhex(text.strip())
    except ValueError:
        raw = b""
    if len(raw) != _KEY_BYTES:
        raise ValueError(f"the {which} key is not {_KEY_BYTES * 2} hexadecimal characters")
    return raw
