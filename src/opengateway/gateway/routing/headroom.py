"""What a provider's rate headers say of the room that is left under its limits.

Names in lower case. OpenAI's form (`x-ratelimit-remaining-requests: 59`, `-reset-requests: 1m2.5s`)
is spoken by most vendors; Anthropic's has its own prefix and RFC 3339 times, Mistral and others
vary. A header that cannot be read says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_PREFIXES: Final = ("x-ratelimit-", "anthropic-ratelimit-")
_KINDS: Final = ("requests", "tokens")
_MARKS: Final = tuple(
    (
        f"{prefix}remaining-{kind}" if prefix.startswith("x-") else f"{prefix}{kind}-remaining",
        f"{prefix}limit-{kind}" if prefix.startswith("x-") else f"{prefix}{kind}-limit",
        f"{prefix}reset-{kind}" if prefix.startswith("x-") else f"{prefix}{kind}-reset",
    )
    for prefix in _PREFIXES
    for kind in _KINDS
)
_DURATION: Final = re.compile(r"(?:(\d{1,4})h)?(?:(\d{1,5})m(?!s))?(?:(\d{1,6}(?:\.\d{1,9})?)s)?")
_MILLIS: Final = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)ms")
_MOST_S: Final = 600.0
_USUAL_S: Final = 10.0
"""Where no time is told, or one that cannot be read."""


def headroom(headers: Mapping[str, str]) -> tuple[float, float] | None:
    """The least share that is left of a limit, 0 to 1, and in how many seconds it is whole again.

    None where the headers say nothing.
    """
    least: tuple[float, float] | None = None
    for remaining_name, limit_name, reset_name in _MARKS:
        remaining = headers.get(remaining_name)
        if remaining is None:
            continue
        share = _share(remaining, headers.get(limit_name))
        if share is not None and (least is None or share < least[0]):
            least = share, _seconds(headers.get(reset_name))
    return least


def _share(remaining: str, limit: str | None) -> float | None:
    try:
        left = float(remaining[:20])
        whole = float(limit[:20]) if limit else 0.0
    except ValueError:
        return None
    if not 0 <= left < 1e15 or not 0 <= whole < 1e15:
        return None
    if whole <= 0:
        return 0.0 if left <= 0 else None
    return min(1.0, left / whole)


def _seconds(text: str | None) -> float:
    """A duration such as `6m0s`, `1.5s`, `20ms` or plain seconds. At most ten minutes."""
    if not text or len(text) > 32:
        return _USUAL_S
    if (millis := _MILLIS.fullmatch(text)) is not None:
        return min(float(millis[1]) / 1000, _MOST_S)
    if text.isascii() and text.replace(".", "", 1).isdigit():
        seconds = float(text)
        return seconds if seconds <= _MOST_S else _USUAL_S  # a date in Unix seconds, most likely
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        return _USUAL_S
    hours, minutes, seconds_text = found.groups()
    total = int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds_text or 0)
    return min(total, _MOST_S)
