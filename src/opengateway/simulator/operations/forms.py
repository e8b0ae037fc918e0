"""What each vendor's operation takes: members, types, ranges. Another member is refused.

Sources: OpenAI's OpenAPI document, and the references of Voyage, Jina, Cohere and TEI as of 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opengateway.simulator.forms import Anything, Form, Many, Number, Switch, Table, Text

_MODEL: Final = Text(least=1)
_WORDS: Final = Many(Text(least=1), least=1, most=2048)
_COUNT: Final = Number(low=1)
_UNIT: Final = Number(low=0, high=1, fraction=True)
_INPUT: Final = Anything()
"""A string, a list of strings, of tokens, or of lists of tokens: read by the operation itself."""


def _table(required: str, **members: Form) -> Table:
    return Table(members, frozenset(required.split()))


OPENAI: Final[Mapping[str, Table]] = {
    "embeddings": _table(
        "model input",
        model=_MODEL,
        input=_INPUT,
        encoding_format=Text(choices=("float", "base64")),
        dimensions=_COUNT,
        user=Text(),
    ),
    "images": _table(
        "model prompt",
        model=_MODEL,
        prompt=Text(least=1, most=32_000),
        n=Number(low=1, high=10),
        size=Text(pattern=r"auto|\d{2,5}x\d{2,5}"),
        quality=Text(choices=("standard", "hd", "low", "medium", "high", "auto")),
        response_format=Text(choices=("url", "b64_json")),
        output_format=Text(choices=("png", "jpeg", "webp")),
        output_compression=Number(low=0, high=100),
        background=Text(choices=("transparent", "opaque", "auto")),
        moderation=Text(choices=("low", "auto")),
        style=Text(choices=("vivid", "natural")),
        user=Text(),
    ),
    "speech": _table(
        "model input voice",
        model=_MODEL,
        input=Text(least=1, most=4096),
        voice=Anything(),
        instructions=Text(most=4096),
        response_format=Text(choices=("mp3", "opus", "aac", "flac", "wav", "pcm")),
        speed=Number(low=0.25, high=4, fraction=True),
        stream_format=Text(choices=("audio", "sse")),
    ),
    "transcriptions": _table(
        "model file",
        model=_MODEL,
        file=Anything(mapping=True),
        language=Text(pattern=r"[A-Za-z]{2,3}"),
        prompt=Text(),
        response_format=Text(choices=("json", "text", "srt", "verbose_json", "vtt")),
        temperature=_UNIT,
        timestamp_granularities=Many(Text(choices=("word", "segment"))),
        include=Many(Text(choices=("logprobs",))),
    ),
    "translations": _table(
        "model file",
        model=_MODEL,
        file=Anything(mapping=True),
        prompt=Text(),
        response_format=Text(choices=("json", "text", "srt", "verbose_json", "vtt")),
        temperature=_UNIT,
    ),
    "moderations": _table("input", model=_MODEL, input=_INPUT),
    "completions": _table(
        "model prompt",
        model=_MODEL,
        prompt=_INPUT,
        max_tokens=Number(low=0),
        n=Number(low=1, high=128),
        best_of=Number(low=0, high=20),
        echo=Switch(),
        suffix=Text(),
        logprobs=Number(low=0, high=5),
        stop=Anything(),
        stream=Switch(),
        stream_options=Table({"include_usage": Switch(), "include_obfuscation": Switch()}),
        temperature=Number(low=0, high=2, fraction=True),
        top_p=_UNIT,
        frequency_penalty=Number(low=-2, high=2, fraction=True),
        presence_penalty=Number(low=-2, high=2, fraction=True),
        logit_bias=Anything(mapping=True),
        seed=Number(),
        user=Text(),
    ),
    "rerank": _table(
        "model query documents",
        model=_MODEL,
        query=Text(least=1),
        documents=Many(Text(), least=1, most=2048),
        top_n=_COUNT,
        return_documents=Switch(),
        max_tokens_per_doc=_COUNT,
    ),
}
VOYAGE: Final[Mapping[str, Table]] = {
    "embeddings": _table(
        "model input",
        model=_MODEL,
        input=_INPUT,
        input_type=Text(choices=("query", "document")),
        truncation=Switch(),
        output_dimension=Number(low=1),
        output_dtype=Text(choices=("float", "int8", "uint8", "binary", "ubinary")),
        encoding_format=Text(choices=("base64",)),
    ),
    "rerank": _table(
        "model query documents",
        model=_MODEL,
        query=Text(least=1),
        documents=Many(Text(), least=1, most=1000),
        top_k=_COUNT,
        return_documents=Switch(),
        truncation=Switch(),
    ),
}
JINA: Final[Mapping[str, Table]] = {
    "embeddings": _table(
        "model input",
        model=_MODEL,
        input=_INPUT,
        task=Text(
            choices=(
                *("retrieval.query", "retrieval.passage", "text-matching", "classification"),
                "separation",
            )
        ),
        dimensions=_COUNT,
        embedding_type=Text(choices=("float", "base64", "binary", "ubinary")),
        normalized=Switch(),
        late_chunking=Switch(),
        truncate=Switch(),
    ),
    "rerank": _table(
        "model query documents",
        model=_MODEL,
        query=Text(least=1),
        documents=Many(Text(), least=1, most=2048),
        top_n=_COUNT,
        return_documents=Switch(),
    ),
}
TEI: Final[Mapping[str, Table]] = {
    "embeddings": _table(
        "input",
        model=Text(),
        input=_INPUT,
        encoding_format=Text(choices=("float", "base64")),
        dimensions=_COUNT,
        user=Text(),
    ),
    "rerank": _table(
        "query texts",
        query=Text(least=1),
        texts=Many(Text(), least=1, most=32),
        raw_scores=Switch(),
        return_text=Switch(),
        truncate=Switch(),
    ),
}
COHERE: Final[Mapping[str, Table]] = {
    "embed": _table(
        "model input_type texts",
        model=_MODEL,
        texts=Many(Text(), least=1, most=96),
        input_type=Text(
            choices=("search_document", "search_query", "classification", "clustering", "image")
        ),
        embedding_types=Many(
            Text(choices=("float", "int8", "uint8", "binary", "ubinary", "base64"))
        ),
        output_dimension=Number(low=1),
        truncate=Text(choices=("NONE", "START", "END")),
        max_tokens=_COUNT,
        priority=Number(low=0, high=999),
    ),
    "rerank": _table(
        "model query documents",
        model=_MODEL,
        query=Text(least=1),
        documents=Many(Text(), least=1, most=1000),
        top_n=_COUNT,
        max_tokens_per_doc=_COUNT,
        priority=Number(low=0, high=999),
    ),
}
VENDORS: Final[Mapping[str, Mapping[str, Table]]] = {"voyage": VOYAGE, "jina": JINA, "tei": TEI}
"""Those whose operations are not OpenAI's. Others have OpenAI's, and rerank in Cohere's first form."""
PATHS: Final[Mapping[str, str]] = {
    "/embeddings": "embeddings",
    "/rerank": "rerank",
    "/images/generations": "images",
    "/audio/speech": "speech",
    "/audio/transcriptions": "transcriptions",
    "/audio/translations": "translations",
    "/moderations": "moderations",
    "/completions": "completions",
}
MODELS: Final[Mapping[str, frozenset[str]]] = {
    "sim-embed": frozenset(("embeddings", "embed")),
    "sim-rerank": frozenset(("rerank",)),
    "sim-image": frozenset(("images",)),
    "sim-image-tokens": frozenset(("images",)),
    "sim-speech": frozenset(("speech",)),
    "sim-speech-tokens": frozenset(("speech",)),
    "sim-whisper": frozenset(("transcriptions", "translations")),
    "sim-transcribe": frozenset(("transcriptions",)),
    "sim-moderation": frozenset(("moderations",)),
    "sim-complete": frozenset(("completions",)),
}
"""The built-in models, and what each serves. Those that end in `tokens` are billed by them."""
