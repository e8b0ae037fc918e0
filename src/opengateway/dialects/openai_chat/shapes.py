"""The members of a chat completion request that we read, with their types and ranges.

Source: OpenAI's OpenAPI document, `CreateChatCompletionRequest` and what it refers to. What is not
named here is allowed and survives: the bytes that go upstream are the caller's own. Structs carry
`gc=False`: a decoded JSON tree holds no cycles, and big histories would wake the collector.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

MAX_TARGETS = 3
"""The requested model and its fallbacks together."""
MAX_TIMEOUT_MS = 600_000

_Milliseconds: TypeAlias = Annotated[int, Meta(ge=1, le=MAX_TIMEOUT_MS)]
_Tokens: TypeAlias = Annotated[int, Meta(ge=1, le=2_147_483_647)]
_Penalty: TypeAlias = Annotated[float, Meta(ge=-2, le=2)]
_Bias: TypeAlias = Annotated[float, Meta(ge=-100, le=100)]
_Short: TypeAlias = Annotated[str, Meta(max_length=64)]
_Label: TypeAlias = Annotated[str, Meta(max_length=256)]
_Slugs: TypeAlias = Annotated[list[str], Meta(max_length=64)]
_OpenObject: TypeAlias = dict[str, Any]
_Bound: TypeAlias = Annotated[float, Meta(gt=0, le=1_000_000)]
_Dollars: TypeAlias = (
    Annotated[float, Meta(ge=0, le=1_000_000)]
    | Annotated[str, Meta(max_length=24, pattern=r"^[0-9]{1,7}(\.[0-9]{1,9})?$")]
)
_Quantization: TypeAlias = Literal[
    "int4", "int8", "fp4", "fp6", "fp8", "fp16", "bf16", "fp32", "unknown"
]


# --- messages --------------------------------------------------------------------------------------
class ImageUrl(Struct, gc=False):
    url: str


class InputAudio(Struct, gc=False):
    data: str
    format: str


class InputFile(Struct, gc=False):
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class Part(Struct, gc=False):
    """One content part. A type that we do not know passes with whatever it carries."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: str | ImageUrl | None = None
    """A bare string is a vendor's shorthand (Mistral) for `{"url": ...}`."""
    input_audio: InputAudio | None = None
    file: InputFile | None = None
    file_id: Any = None
    """Vendors' own parts name an uploaded file so, or in a `source`."""
    source: Any = None
    cache_control: Any = None
    """A cache mark, as `prompt_cache_breakpoint` is. Its lifetime has a price."""
    prompt_cache_breakpoint: Any = None


Content: TypeAlias = str | list[Part]


class CalledFunction(Struct, gc=False):
    name: str
    arguments: str


class CalledCustom(Struct, gc=False):
    name: str
    input: str


class ToolCall(Struct, gc=False):
    """A replayed call. OpenAI demands `type`; several SDKs leave it out of a function call."""

    id: str
    type: str | None = None
    function: CalledFunction | None = None
    custom: CalledCustom | None = None
    index: int | UnsetType | None = UNSET


class SystemMessage(Struct, gc=False, tag_field="role", tag="system"):
    content: Content
    name: str | None = None


class DeveloperMessage(Struct, gc=False, tag_field="role", tag="developer"):
    content: Content
    name: str | None = None


class UserMessage(Struct, gc=False, tag_field="role", tag="user"):
    content: Content
    name: str | None = None


class AssistantMessage(Struct, gc=False, tag_field="role", tag="assistant"):
    """Without content it must say something else; the reasoning members are vendors'."""

    content: Content | None = None
    name: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: CalledFunction | None = None
    audio: Any = None
    reasoning: Any = None
    reasoning_content: Any = None
    reasoning_details: Any = None
    thinking_blocks: Any = None


class ToolMessage(Struct, gc=False, tag_field="role", tag="tool"):
    content: Content
    tool_call_id: str


class FunctionMessage(Struct, gc=False, tag_field="role", tag="function"):
    content: str | None
    name: str


Message: TypeAlias = (
    SystemMessage
    | DeveloperMessage
    | UserMessage
    | AssistantMessage
    | ToolMessage
    | FunctionMessage
)


# --- tools and formats -----------------------------------------------------------------------------
class Function(Struct, gc=False):
    name: str
    description: str | None = None
    parameters: _OpenObject | None = None
    strict: bool | None = None
    cache_control: Any = None
    prompt_cache_breakpoint: Any = None


class CustomTool(Struct, gc=False):
    name: str
    description: str | None = None
    format: _OpenObject | None = None


class Tool(Struct, gc=False):
    """A function, a custom tool, or a vendor's own tool of a type that we do not know."""

    type: str | None = None
    function: Function | None = None
    custom: CustomTool | None = None
    cache_control: Any = None
    prompt_cache_breakpoint: Any = None


class Named(Struct, gc=False):
    name: str


class AllowedTools(Struct, gc=False):
    mode: Literal["auto", "required"]
    tools: list[_OpenObject]


class ToolChoice(Struct, gc=False):
    """The object forms. A form without `type` names a function (Mistral's and TGI's clients)."""

    type: Literal["function", "custom", "allowed_tools"] = "function"
    function: Named | None = None
    custom: Named | None = None
    allowed_tools: AllowedTools | None = None


class TextFormat(Struct, gc=False, tag_field="type", tag="text"):
    pass


class JsonObjectFormat(Struct, gc=False, tag_field="type", tag="json_object"):
    pass


class JsonSchema(Struct, gc=False):
    name: str
    schema: _OpenObject | None = None
    strict: bool | None = None
    description: str | None = None


class JsonSchemaFormat(Struct, gc=False, tag_field="type", tag="json_schema"):
    json_schema: JsonSchema


class StreamOptions(Struct, gc=False):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class AudioOutput(Struct, gc=False):
    voice: str | _OpenObject
    format: str


class Prediction(Struct, gc=False):
    type: Literal["content"]
    content: Content


# --- our own extras --------------------------------------------------------------------------------
class Percentiles(Struct, gc=False, forbid_unknown_fields=True):
    p50: _Bound | None = None
    p75: _Bound | None = None
    p90: _Bound | None = None
    p99: _Bound | None = None


class Sorted(Struct, gc=False, forbid_unknown_fields=True):
    by: Literal["price", "throughput", "latency"]
    partition: Literal["model", "none"] | None = None


class PriceBounds(Struct, gc=False, forbid_unknown_fields=True):
    """US dollars: per million tokens, per request, per image. Numbers, or decimal strings."""

    prompt: _Dollars | None = None
    completion: _Dollars | None = None
    request: _Dollars | None = None
    image: _Dollars | None = None


class Preferences(Struct, gc=False, forbid_unknown_fields=True):
    """OpenRouter's names, which clients send already."""

    order: _Slugs | None = None
    only: _Slugs | None = None
    ignore: _Slugs | None = None
    allow_fallbacks: bool | None = None
    require_parameters: bool | None = None
    data_collection: Literal["allow", "deny"] | None = None
    zdr: bool | None = None
    quantizations: Annotated[list[_Quantization], Meta(max_length=16)] | None = None
    sort: Literal["price", "throughput", "latency"] | Sorted | None = None
    preferred_max_latency: _Bound | Percentiles | None = None
    preferred_min_throughput: _Bound | Percentiles | None = None
    max_price: PriceBounds | None = None


class Extra(Struct, gc=False, forbid_unknown_fields=True):
    fallbacks: list[str] | None = None
    deadline_ms: _Milliseconds | None = None
    first_token_timeout_ms: _Milliseconds | None = None
    on_stream_failure: Literal["error", "continue"] | None = None
    strict_parameters: bool | None = None


class Debug(Struct, gc=False, forbid_unknown_fields=True):
    routing: bool | None = None
    params: bool | None = None
    """Accepted and needs nothing: `x-opengateway-dropped-params` always tells."""


OUR_MEMBERS = ("models", "extra", "provider", "session_id", "debug")
"""Never sent upstream."""

NOT_SERVED_YET = frozenset(("provider.enforce_distillable_text", "debug.echo_upstream_body"))
"""Documented, and refused rather than ignored until they are served."""


class Params(Struct, gc=False):
    """The whole request. `null` means absent, as it does at OpenAI."""

    model: str
    messages: Annotated[list[Message], Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_completion_tokens: _Tokens | None = None
    max_tokens: _Tokens | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    frequency_penalty: _Penalty | None = None
    presence_penalty: _Penalty | None = None
    logit_bias: dict[str, _Bias] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    stop: str | Annotated[list[str], Meta(max_length=4)] | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    response_format: TextFormat | JsonObjectFormat | JsonSchemaFormat | None = None
    tools: list[Tool] | None = None
    tool_choice: Literal["none", "auto", "required", "any"] | ToolChoice | None = None
    """`any` is Mistral's word for `required`."""
    parallel_tool_calls: bool | None = None
    reasoning_effort: (
        Literal["none", "minimal", "low", "medium", "high", "xhigh", "max", "default"] | None
    ) = None
    """`default` is Groq's (Qwen 3)."""
    verbosity: Literal["low", "medium", "high"] | None = None
    service_tier: _Short | None = None
    modalities: list[_Short] | None = None
    audio: AudioOutput | None = None
    prediction: Prediction | None = None
    web_search_options: _OpenObject | None = None
    metadata: (
        Annotated[dict[_Short, Annotated[str, Meta(max_length=512)]], Meta(max_length=16)] | None
    ) = None
    store: bool | None = None
    user: _Label | None = None
    safety_identifier: _Short | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: _OpenObject | None = None
    prompt_cache_retention: _Short | None = None
    moderation: _OpenObject | None = None
    functions: Annotated[list[Function], Meta(min_length=1, max_length=128)] | None = None
    function_call: Literal["none", "auto"] | Named | None = None
    # Ours.
    models: list[str] | None = None
    extra: Extra | None = None
    provider: Preferences | None = None
    session_id: _Label | None = None
    debug: Debug | None = None
