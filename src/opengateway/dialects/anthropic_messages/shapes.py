"""The members of a Messages request that we read, with their types and ranges.

Source: Anthropic's API reference of Messages, and its Python SDK's types (0.121). What is not named
here is allowed and survives: the bytes that go upstream are the caller's own.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from opengateway.dialects.openai_chat.shapes import Debug, Extra, Preferences

MAX_MESSAGES: Final = 100_000

_Tokens: TypeAlias = Annotated[int, Meta(ge=0, le=2_147_483_647)]
_Short: TypeAlias = Annotated[str, Meta(max_length=64)]
_Label: TypeAlias = Annotated[str, Meta(max_length=256)]


class Mark(Struct, gc=False):
    """A cache mark. Its lifetime has a price."""

    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] | None = None


class Source(Struct, gc=False):
    """Of an image or a document: `base64`, `url`, `text`, `content` or `file`."""

    type: str
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None


class Block(Struct, gc=False):
    """One content block. A type that we do not know passes with whatever it carries."""

    type: str
    text: str | None = None
    source: str | Source | None = None
    id: str | None = None
    name: str | None = None
    input: Raw | UnsetType = UNSET
    tool_use_id: str | None = None
    content: Raw | UnsetType = UNSET
    is_error: bool | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    file_id: str | None = None
    cache_control: Mark | None = None


class Message(Struct, gc=False):
    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class Tool(Struct, gc=False):
    """The caller's own, or one of the vendor's, which `type` names."""

    name: str | None = None
    type: str | None = None
    description: str | None = None
    input_schema: Raw | UnsetType = UNSET
    strict: bool | None = None
    cache_control: Mark | None = None


class ToolChoice(Struct, gc=False):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(Struct, gc=False):
    type: Literal["enabled", "adaptive", "disabled", "between_tools"]
    budget_tokens: Annotated[int, Meta(ge=1024)] | None = None
    display: Literal["summarized", "omitted"] | None = None


class Format(Struct, gc=False):
    type: Literal["json_schema"]
    schema: dict[str, Any]


class OutputConfig(Struct, gc=False):
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: Format | None = None


class Metadata(Struct, gc=False):
    user_id: Annotated[str, Meta(max_length=1024)] | None = None


class Fallback(Struct, gc=False, forbid_unknown_fields=True):
    model: str


class Params(Struct, gc=False):
    """The whole request. `null` means absent. `max_tokens` of 0 fills a cache and says nothing."""

    model: str
    messages: Annotated[list[Message], Meta(min_length=1, max_length=MAX_MESSAGES)]
    max_tokens: _Tokens | None = None
    system: str | list[Block] | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    output_format: Format | None = None
    """The older place of `output_config.format`."""
    stop_sequences: list[str] | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=0)] | None = None
    stream: bool | None = None
    metadata: Metadata | None = None
    service_tier: Literal["auto", "standard_only"] | None = None
    cache_control: Mark | None = None
    container: Any = None
    thread: Any = None
    user_profile_id: Any = None
    workspace_id: Any = None
    billing_policy: Any = None
    fallback_credit_token: Any = None
    speed: _Short | None = None
    inference_geo: _Short | None = None
    # Ours.
    fallbacks: list[Fallback] | None = None
    models: list[str] | None = None
    extra: Extra | None = None
    provider: Preferences | None = None
    session_id: _Label | None = None
    debug: Debug | None = None


OUR_MEMBERS: Final = ("models", "fallbacks", "extra", "provider", "session_id", "debug")
"""Never sent upstream."""
