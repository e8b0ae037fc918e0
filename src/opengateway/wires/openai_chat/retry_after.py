"""When a vendor says to come again, in all the ways in which they say it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

MAX_WAIT_S = 120.0
"""The official clients give up on a larger value (reference: providers, A.7)."""

_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|h|m|s|d)")
_SPAN = re.compile(r"(?:\d+(?:\.\d+)?\s*(?:ms|h|m|s|d)\s*)+")
_SECONDS_OF = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_RETRY_DELAY = re.compile(r'"retryDelay"\s*:\s*"([^"]{1,20})"')
_UNIT = r"(?:milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|h)"
_SAID = re.compile(
    r"(?:try again|retry(?:ing)?|wait)\s+(?:in|after|for)\s+"
    rf"((?:\d{{1,6}}(?:\.\d{{1,6}})?\s?{_UNIT}\s?){{1,4}})(?![a-z])",
    re.IGNORECASE,
)
_SAID_PART = re.compile(r"(\d+(?:\.\d+)?)\s?(milli|ms|s|m|h)", re.IGNORECASE)


def retry_after_s(headers: Mapping[str, str], body: str) -> float | None:
    """Seconds to wait, 0 to 120, or None where nothing is said. Header names in lower case.

    A date is measured against the answer's own `date` header, so that no clock is read here;
    without one it says nothing.
    """
    waits = (
        _milliseconds(headers.get("retry-after-ms")),
        _wait(headers.get("retry-after"), headers.get("date")),
        _delay_in(body),
        _reset(headers),
        _said(body),
    )
    for wait in waits:
        if wait is not None:
            return min(max(wait, 0.0), MAX_WAIT_S)
    return None


def _number(text: str | None) -> float | None:
    """A plain decimal; not `inf`, `nan` or an exponent, which no vendor sends."""
    if text is None or not re.fullmatch(r"\s*-?\d{1,12}(?:\.\d{1,9})?\s*", text, re.ASCII):
        return None
    return float(text)


def _milliseconds(text: str | None) -> float | None:
    number = _number(text)
    return None if number is None else number / 1000


def _wait(text: str | None, date: str | None) -> float | None:
    """Seconds, a span such as `1m20s`, an HTTP date or an RFC 3339 one."""
    if not text:
        return None
    if (number := _number(text)) is not None:
        return number
    if (span := _span(text)) is not None:
        return span
    moment, now = _moment(text), _moment(date or "")
    return (moment - now).total_seconds() if moment and now else None


def _span(text: str) -> float | None:
    if len(text) > 40 or not _SPAN.fullmatch(text.strip()):
        return None
    return sum(float(amount) * _SECONDS_OF[unit] for amount, unit in _PART.findall(text))


def _moment(text: str) -> datetime | None:
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = parse(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        if moment.tzinfo is not None:
            return moment
    return None


def _reset(headers: Mapping[str, str]) -> float | None:
    """The longest reset among the limits that are used up."""
    waits = []
    for kind in ("requests", "tokens"):
        if headers.get(f"x-ratelimit-remaining-{kind}", "").strip() == "0":
            waits.append(_wait(headers.get(f"x-ratelimit-reset-{kind}"), headers.get("date")))
    return max((wait for wait in waits if wait is not None), default=None)


def _delay_in(body: str) -> float | None:
    """google.rpc.RetryInfo, as JSON."""
    found = _RETRY_DELAY.search(body)
    return _span(found[1]) if found else None


def _said(body: str) -> float | None:
    found = _SAID.search(body)
    if not found:
        return None
    parts = _SAID_PART.findall(found[1].lower())
    return sum(float(n) * _SECONDS_OF["ms" if u == "milli" else u] for n, u in parts)
