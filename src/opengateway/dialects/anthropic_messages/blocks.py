"""What the types of blocks leave open, and what blocks say of the input's price."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from opengateway.dialects.anthropic_messages.complaints import (
    INVALID_VALUE,
    missing,
    not_here,
    of_validation_error,
    wrong,
)
from opengateway.dialects.anthropic_messages.shapes import Block, Mark, Message, Source
from opengateway.kit.json import Raw, ValidationError

TEXT: Final = "text"
_blocks = msgspec.json.Decoder(list[Block]).decode
_NEEDS: Final = {
    "text": ("text",),
    "image": ("source",),
    "document": ("source",),
    "tool_use": ("id", "name", "input"),
    "tool_result": ("tool_use_id",),
    "thinking": ("thinking",),
    "redacted_thinking": ("data",),
}
"""Types of blocks, each with the members that must come with it."""
_SPOKEN_BY: Final = {
    "tool_use": "assistant",
    "thinking": "assistant",
    "redacted_thinking": "assistant",
    "tool_result": "user",
}
_NO_FILES: Final = (
    "there is no such file: files are not served here; send the data as base64, or its address"
)
MAX_DEPTH_OF_RESULTS: Final = 8


class Counted:
    """What was seen in all blocks. `takes_all`: ids of files pass, as no caller's may."""

    __slots__ = (
        "_takes_all",
        "has_open_media",
        "has_thoughts",
        "image_bytes",
        "images",
        "lifetimes",
        "modalities",
    )

    def __init__(self, *, takes_all: bool) -> None:
        self._takes_all = takes_all
        self.modalities: set[str] = {TEXT}
        self.images = 0
        self.image_bytes = 0
        self.has_open_media = False
        self.has_thoughts = False
        self.lifetimes: set[str] = set()

    def mark(self, mark: Mark | None) -> None:
        if mark is not None:
            self.lifetimes.add(mark.ttl or "default")

    def count(self, block: Block, where: str, level: int = 0) -> None:
        """Raises `InvalidRequest`, and `NotFound` for a file."""
        for member in _NEEDS.get(block.type, ()):
            if getattr(block, member) in (None, msgspec.UNSET):
                raise missing(f"{where}.{member}", f"it with every block of type {block.type!r}")
        if block.cache_control is not None:
            self.mark(block.cache_control)
        match block.type:
            case "text":
                pass
            case "image" | "document":
                self._media(block, where)
            case "tool_use":
                if not bytes(block.input).startswith(b"{"):  # type: ignore[arg-type]
                    raise wrong(INVALID_VALUE, f"{where}.input", f"{where}.input: send an object")
            case "tool_result":
                self._result(block, where, level)
            case "thinking" | "redacted_thinking":
                self.has_thoughts = True
            case "container_upload":
                if not self._takes_all:
                    raise not_here(f"{where}.file_id", _NO_FILES)
            case _:
                pass

    def _media(self, block: Block, where: str) -> None:
        source = block.source
        if not isinstance(source, Source):
            raise missing(f"{where}.source", "an object with 'type'")
        if source.type == "file":
            if not self._takes_all:
                raise not_here(f"{where}.source.file_id", _NO_FILES)
        elif source.type == "url":
            if source.url is None:
                raise missing(f"{where}.source.url", "the address")
        elif source.type in ("base64", "text") and source.data is None:
            raise missing(f"{where}.source.data", "the data")
        if block.type == "image":
            self.modalities.add("image")
            self.images += 1
            self.image_bytes += len(source.data or "")
        elif source.type not in ("text", "content"):
            self.modalities.add("file")
            self.has_open_media = True

    def _result(self, block: Block, where: str, level: int) -> None:
        if not isinstance(block.content, Raw) or not bytes(block.content).startswith(b"["):
            return
        if level >= MAX_DEPTH_OF_RESULTS:
            raise wrong(INVALID_VALUE, where, f"{where}: results are nested too deep; flatten them")
        try:
            parts = _blocks(block.content)
        except ValidationError as error:
            raise of_validation_error(error, f"{where}.content") from None
        for at, part in enumerate(parts):
            self.count(part, f"{where}.content.{at}", level + 1)


def count_messages(messages: Sequence[Message], counted: Counted) -> None:
    """Raises `InvalidRequest` and `NotFound`."""
    for at, message in enumerate(messages):
        content = message.content
        if isinstance(content, str):
            continue
        for index, block in enumerate(content):
            where = f"messages.{at}.content.{index}"
            speaker = _SPOKEN_BY.get(block.type)
            if speaker is not None and speaker != message.role:
                raise wrong(
                    INVALID_VALUE,
                    f"{where}.type",
                    f"{where}.type: {block.type!r} blocks are the {speaker}'s; move it to a "
                    f"message of role {speaker!r}",
                )
            counted.count(block, where)
