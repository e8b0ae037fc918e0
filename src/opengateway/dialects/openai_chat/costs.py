"""What a request says of its own price: media, cache marks, and tools that a provider runs itself.

Counted while the content is checked, so that holds and the look for unpriced kinds read facts and
never the request again (decisions 13 and 14).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from opengateway.dialects.openai_chat.shapes import Function, Part, Tool
from opengateway.kit.json import RawObject, loads

MARKS: Final = ("cache_control", "prompt_cache_breakpoint")
_DATA: Final = "data:"
_DEFAULT: Final = "default"
"""The lifetime of a mark that names none."""


class Counted:
    """What was seen in the parts of all messages."""

    __slots__ = (
        "audio_bytes",
        "has_open_media",
        "image_bytes",
        "images",
        "lifetimes",
        "modalities",
    )

    def __init__(self) -> None:
        self.modalities: set[str] = set()
        self.images = 0
        self.image_bytes = 0
        self.audio_bytes = 0
        self.has_open_media = False
        self.lifetimes: set[str] = set()

    def media(self, part: Part, modality: str) -> None:
        """One part that is no text."""
        self.modalities.add(modality)
        if modality == "image":
            self.images += 1
            image = part.image_url
            url = image if isinstance(image, str) else image.url if image is not None else ""
            if url[:5].lower() == _DATA:
                self.image_bytes += len(url)
        elif part.input_audio is not None:
            self.audio_bytes += len(part.input_audio.data)
        else:
            self.has_open_media = True

    def mark(self, *marks: Any) -> None:
        """The marks of one part or tool; None where there is none."""
        for mark in marks:
            if mark is not None:
                self.lifetimes.add(lifetime_of(mark))


def lifetime_of(mark: Any) -> str:
    """How long a mark says that its prefix shall be kept: `5m`, `1h`, or `default`."""
    ttl = mark.get("ttl") if isinstance(mark, dict) else None
    return ttl[:16] if isinstance(ttl, str) else _DEFAULT


def tool_lifetimes(tools: Sequence[Tool] | None, functions: Sequence[Function] | None) -> set[str]:
    """Of the marks on tools; a mark stands on the tool or on its function."""
    counted = Counted()
    for tool in tools or ():
        counted.mark(tool.cache_control, tool.prompt_cache_breakpoint)
        if tool.function is not None:
            counted.mark(tool.function.cache_control, tool.function.prompt_cache_breakpoint)
    for function in functions or ():
        counted.mark(function.cache_control, function.prompt_cache_breakpoint)
    return counted.lifetimes


def marked_lifetimes(holders: Iterable[RawObject]) -> set[str]:
    """Of the marks among members that nobody checked: whole messages, or the request itself."""
    raws = (holder[name] for holder in holders for name in MARKS if name in holder)
    return {lifetime_of(mark) for raw in raws if (mark := loads(raw)) is not None}


def runs_tools(tools: Sequence[Tool] | None) -> bool:
    """Whether a tool is neither a function nor a custom one: then the provider runs it."""
    return tools is not None and any(t.function is None and t.custom is None for t in tools)
