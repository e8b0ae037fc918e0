"""What the types of messages leave open, and what they say of the input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import UNSET

from opengateway.dialects.openai_chat.complaints import missing
from opengateway.dialects.openai_chat.costs import Counted
from opengateway.dialects.openai_chat.foreign_ids import check_audio, check_part
from opengateway.dialects.openai_chat.shapes import (
    AssistantMessage,
    DeveloperMessage,
    Message,
    Part,
    ToolCall,
)

TEXT_ONLY: Final = frozenset(("text",))

_NEEDS: Final = {
    "text": "text",
    "refusal": "refusal",
    "image_url": "image_url",
    "input_audio": "input_audio",
    "file": "file",
}
"""Part types of OpenAI, each with the member that must come with it."""

_MODALITY: Final = {
    "image_url": "image",
    "image": "image",
    "input_image": "image",
    "input_audio": "audio",
    "audio_url": "audio",
    "file": "file",
    "input_file": "file",
    "document": "file",
    "document_url": "file",
    "video_url": "video",
    "input_video": "video",
}
"""Of OpenAI's parts, and of those that vendors added."""


def check_messages(messages: Sequence[Message]) -> tuple[bool, Counted | None, bool]:
    """Whether calls carry an index, what was counted of parts, whether a developer speaks.

    Nothing is counted where every content is a string. Raises `InvalidRequest`.
    """
    counted: Counted | None = None
    has_index = has_developer = False
    for at, message in enumerate(messages):
        content = message.content
        if type(content) is list:
            counted = counted or Counted()
            _check_parts(content, at, counted)
        kind = type(message)
        if kind is AssistantMessage:
            assert isinstance(message, AssistantMessage)
            if message.audio is not None:
                check_audio(message.audio, f"messages[{at}].audio.id")
            if message.tool_calls:
                has_index |= _check_calls(message.tool_calls, at)
            elif content is None and not _says_something(message):
                raise missing(
                    f"messages[{at}].content",
                    "it, or 'tool_calls', with every message of the assistant",
                )
        elif kind is DeveloperMessage:
            has_developer = True
    return has_index, counted, has_developer


def _says_something(message: AssistantMessage) -> bool:
    """Whether a message without content and calls is anything but empty."""
    return not (
        message.function_call is None
        and message.refusal is None
        and message.audio is None
        and message.reasoning is None
        and message.reasoning_content is None
        and message.reasoning_details is None
        and message.thinking_blocks is None
    )


def _check_parts(parts: Sequence[Part], at: int, counted: Counted) -> None:
    for index, part in enumerate(parts):
        need = _NEEDS.get(part.type)
        if need is not None and getattr(part, need) is None:
            raise missing(
                f"messages[{at}].content[{index}].{need}", f"it with every part of type {need!r}"
            )
        check_part(part, f"messages[{at}].content[{index}]")
        modality = _MODALITY.get(part.type)
        if modality is not None:
            counted.media(part, modality)
        if part.cache_control is not None or part.prompt_cache_breakpoint is not None:
            counted.mark(part.cache_control, part.prompt_cache_breakpoint)


def _check_calls(calls: Sequence[ToolCall], at: int) -> bool:
    """Whether any call carries an index."""
    has_index = False
    for index, call in enumerate(calls):
        if call.function is None and call.custom is None and call.type in (None, "function"):
            raise missing(
                f"messages[{at}].tool_calls[{index}].function", "the called function's name"
            )
        if call.type == "custom" and call.custom is None:
            raise missing(f"messages[{at}].tool_calls[{index}].custom", "the called tool's name")
        has_index |= call.index is not UNSET
    return has_index
