"""A look at a chunk's choices that costs little: enough to see that nothing need be mended.

What is not plainly text, or plainly more of a tool call's arguments, does not decode here.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType


class TappedFunction(msgspec.Struct, gc=False):
    arguments: str
    name: None = None


class TappedCall(msgspec.Struct, gc=False):
    """A fragment that goes on with a call: it has neither id nor name."""

    index: int
    function: TappedFunction
    id: None = None
    type: None = None


class TappedDelta(msgspec.Struct, gc=False):
    content: str | UnsetType | None = UNSET
    reasoning_content: str | None = None
    reasoning: str | None = None
    role: str | None = None
    tool_calls: list[TappedCall] | UnsetType = UNSET
    """Null needs mending: OpenAI leaves it out."""
    # What must not be there, whatever it is.
    refusal: None = None
    audio: None = None
    images: None = None
    function_call: None = None


class TappedChoice(msgspec.Struct, gc=False):
    index: int
    delta: TappedDelta
    finish_reason: None
    """Must be there, and null."""
    message: None = None
    usage: None = None


tap = msgspec.json.Decoder(list[TappedChoice]).decode
"""Raises `ValidationError` for choices that need more than a look."""


class TappedThought(TappedDelta, gc=False):
    """What is more than text for the canonical form, though it may leave as bytes."""

    reasoning_details: None = None
    annotations: None = None
    content_parts: None = None


class TappedEventChoice(TappedChoice, gc=False, kw_only=True):
    delta: TappedThought
    logprobs: None = None


class TappedChunk(msgspec.Struct, gc=False):
    choices: list[TappedEventChoice]
    usage: None = None
    error: None = None
    x_groq: None = None


tap_chunk = msgspec.json.Decoder(TappedChunk).decode
"""The same of a whole chunk, of which nothing will be handed on undecoded."""
