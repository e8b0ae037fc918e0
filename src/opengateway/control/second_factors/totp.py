"""One-time codes by time: RFC 6238 with SHA-1, 30 seconds, six digits, which every app can do."""

from __future__ import annotations

import base64
import hmac
import struct
from typing import Final
from urllib.parse import quote, urlencode

from opengateway.kit.chance import random_bytes

SECRET_BYTES: Final = 20
"""160 bits, as long as SHA-1's own output (RFC 4226, 4)."""
STEP_S: Final = 30
DIGITS: Final = 6
SKEW: Final = 1
"""Steps that a clock may be early or late (RFC 6238, 5.2)."""


def new_secret() -> bytes:
    return random_bytes(SECRET_BYTES)


def code_at(secret: bytes, step: int) -> str:
    """RFC 4226, 5.3."""
    mac = hmac.digest(secret, struct.pack(">Q", step), "sha1")
    offset = mac[-1] & 0x0F
    number = struct.unpack_from(">I", mac, offset)[0] & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def matching_step(secret: bytes, code: str, now_s: int, after: int) -> int | None:
    """The step whose code this is, within the skew and past `after`; None when there is none.

    `after` is the newest step that was used: a code is good once (RFC 6238, 5.2).
    """
    if len(code) != DIGITS or not code.isascii() or not code.isdigit():
        return None
    current = now_s // STEP_S
    found = None
    for step in range(current - SKEW, current + SKEW + 1):
        # Every candidate is computed, so that time tells nothing of which it was.
        if hmac.compare_digest(code_at(secret, step), code) and step > after:
            found = step
    return found


def text_of(secret: bytes) -> str:
    """For typing into an app that cannot read the picture."""
    return base64.b32encode(secret).decode().rstrip("=")


def uri_of(secret: bytes, account: str, issuer: str) -> str:
    """What the picture holds (Key Uri Format of the authenticator apps)."""
    label = quote(f"{issuer}:{account}", safe="")
    return f"otpauth://totp/{label}?" + urlencode(
        {"secret": text_of(secret), "issuer": issuer, "digits": DIGITS, "period": STEP_S},
        quote_via=quote,
    )
