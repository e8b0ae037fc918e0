"""The form of redeem codes (decision 27): `OGC-XXXX-XXXX-XXXX-XXXX-XXXX`, Crockford's base 32.

Eighteen characters are random (90 bits), the last two check them, so that a slip of the pen is found
where the code is typed. They prove nothing: only the store knows whether there is such a code.
"""

from __future__ import annotations

import hmac
import re
from typing import Final

from opengateway.kit.chance import random_bytes

PREFIX: Final = "OGC"
MAX_TYPED: Final = 64
"""More than a code with anything that people put between its characters."""
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_BODY: Final = 18
_PRIME: Final = 1_021
"""The largest below 32 * 32: one wrong character, or two neighbours swapped, always shows."""
_BETWEEN: Final = re.compile(r"[\s_-]+")
_LOOK_ALIKE: Final = str.maketrans("OIL", "011")
_PURPOSE: Final = b"redeem:"
"""Keeps these digests apart from those of keys, which are made under the same pepper."""


def new_code() -> str:
    """A new code. It is shown once; only its digest is kept."""
    # 32 divides 256: every character is as likely as any other.
    body = "".join(_ALPHABET[byte & 31] for byte in random_bytes(_BODY))
    return shown(body + _check(body))


def shown(compact: str) -> str:
    """Twenty characters in groups of four, as people read them."""
    return "-".join((PREFIX, *(compact[at : at + 4] for at in range(0, len(compact), 4))))


def compact(typed: str) -> str:
    """What was typed, without what people put in between and mistake: `o` is 0, `i` and `l` are 1.

    Anything comes out as something; what is no code matches none.
    """
    text = _BETWEEN.sub("", typed[:MAX_TYPED]).upper()
    return text.removeprefix(PREFIX).translate(_LOOK_ALIKE)


def is_well_formed(typed: str) -> bool:
    """Whether this can be a code, by its length and check characters."""
    text = compact(typed)
    if len(text) != _BODY + 2 or not set(text) <= set(_ALPHABET):
        return False
    return text[_BODY:] == _check(text[:_BODY])


def hint(code: str) -> str:
    """What may be shown of a code afterwards: 70 of its 90 bits stay unknown."""
    return f"{PREFIX}-{compact(code)[:4]}-..."


def digest(typed: str, pepper: bytes) -> bytes:
    """HMAC-SHA-256 under the pepper: 32 bytes. The same work for whatever was typed."""
    return hmac.digest(pepper, _PURPOSE + compact(typed).encode(), "sha256")


def _check(body: str) -> str:
    value = 0
    for character in body:
        value = (value * 32 + _ALPHABET.index(character)) % _PRIME
    # Shifted by the two places that follow, so that a swap across the seam shows too.
    value = value * 1_024 % _PRIME
    return _ALPHABET[value >> 5] + _ALPHABET[value & 31]
