"""What is taken out of a body before it is kept: secrets of known forms, and what identifies people.

It goes by form, so it takes out what looks like it and leaves what does not: it lowers what a leak
would give away, and is no promise that nothing of a person is left.
"""

from __future__ import annotations

import re
from typing import Any, Final

from opengateway.kit.redact import redact

_HIDDEN: Final = "[redacted]"
_SECRET_MEMBERS: Final = frozenset(
    (
        *("password", "passwd", "secret", "client_secret", "api_key", "apikey", "x-api-key"),
        *("authorization", "access_token", "refresh_token", "private_key", "token"),
    )
)
_EMAIL: Final = re.compile(
    r"[A-Za-z0-9._%+\-]{1,64}@[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63}){1,8}"
)
_PHONE: Final = re.compile(
    r"(?<![\w+.\-])(?:"
    r"\+\d{1,3}(?:[ .\-]?\(?\d{1,4}\)?){2,5}"
    r"|0\d{1,3}-\d{3,4}-\d{4}"
    r"|\(?\d{3}\)?[ .\-]\d{3}[ .\-]\d{4}"
    r")(?![\w\-])"
)
_RESIDENT: Final = re.compile(r"(?<![\w\-])\d{6}-[1-8]\d{6}(?![\w\-])")
"""A Korean resident registration number."""
_CARD: Final = re.compile(r"(?<![\w\-])\d(?:[ \-]?\d){12,18}(?![\w\-])")
_BLOCK: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
_DIGIT: Final = re.compile(r"\d")


class Redactor:
    """Counts what it takes out. One for a body."""

    def __init__(self) -> None:
        self.count = 0

    def value(self, found: Any) -> Any:
        """The same, without: texts one by one, members that are secrets as a whole."""
        if isinstance(found, str):
            return self.text(found)
        if isinstance(found, list):
            return [self.value(item) for item in found]
        if isinstance(found, dict):
            return {name: self._member(str(name), item) for name, item in found.items()}
        return found

    def _member(self, name: str, item: Any) -> Any:
        if isinstance(item, str) and item and name.lower() in _SECRET_MEMBERS:
            self.count += 1
            return _HIDDEN
        return self.value(item)

    def text(self, text: str) -> str:
        if len(text) < 6:
            return text
        known = text.count(_HIDDEN)
        text = redact(text)
        if "-----BEGIN" in text:
            text = _BLOCK.sub(_HIDDEN, text)
        if "@" in text:
            text = _EMAIL.sub(_HIDDEN, text)
        if _DIGIT.search(text):
            text = _RESIDENT.sub(_HIDDEN, text)
            text = _CARD.sub(_without_card, text)
            text = _PHONE.sub(_HIDDEN, text)
        self.count += text.count(_HIDDEN) - known
        return text


def _without_card(found: re.Match[str]) -> str:
    """Of numbers as long as a card's, those whose check digit is right."""
    digits = [int(c) for c in found.group() if c.isdigit()]
    doubled = [d * 2 - 9 * (d > 4) for d in digits[-2::-2]]
    return _HIDDEN if (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0 else found.group()
