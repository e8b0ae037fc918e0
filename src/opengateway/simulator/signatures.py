"""Signatures on reasoning, as vendors put them there, and verified when the reasoning comes back."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from opengateway.simulator.forms import decode_base64

_VERSION = b"\x12\x01"
_MAC_BYTES = 32


class Signer:
    """One simulator's key. Two simulators with the same seed take each other's signatures."""

    def __init__(self, seed: int) -> None:
        self._key = hashlib.sha256(b"opengateway simulator %d" % seed).digest()

    def sign(self, scope: str, text: str) -> str:
        """A signature of `text` that holds within `scope` only."""
        return base64.b64encode(_VERSION + self._mac(scope, text)).decode()

    def holds(self, scope: str, text: str, signature: str) -> bool:
        """Whether `signature` is ours and of this text. Takes both alphabets of base64."""
        try:
            given = decode_base64(signature, url=True)
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(given, _VERSION + self._mac(scope, text))

    def seal(self, text: str) -> str:
        """`text` as data that nobody else can read, or alter unnoticed."""
        mac = self._mac("sealed", text)
        return base64.b64encode(_VERSION + mac + self._mask(mac, text.encode())).decode()

    def opens(self, data: str) -> bool:
        """Whether `data` is what `seal` made."""
        try:
            given = decode_base64(data, url=True).removeprefix(_VERSION)
            mac, hidden = given[:_MAC_BYTES], given[_MAC_BYTES:]
            text = self._mask(mac, hidden).decode()
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(mac, self._mac("sealed", text))

    def _mac(self, scope: str, text: str) -> bytes:
        return hmac.digest(self._key, f"{scope}\0{text}".encode(), "sha256")

    def _mask(self, nonce: bytes, text: bytes) -> bytes:
        stream = hashlib.shake_256(self._key + nonce).digest(len(text))
        return bytes(a ^ b for a, b in zip(text, stream, strict=True))
