"""The members of a request of this shape that we read, with their types and ranges.

Source: OpenAI's OpenAPI document, `CreateResponse` and what it refers to. What is not named here is
allowed and survives to a vendor of the same shape. Items are read one by one, by their type: see
`items`.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

from msgspec import Meta, Raw, Struct

from opengateway.dialects.openai_chat.shapes import Debug, Extra, Preferences

_OpenObject: TypeAlias = dict[str, Any]
_Label: TypeAlias = Annotated[str, Meta(max_length=256)]
_Short: TypeAlias = Annotated[str, Meta(max_length=64)]
_Id: TypeAlias = Annotated[str, Meta(min_length=1, max_length=128)]
_Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=128)]

CUSTOM_OR_FUNCTION: Final = ("function", "custom")


# --- items -----------------------------------------------------------------------------------------
class Part(Struct, gc=False):
    """A part of a message or of a call's output."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: str | None = None
    detail: Literal["low", "high", "auto", "original"] | None = None
    file_id: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None
    prompt_cache_breakpoint: Any = None


Content: TypeAlias = str | list[Part]


class Message(Struct, gc=False):
    role: Literal["user", "assistant", "system", "developer"]
    content: Content
    type: Literal["message"] | None = None
    phase: str | None = None


class FunctionCall(Struct, gc=False):
    call_id: _Id
    name: _Name
    arguments: str
    type: str = ""
    namespace: str | None = None


class CustomCall(Struct, gc=False):
    call_id: _Id
    name: _Name
    input: str
    type: str = ""
    namespace: str | None = None


class CallOutput(Struct, gc=False):
    call_id: _Id
    output: Content
    type: str = ""


class Summary(Struct, gc=False):
    text: str
    type: Literal["summary_text"]


class Thought(Struct, gc=False):
    text: str
    type: Literal["reasoning_text", "text"]


class ReasoningItem(Struct, gc=False):
    summary: list[Summary] | None = None
    content: list[Thought] | None = None
    encrypted_content: str | None = None
    type: str = ""


class Compaction(Struct, gc=False):
    encrypted_content: str
    type: str = ""


class Reference(Struct, gc=False):
    id: _Id
    type: str | None = None


# --- tools and formats -----------------------------------------------------------------------------
class Tool(Struct, gc=False):
    """Flat: a function, a custom tool, or one of the vendor's own."""

    type: str
    name: str | None = None
    description: str | None = None
    parameters: _OpenObject | None = None
    strict: bool | None = None
    format: _OpenObject | None = None
    tools: list[Tool] | None = None
    """Of a namespace: what it groups."""


class Named(Struct, gc=False):
    type: str
    name: str | None = None


class ToolChoice(Struct, gc=False):
    """The object forms: one tool, or several to choose from."""

    type: str
    name: str | None = None
    mode: Literal["auto", "required"] | None = None
    tools: list[Named] | None = None


class Format(Struct, gc=False):
    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    schema: _OpenObject | None = None
    strict: bool | None = None
    description: str | None = None


class TextOptions(Struct, gc=False):
    format: Format | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


class ReasoningOptions(Struct, gc=False):
    """`max_tokens`, `enabled` and `exclude` are OpenRouter's, as in chat completions."""

    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None
    generate_summary: Literal["auto", "concise", "detailed"] | None = None
    max_tokens: Annotated[int, Meta(ge=0, le=2_147_483_647)] | None = None
    enabled: bool | None = None
    exclude: bool | None = None


class StreamOptions(Struct, gc=False):
    include_obfuscation: bool | None = None


class Params(Struct, gc=False):
    """The whole request. `null` means absent, as it does at OpenAI."""

    model: str
    input: str | list[Raw] | None = None
    instructions: str | None = None
    previous_response_id: _Id | None = None
    conversation: Any = None
    prompt: Any = None
    background: bool | None = None
    store: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    include: list[_Short] | None = None
    max_output_tokens: Annotated[int, Meta(ge=1, le=2_147_483_647)] | None = None
    max_tool_calls: Annotated[int, Meta(ge=1)] | None = None
    tools: list[Tool] | None = None
    tool_choice: Literal["none", "auto", "required"] | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    text: TextOptions | None = None
    reasoning: ReasoningOptions | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    truncation: Literal["auto", "disabled"] | None = None
    context_management: Any = None
    metadata: (
        Annotated[dict[_Short, Annotated[str, Meta(max_length=512)]], Meta(max_length=16)] | None
    ) = None
    user: _Label | None = None
    safety_identifier: _Short | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: _OpenObject | None = None
    prompt_cache_retention: _Short | None = None
    service_tier: _Short | None = None
    moderation: _OpenObject | None = None
    # Ours, as in chat completions.
    models: list[str] | None = None
    extra: Extra | None = None
    provider: Preferences | None = None
    session_id: _Label | None = None
    debug: Debug | None = None
