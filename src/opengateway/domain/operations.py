"""Operations beside chat: what each is called, what each is billed by, what each can use at most.

An operation is one call with one answer: it goes through the same twelve steps as a chat that does
not stream. What differs is declared here once: its units, and the bounds that a hold is made of.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal

import msgspec

from opengateway.domain.usage import Dimension


class Operation(StrEnum):
    EMBEDDINGS = "embeddings"
    RERANK = "rerank"
    IMAGES = "images"
    SPEECH = "speech"
    TRANSCRIPTIONS = "transcriptions"
    TRANSLATIONS = "translations"
    MODERATIONS = "moderations"
    COMPLETIONS = "completions"


_HEARD: Final = (Dimension.SECONDS, Dimension.AUDIO_INPUT, Dimension.INPUT)

BASES: Final[Mapping[Operation, tuple[Dimension, ...]]] = MappingProxyType(
    {
        Operation.EMBEDDINGS: (Dimension.INPUT,),
        Operation.RERANK: (Dimension.INPUT, Dimension.REQUESTS, Dimension.DOCUMENTS),
        Operation.IMAGES: (Dimension.IMAGES, Dimension.IMAGE_OUTPUT),
        Operation.SPEECH: (Dimension.CHARACTERS, Dimension.AUDIO_OUTPUT),
        Operation.TRANSCRIPTIONS: _HEARD,
        Operation.TRANSLATIONS: _HEARD,
        Operation.MODERATIONS: (Dimension.INPUT, Dimension.REQUESTS),
        Operation.COMPLETIONS: (Dimension.INPUT,),
    }
)
"""What an operation may be billed by. An endpoint has a price for one of these at least: else the
request is refused before it is sent (decision 14)."""

COUNTED: Final = (
    Dimension.IMAGES,
    Dimension.SECONDS,
    Dimension.CHARACTERS,
    Dimension.DOCUMENTS,
    Dimension.REQUESTS,
)
"""Units that are counted where they have a price. Tokens are always the provider's word."""


class Demand(msgspec.Struct, frozen=True):
    """What a request can use at most, by what stands in it. Zero: none of that kind."""

    operation: Operation
    text_bytes: int = 0
    """Of all texts that become tokens, the longest of which is `ChatRequest.input_bytes`."""
    tokens: int = 0
    """Of input that came as tokens: exact."""
    output_tokens: int = 0
    """A bound on the text that comes out, where the request has one; for images, on their tokens."""
    audio_tokens: int = 0
    """A bound on the sound that comes out."""
    images: int = 0
    seconds: int = 0
    """A bound on the length of the sound that came in, by its size."""
    usual_seconds: int = 0
    """About how long it is: for estimates only."""
    characters: int = 0
    """Exact."""
    documents: int = 0
    """Of rerank; of embeddings, its texts."""


class OperationRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a vendor of the OpenAI wire bends the operations beside chat."""

    paths: dict[Operation, str] = {}
    """Where an operation is, if not at OpenAI's path; empty where the vendor does not have it."""
    chat: bool = True
    """Whether the vendor chats at all."""
    only: tuple[Operation, ...] | None = None
    """What the vendor has, where that is not all."""
    completes_chat: bool = False
    """Whether the legacy completions go on with its chat models too."""
    drop: dict[Operation, tuple[str, ...]] = {}
    """Members that the vendor refuses and that are left out, told to the caller."""
    embedding_formats: tuple[Literal["float", "base64"], ...] = ("float", "base64")
    """What `encoding_format` may say. Where the vendor's default is all it takes, empty."""
    embedding_format_as: str = "encoding_format"
    max_inputs: int = 2048
    """Texts of one embeddings request."""
    dimensions_as: str = "dimensions"
    """The vendor's name for `dimensions`; empty where it knows none."""
    input_type_as: str = ""
    """The member that says what the vectors are for; empty where it knows none."""
    input_types: dict[str, str] = {}
    """The vendor's words for `search_document`, `search_query`, `classification`, `clustering`."""
    default_input_type: str = ""
    """For vendors that must be told."""
    rerank: Literal["results", "data", "scores"] = "results"
    """The answer's shape: `{results: [{index, relevance_score}]}`, the same as `data` with `top_k`
    for `top_n`, or a bare list of `{index, score}` for `texts`."""
    image_data_only: tuple[str, ...] = ()
    """Beginnings of the image models that always give data, and know no `response_format`."""
    verbose_json: bool = True
    """Whether transcriptions know `verbose_json`, which tells the length of the sound."""
    least_seconds: int = 0
    """Of sound that the vendor bills at least."""
    least_characters: int = 0
    """Of text that is spoken, likewise."""
