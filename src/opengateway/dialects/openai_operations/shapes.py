"""The members of each operation's request that we read, with their types and ranges.

Source: OpenAI's OpenAPI document, and Cohere's and Jina's references for rerank. What is not named
here is passed on to vendors of the same shape, and left out, told to the caller, by others.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct

from opengateway.dialects.openai_chat.shapes import Debug, Extra, Preferences, StreamOptions

MAX_INPUTS = 2048
"""Texts of one embeddings request (OpenAI)."""
MAX_DOCUMENTS = 1000
"""Of one rerank request (Cohere and Voyage; Jina takes 2,048)."""
MAX_CHARACTERS = 4096
"""Of one speech (OpenAI)."""

_Label: TypeAlias = Annotated[str, Meta(max_length=256)]
_Short: TypeAlias = Annotated[str, Meta(max_length=64)]
_Count: TypeAlias = Annotated[int, Meta(ge=1, le=2_147_483_647)]
_Penalty: TypeAlias = Annotated[float, Meta(ge=-2, le=2)]
_Bias: TypeAlias = Annotated[float, Meta(ge=-100, le=100)]
_Inputs: TypeAlias = str | Annotated[list[Any], Meta(min_length=1, max_length=MAX_INPUTS)]
"""A text; or a list of texts, of tokens, or of lists of tokens, which `decode` looks into."""


class Ours(Struct, gc=False, kw_only=True):
    """What every request may say to the gateway itself. `null` means absent, as at OpenAI."""

    model: str
    models: list[str] | None = None
    extra: Extra | None = None
    provider: Preferences | None = None
    session_id: _Label | None = None
    user: _Label | None = None
    debug: Debug | None = None
    stream: bool | None = None


class Embeddings(Ours, gc=False, kw_only=True):
    input: _Inputs
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1, le=65_536)] | None = None
    input_type: _Short | None = None
    """An extension: what the vectors are for, in Cohere's words."""


class Rerank(Ours, gc=False, kw_only=True):
    query: Annotated[str, Meta(min_length=1, max_length=1_000_000)]
    documents: Annotated[list[Any], Meta(min_length=1, max_length=MAX_DOCUMENTS)]
    """Texts, or objects with a `text`."""
    top_n: _Count | None = None
    return_documents: bool | None = None
    max_tokens_per_doc: _Count | None = None


class Images(Ours, gc=False, kw_only=True):
    prompt: Annotated[str, Meta(min_length=1, max_length=32_000)]
    n: Annotated[int, Meta(ge=1, le=10)] | None = None
    size: Annotated[str, Meta(pattern=r"^(auto|[1-9][0-9]{1,4}x[1-9][0-9]{1,4})$")] | None = None
    quality: _Short | None = None
    response_format: Literal["url", "b64_json"] | None = None
    output_format: Literal["png", "jpeg", "webp"] | None = None
    output_compression: Annotated[int, Meta(ge=0, le=100)] | None = None
    background: Literal["transparent", "opaque", "auto"] | None = None
    moderation: Literal["low", "auto"] | None = None
    style: _Short | None = None
    partial_images: Annotated[int, Meta(ge=0, le=3)] | None = None


class Speech(Ours, gc=False, kw_only=True):
    input: Annotated[str, Meta(min_length=1, max_length=MAX_CHARACTERS)]
    voice: _Label | dict[str, Any]
    instructions: Annotated[str, Meta(max_length=MAX_CHARACTERS)] | None = None
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] | None = None
    speed: Annotated[float, Meta(ge=0.25, le=4)] | None = None
    stream_format: Literal["audio", "sse"] | None = None


class Moderations(Ours, gc=False, kw_only=True):
    model: str = "omni-moderation-latest"
    """OpenAI's own default."""
    input: _Inputs
    """A list holds texts, or parts `{"type": "text" | "image_url", ...}`."""


class Completions(Ours, gc=False, kw_only=True):
    prompt: _Inputs
    max_tokens: Annotated[int, Meta(ge=0, le=2_147_483_647)] | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    best_of: Annotated[int, Meta(ge=0, le=20)] | None = None
    echo: bool | None = None
    suffix: str | None = None
    logprobs: Annotated[int, Meta(ge=0, le=5)] | None = None
    stop: str | Annotated[list[str], Meta(max_length=4)] | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    frequency_penalty: _Penalty | None = None
    presence_penalty: _Penalty | None = None
    logit_bias: dict[str, _Bias] | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None


class Transcriptions(Ours, gc=False, kw_only=True):
    """The members of the form beside the file. All come as texts; `transcriptions` reads them."""

    language: Annotated[str, Meta(max_length=16)] | None = None
    prompt: Annotated[str, Meta(max_length=32_000)] | None = None
    response_format: Literal["json", "text", "srt", "verbose_json", "vtt"] | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    timestamp_granularities: (
        Annotated[list[Literal["word", "segment"]], Meta(max_length=2)] | None
    ) = None
    include: Annotated[list[_Short], Meta(max_length=8)] | None = None
