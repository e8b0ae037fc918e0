"""Which passwords are taken. Length counts; no rule asks for a digit or a sign (NIST SP 800-63B-4)."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import Final

from opengateway.domain.errors import InvalidRequest

MIN_CHARACTERS: Final = 12
MAX_CHARACTERS: Final = 256
_MIN_DIFFERENT: Final = 5
# What people make of a common word when twelve characters are asked for.
_COMMON: Final = (
    *("password", "passwort", "qwerty", "qwertyuiop", "asdfgh", "zxcvbn", "abcdef", "letmein"),
    *("welcome", "iloveyou", "monkey", "dragon", "football", "baseball", "sunshine", "princess"),
    *("administrator", "admin", "changeme", "default", "secret", "master", "login", "access"),
    *("opengateway", "gateway", "sarang", "비밀번호", "パスワード", "himitsu", "trustno"),
)
_SWAPS: Final = str.maketrans("@430157$!", "aaeoistsi")


class WeakPassword(InvalidRequest):
    code = "weak_password"


def check_password(password: str, email: str, *, param: str = "password") -> None:
    """Raises `WeakPassword`, which never repeats it."""
    said = unicodedata.normalize("NFC", password)
    if not MIN_CHARACTERS <= len(said) <= MAX_CHARACTERS:
        raise WeakPassword(
            f"{param!r} must have {MIN_CHARACTERS} to {MAX_CHARACTERS} characters", param=param
        )
    folded = said.casefold()
    if len(set(folded)) < _MIN_DIFFERENT or _is_run(folded):
        raise WeakPassword(f"{param!r} repeats or counts; choose another", param=param)
    local = email.partition("@")[0].casefold()
    if folded in (email.casefold(), local) or (len(local) > 3 and _rest(folded, local) < 6):
        raise WeakPassword(f"{param!r} is made of your address; choose another", param=param)
    plain = folded.translate(_SWAPS)
    if any(min(_rest(folded, word), _rest(plain, word)) < 6 for word in _COMMON):
        raise WeakPassword(f"{param!r} is made of a very common one; choose another", param=param)


def _rest(text: str, word: str) -> int:
    """How many characters are left of `text` without every `word`; digits and signs count half."""
    if word not in text:
        return len(text)
    left = text.replace(word, "")
    letters = len(re.sub(r"[\W\d_]", "", left))
    return letters + (len(left) - letters) // 2


def _is_run(text: str) -> bool:
    """`1234567890123`, `abcdefghijkl`: each character follows the one before, modulo ten."""
    steps = [ord(b) - ord(a) for a, b in pairwise(text)]
    up = sum(step in (1, -9) for step in steps)
    down = sum(step in (-1, 9) for step in steps)
    return max(up, down) >= len(steps) - 1
