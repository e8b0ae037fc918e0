"""Input items, checked one by one by their type, and what they say of the request's price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

from opengateway.dialects.openai_chat.costs import lifetime_of
from opengateway.dialects.openai_responses import complaints as bad
from opengateway.dialects.openai_responses.shapes import (
    CallOutput,
    Compaction,
    CustomCall,
    FunctionCall,
    Message,
    Part,
    ReasoningItem,
    Reference,
)
from opengateway.kit.json import Raw, ValidationError

MAX_ITEMS: Final = 100_000
_DATA: Final = "data:"

ReadItem: TypeAlias = (
    Message | FunctionCall | CustomCall | CallOutput | ReasoningItem | Compaction | Reference | None
)
"""None: an item of a vendor's own tool, unread."""


class _Head(msgspec.Struct, gc=False):
    type: str | None = None
    role: str | None = None


_head = msgspec.json.Decoder(_Head).decode
_DECODERS: Final[Mapping[str, msgspec.json.Decoder[ReadItem]]] = {
    "message": msgspec.json.Decoder(Message),
    "function_call": msgspec.json.Decoder(FunctionCall),
    "function_call_output": msgspec.json.Decoder(CallOutput),
    "custom_tool_call": msgspec.json.Decoder(CustomCall),
    "custom_tool_call_output": msgspec.json.Decoder(CallOutput),
    "reasoning": msgspec.json.Decoder(ReasoningItem),
    "compaction": msgspec.json.Decoder(Compaction),
    "item_reference": msgspec.json.Decoder(Reference),
}
VENDORS_OWN: Final = frozenset(
    (
        "file_search_call",
        "computer_call",
        "computer_call_output",
        "web_search_call",
        "tool_search_call",
        "tool_search_output",
        "additional_tools",
        "image_generation_call",
        "code_interpreter_call",
        "local_shell_call",
        "local_shell_call_output",
        "shell_call",
        "shell_call_output",
        "apply_patch_call",
        "apply_patch_call_output",
        "mcp_list_tools",
        "mcp_approval_request",
        "mcp_approval_response",
        "mcp_call",
    )
)
"""Items of tools that a vendor runs, or that only its models know."""

_NEEDS: Final = {"input_text": "text", "output_text": "text", "text": "text", "refusal": "refusal"}
_IMAGES: Final = ("input_image",)
_FILES: Final = ("input_file",)


class Counted:
    """What was seen in all items."""

    __slots__ = ("has_open_media", "image_bytes", "images", "lifetimes", "modalities", "thoughts")

    def __init__(self) -> None:
        self.modalities: set[str] = {"text"}
        self.images = 0
        self.image_bytes = 0
        self.has_open_media = False
        self.lifetimes: set[str] = set()
        self.thoughts = 0


def read_item(raw: Raw, where: str, *, takes_all: bool) -> ReadItem:
    """An item by its type. Raises `InvalidRequest`, and `NotFound` for what is kept nowhere.

    `takes_all`: items of a vendor's own tools pass, unread.
    """
    try:
        head = _head(raw)
        kind = head.type or ("message" if head.role is not None else "item_reference")
        decoder = _DECODERS.get(kind)
        if decoder is not None:
            return decoder.decode(raw)
    except ValidationError as error:
        raise bad.of_validation_error(error, where) from None
    if kind not in VENDORS_OWN:
        raise bad.wrong(
            bad.INVALID_VALUE,
            f"{where}.type",
            f"'{where}.type' is {kind[:80]!r}; send message, function_call, function_call_output, "
            "custom_tool_call, custom_tool_call_output, reasoning or compaction",
        )
    if not takes_all:
        raise bad.wrong(
            bad.UNSUPPORTED,
            f"{where}.type",
            f"'{where}.type' is {kind!r}, of a tool that is not served here; leave the item out",
        )
    return None


def count_item(item: ReadItem, where: str, counted: Counted, *, takes_all: bool) -> None:
    """Check what the types leave open. Raises `InvalidRequest`, `NotFound`."""
    match item:
        case Message() if not isinstance(item.content, str):
            _count_parts(item.content, f"{where}.content", counted, takes_all)
        case CallOutput() if not isinstance(item.output, str):
            _count_parts(item.output, f"{where}.output", counted, takes_all)
        case ReasoningItem():
            counted.thoughts += 1
        case Reference() if not takes_all:
            raise bad.not_here(
                f"{where}.id",
                f"'{where}.id' names no item that is kept here; send the item itself, or keep "
                "responses with 'store': true where the team's settings allow it",
            )
        case _:
            pass


def _count_parts(parts: Sequence[Part], where: str, counted: Counted, takes_all: bool) -> None:
    for at, part in enumerate(parts):
        place = f"{where}[{at}]"
        if (mark := part.prompt_cache_breakpoint) is not None:
            counted.lifetimes.add(lifetime_of(mark))
        if (need := _NEEDS.get(part.type)) is not None:
            if getattr(part, need) is None:
                raise bad.missing(f"{place}.{need}", f"it with every part of type {part.type!r}")
        elif part.type in _IMAGES:
            _count_image(part, place, counted, takes_all)
        elif part.type in _FILES:
            _count_file(part, place, counted, takes_all)
        else:
            raise bad.wrong(
                bad.INVALID_VALUE,
                f"{place}.type",
                f"'{place}.type' is {part.type[:80]!r}; send input_text, input_image, input_file, "
                "output_text or refusal",
            )


def _count_image(part: Part, place: str, counted: Counted, takes_all: bool) -> None:
    counted.modalities.add("image")
    counted.images += 1
    _check_file_id(part, place, takes_all)
    if part.image_url is None and part.file_id is None:
        raise bad.missing(f"{place}.image_url", "a web address, or a base64 data URL")
    if part.image_url is not None and part.image_url[:5].lower() == _DATA:
        counted.image_bytes += len(part.image_url)


def _count_file(part: Part, place: str, counted: Counted, takes_all: bool) -> None:
    counted.modalities.add("file")
    counted.has_open_media = True
    _check_file_id(part, place, takes_all)
    if part.file_data is None and part.file_url is None and part.file_id is None:
        raise bad.missing(f"{place}.file_data", "a base64 data URL, or 'file_url'")


def _check_file_id(part: Part, place: str, takes_all: bool) -> None:
    if part.file_id is not None and not takes_all:
        raise bad.not_here(
            f"{place}.file_id",
            f"'{place}.file_id' names no file that is kept here; send the file's data or its "
            "address",
        )
