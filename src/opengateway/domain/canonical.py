"""The canonical form: one shape that every dialect decodes to and every wire encodes from.

A conversation is a list of turns, a turn an ordered list of typed items, nearer to Responses items
and Anthropic blocks than to chat messages, because those say more: several reasoning blocks with
their signatures, parallel calls and results in order, marks on any item. What a shape knows and we
do not rides along unread (`extra`, `opaque`, `ServerItem`). See ADR-0010.

JSON Schemas, tool arguments and unknown members stay as the caller's bytes (`Raw`) wherever nothing
has to be changed in them: a cache prefix survives only if its bytes do.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

from opengateway.kit.json import Raw, RawObject


class Role(StrEnum):
    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class CacheMark(msgspec.Struct, frozen=True):
    """End of a prefix that is worth caching. `ttl`: `5m`, `1h`, or None for the default."""

    ttl: str | None = None


class _Item(msgspec.Struct, frozen=True, kw_only=True):
    cache: CacheMark | None = None
    """The prefix up to and with this item is to be cached."""
    opaque: RawObject = {}
    """Members of this item that its own shape knows; kept for a way back to the same shape."""


class Text(_Item, frozen=True, tag=True):
    text: str


class Refusal(_Item, frozen=True, tag=True):
    text: str


class Reasoning(_Item, frozen=True, tag=True):
    """One block of reasoning. `signature` and `encrypted` are a vendor's, and mean nothing to
    another: `origin` (`anthropic`, `google`, `openai`) says whose. Replayed byte for byte, in
    order, empty and redacted ones too."""

    text: str = ""
    summary: bool = False
    signature: str | None = None
    encrypted: str | None = None
    """Redacted or encrypted content in place of text."""
    origin: str | None = None
    call_id: str | None = None
    """The tool call that the signature belongs to, where a vendor binds it to one (Gemini)."""


class ToolCall(_Item, frozen=True, tag=True):
    """`arguments` is JSON text as the model wrote it; a call without any has `{}`."""

    id: str
    name: str
    arguments: str
    kind: Literal["function", "custom"] = "function"


class Image(_Item, frozen=True, tag=True):
    """Either `url` (http, https) or `data` (base64) with its `media_type`."""

    url: str | None = None
    data: str | None = None
    media_type: str | None = None
    detail: str | None = None


class Audio(_Item, frozen=True, tag=True):
    data: str
    format: str


class Document(_Item, frozen=True, tag=True):
    """A PDF or a text. One of `url`, `data` (base64) and `file_id`."""

    url: str | None = None
    data: str | None = None
    file_id: str | None = None
    media_type: str = "application/pdf"
    name: str | None = None


class Video(_Item, frozen=True, tag=True):
    url: str | None = None
    data: str | None = None
    media_type: str = "video/mp4"


class ToolResult(_Item, frozen=True, tag=True):
    """What a call gave. `name` is the tool's, looked up from the call where a shape leaves it out."""

    call_id: str
    name: str | None
    content: tuple[Text | Image | Document | Audio | Video, ...]
    is_error: bool = False


class ServerItem(_Item, frozen=True, tag=True):
    """A block of a vendor's own tool (web search, code execution), unread. `origin` as above."""

    raw: Raw
    origin: str


Item = (
    Text
    | Refusal
    | Reasoning
    | ToolCall
    | ToolResult
    | Image
    | Audio
    | Document
    | Video
    | ServerItem
)


class Turn(msgspec.Struct, frozen=True):
    role: Role
    items: tuple[Item, ...]
    name: str | None = None
    extra: RawObject = {}


class Tool(msgspec.Struct, frozen=True):
    """A tool that the caller runs. `parameters` is its JSON Schema, as it came."""

    name: str
    description: str | None = None
    parameters: Raw | None = None
    strict: bool | None = None
    cache: CacheMark | None = None
    kind: Literal["function", "custom"] = "function"
    extra: RawObject = {}


class ToolChoice(msgspec.Struct, frozen=True):
    """The six forms: `auto`, `none`, `required`; `named` with one of `names`; `allowed` with
    several and `required` as its mode; a named custom tool has kind `custom`."""

    mode: Literal["auto", "none", "required", "named", "allowed"]
    names: tuple[str, ...] = ()
    required: bool = False
    kind: Literal["function", "custom"] = "function"


class OutputFormat(msgspec.Struct, frozen=True):
    """`schema` is the JSON Schema as it came, for `json_schema`."""

    kind: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    schema: Raw | None = None
    strict: bool | None = None
    description: str | None = None


class ReasoningIntent(msgspec.Struct, frozen=True):
    """What the caller wants of thinking. All None: nothing was said."""

    effort: str | None = None
    """none, minimal, low, medium, high, xhigh, max."""
    budget_tokens: int | None = None
    enabled: bool | None = None
    exclude: bool = False
    """Think, but do not show it."""


class Sampling(msgspec.Struct, frozen=True):
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    n: int = 1
    logprobs: bool = False
    top_logprobs: int | None = None


class CacheIntent(msgspec.Struct, frozen=True):
    """A wish for the whole request: a routing key of the caller's, or `automatic` marks."""

    key: str | None = None
    automatic: CacheMark | None = None


class CanonicalRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a caller asked, whatever dialect it was asked in."""

    turns: tuple[Turn, ...]
    stream: bool
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    output: OutputFormat | None = None
    sampling: Sampling = Sampling()
    max_output_tokens: int | None = None
    reasoning: ReasoningIntent = ReasoningIntent()
    cache: CacheIntent = CacheIntent()
    service_tier: str | None = None
    user: str | None = None
    """Already salted with the team: may go to a provider."""
    server_tools: tuple[Raw, ...] = ()
    """Tools of a vendor's own (web search, code execution), unread, in the dialect's words."""
    betas: tuple[str, ...] = ()
    """Features of Claude's maker that the caller turned on by header."""
    opaque: RawObject = {}
    """Members that were read into this form, as they were spelt: for a way back to the same shape.
    What names someone is a pseudonym here too."""
    dialect: str = ""
    """The shape that `extra`, every `opaque` and the server tools were written in. A wire of
    another shape has no use for them."""
    extra: RawObject = {}
    """Members that the dialect does not know. They go on where the wire is the dialect's own."""
