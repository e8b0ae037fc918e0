"""Subtitles (SubRip, WebVTT) from the segments of a transcription."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias

import msgspec

_Seconds: TypeAlias = Annotated[float, msgspec.Meta(ge=0, lt=1e6)]


class _Told(msgspec.Struct):
    start: _Seconds
    end: _Seconds
    text: str


Segment = tuple[float, float, str]
"""Begin and end in seconds, and what is said."""


def segments_in(answer: dict[str, Any]) -> list[Segment]:
    """Raises `ValueError` for an answer without segments where something was said."""
    try:
        told = msgspec.convert(answer.get("segments"), list[_Told])
    except msgspec.ValidationError:
        raise ValueError("without segments, or with one that has no time or no text") from None
    return [(one.start, max(one.start, one.end), one.text.strip()) for one in told]


def as_srt(segments: Sequence[Segment]) -> str:
    return "".join(
        f"{at}\n{_clock(begin, ',')} --> {_clock(end, ',')}\n{_plain(text)}\n\n"
        for at, (begin, end, text) in enumerate(segments, 1)
    )


def as_vtt(segments: Sequence[Segment]) -> str:
    return "WEBVTT\n\n" + "".join(
        f"{_clock(begin, '.')} --> {_clock(end, '.')}\n{_plain(text)}\n\n"
        for begin, end, text in segments
    )


def _clock(seconds: float, point: str) -> str:
    """`00:01:02,500`."""
    whole, rest = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(whole, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}:{second:02}{point}{rest:03}"


def _plain(text: str) -> str:
    """An arrow in a text would be read as a time."""
    return text.replace("-->", "->")
