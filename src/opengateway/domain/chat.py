"""A chat request as the pipeline sees it, and what was counted of its answer.

The straight lane: the caller's members stay undecoded bytes (`fields`), so that what we do not know
survives and what we do not change leaves as it came. `facts` is what routing and mapping need.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from io import StringIO
from typing import Final, Literal, TypeAlias

import msgspec

from opengateway.domain.catalog import ModelKind
from opengateway.domain.keepsake import Keepsake
from opengateway.domain.operations import Demand
from opengateway.domain.routing_rules import MaxPrice
from opengateway.domain.usage import Usage
from opengateway.kit.json import RawObject

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "function_call"]
FINISH_REASONS: frozenset[str] = frozenset(
    ("stop", "length", "tool_calls", "content_filter", "function_call")
)


KEPT_CHARACTERS: Final = 256 * 1024
"""Of an answer, in case that its tokens have to be counted: at most 1 MiB of memory."""


class ChatFacts(msgspec.Struct, frozen=True):
    """What was read of the request's members, types already checked by the dialect."""

    n: int = 1
    max_output_tokens: int | None = None
    temperature: float | None = None
    stop_count: int = 0
    reasoning_effort: str | None = None
    tool_choice: str | None = None
    """`none`, `auto`, `required`, `named`, `allowed`, or None when absent."""
    response_format: str | None = None
    """`text`, `json_object`, `json_schema`, or None."""
    modalities: frozenset[str] = frozenset(("text",))
    """Of the input: text, image, audio, file, video."""
    has_tools: bool = False
    has_developer_role: bool = False
    has_reasoning: bool = False
    """Replayed assistant messages carry reasoning members."""
    has_tool_call_index: bool = False
    message_members: frozenset[str] = frozenset()
    """Names of messages' members beyond role and content."""
    images: int = 0
    image_bytes: int = 0
    """Of `input_bytes`, those that are images' data; 0 for images by address."""
    audio_bytes: int = 0
    """Of `input_bytes`, those that are sounds' data."""
    has_open_media: bool = False
    """Files, videos, and sounds by address: their size in tokens cannot be told from the bytes."""
    cache_lifetimes: frozenset[str] = frozenset()
    """The lifetimes that cache marks name: `5m`, `1h`, ..."""
    has_vendor_tools: bool = False
    """Tools that the provider runs itself."""
    billed_apart: str | None = None
    """What the request uses for which its provider bills beside tokens, in words for the caller."""


class SortBy(StrEnum):
    """What the endpoints of a request are sorted by, instead of sharing the load."""

    PRICE = "price"
    THROUGHPUT = "throughput"
    LATENCY = "latency"


Percentiles: TypeAlias = tuple[tuple[int, float], ...]
"""Percentile (50, 75, 90 or 99) to a bound: seconds to the first token, or tokens a second."""


@dataclass(frozen=True, slots=True)
class ProviderPreferences:
    """The request's `provider` object. What is empty, false or None was not asked for."""

    order: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    allow_fallbacks: bool = True
    require_parameters: bool = False
    """Only endpoints that understand every member of the request."""
    deny_data_collection: bool = False
    zdr: bool = False
    quantizations: tuple[str, ...] = ()
    sort: SortBy | None = None
    sort_across_models: bool = False
    """`partition: none`: fallback models are sorted among the others, not after them."""
    preferred_max_latency: Percentiles = ()
    preferred_min_throughput: Percentiles = ()
    max_price: MaxPrice | None = None


NO_PREFERENCES: Final = ProviderPreferences()
"""Of nearly every request: known again by its identity."""


class Upload(msgspec.Struct, frozen=True):
    """A file that came with a request. `data` is a view of the body."""

    name: str
    content_type: str
    data: bytes | memoryview


class ChatRequest(msgspec.Struct, frozen=True):
    """A decoded chat completion request. Immutable; mappers make new bytes from it.

    A struct, as `ChatFacts` is: a frozen dataclass of this size takes 2 us to make, a struct 0.2.
    """

    model: str
    stream: bool
    include_usage: bool
    """The caller wants the usage chunk at the end of the stream."""
    fields: RawObject
    """Every member that may go upstream, in the caller's order; our own extras are taken out."""
    facts: ChatFacts
    input_bytes: int
    fallbacks: tuple[str, ...] = ()
    preferences: ProviderPreferences = NO_PREFERENCES
    session_id: str | None = None
    user: str | None = None
    debug_routing: bool = False
    goes_on: bool = False
    """A stream that breaks after its first content is gone on with elsewhere, where that can be."""
    first_token_timeout_s: float | None = None
    deadline_s: float | None = None
    headers: dict[str, str] = {}
    """Of the caller's headers, those that a provider of the same dialect is given."""
    demand: Demand | None = None
    """Of an operation beside chat: which, and what it can use at most."""
    kinds: tuple[ModelKind, ...] = (ModelKind.CHAT,)
    """What kind the model has to be of."""
    upload: Upload | None = None
    strict_parameters: bool | None = None
    """Whether what would be left out is refused instead; None: as the key says."""


@dataclass(slots=True)
class Meter:
    """What went past. `usage` is the provider's word; the characters are our own count."""

    usage: Usage | None = None
    """Of the whole answer; None until the provider has told it."""
    input_usage: Usage | None = None
    """Of the input alone, where a wire tells that first. It is no word on the output."""
    characters: int = 0
    """Of text, reasoning, refusals and tool arguments that were handed on."""
    finish_reason: str | None = None
    native_finish_reason: str | None = None
    upstream_id: str | None = None
    has_content: bool = False
    """Whether a content-bearing item was seen (text, reasoning, tool call, audio, image)."""
    kept: StringIO | None = field(default_factory=StringIO, repr=False, compare=False)
    """What `characters` counts, in the order it was handed on, while no usage was seen.

    None once usage is known, and beyond `KEPT_CHARACTERS`: what is here is whole, or nothing is.
    A buffer and not a list of pieces, which would take 60 bytes a token instead of 5.
    """

    keepsake: Keepsake | None = None
    """What the model must be given back with the results of its calls; None until the end."""

    def hand_on(self, text: str) -> None:
        """Count a piece of text, reasoning, refusal or tool arguments, and keep it."""
        self.characters += len(text)
        self.has_content = True
        kept = self.kept
        if kept is not None:
            if self.usage is None and self.characters <= KEPT_CHARACTERS:
                kept.write(text)
            else:
                self.kept = None


class ChatReply(msgspec.Struct, frozen=True):
    """A whole answer, ready for the caller."""

    body: bytes
    meter: Meter
    content_type: str = "application/json"


class UpstreamCall(msgspec.Struct, frozen=True):
    """What a wire makes of a request: path below the base URL, body, and what was left out."""

    path: str
    body: bytes
    dropped: tuple[str, ...] = ()
    headers: dict[str, str] = {}
    emulated: tuple[str, ...] = ()
    """Members that the vendor does not know, and that are brought about in another way."""
