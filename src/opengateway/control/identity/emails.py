"""E-mail addresses, in the one form in which they are kept and compared."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from opengateway.domain.errors import InvalidRequest

MAX_EMAIL: Final = 254
"""RFC 5321, 4.5.3.1.3: a path is at most 256 octets with its brackets."""
# The dot-atom of RFC 5322, 3.2.3; quoted local parts exist on paper only.
_LOCAL: Final = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


def normal_email(text: str, *, param: str = "email") -> str:
    """Lower case, the domain in ASCII. Raises `InvalidRequest`; the address is not repeated.

    Letters before the `@` could differ in case by the standard; no provider of note uses that, and
    two accounts that differ by it alone would be a trap.
    """
    local, at, domain = unicodedata.normalize("NFC", text).strip().lower().rpartition("@")
    try:
        domain = domain.encode("idna").decode() if not domain.isascii() else domain
    except UnicodeError:
        at = ""
    labels = domain.split(".")
    if (
        not at
        or len(local) > 64
        or len(local) + len(domain) + 1 > MAX_EMAIL
        or _LOCAL.fullmatch(local) is None
        or any(_LABEL.fullmatch(label) is None for label in labels)
    ):
        raise InvalidRequest(f"{param!r} must be an e-mail address", param=param)
    return f"{local}@{domain}"
