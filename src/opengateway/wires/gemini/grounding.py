"""`groundingMetadata` to URL citations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from opengateway.domain.events import Annotation
from opengateway.kit.json import JsonObject

MAX_ANNOTATIONS: Final = 1000


def annotations_of(metadata: JsonObject, text: str | None, choice: int) -> list[Annotation]:
    """What the answer rests on. `text` is the whole answer, None where it was too long to keep.

    Google counts bytes of UTF-8, OpenAI characters: a place that cannot be made out is left out.
    Sources that no passage names are told without a place.
    """
    sources = [_source(chunk) for chunk in _list(metadata.get("groundingChunks"))]
    encoded = None if text is None else text.encode("utf-8", "replace")
    found: list[Annotation] = []
    named: set[int] = set()
    for index, start, end in _passages(metadata, text, encoded):
        if not 0 <= index < len(sources) or len(found) >= MAX_ANNOTATIONS:
            continue
        named.add(index)
        if (source := sources[index]) is not None:
            url, title = source
            found.append(Annotation(url=url, title=title, start=start, end=end, choice=choice))
    for index, source in enumerate(sources):
        if source is not None and index not in named and len(found) < MAX_ANNOTATIONS:
            found.append(Annotation(url=source[0], title=source[1], choice=choice))
    return found


def _passages(
    metadata: JsonObject, text: str | None, encoded: bytes | None
) -> Iterator[tuple[int, int | None, int | None]]:
    for support in _list(metadata.get("groundingSupports")):
        if not isinstance(support, dict):
            continue
        segment = support.get("segment")
        start, end = _place(segment if isinstance(segment, dict) else {}, text, encoded)
        for index in _list(support.get("groundingChunkIndices")):
            if isinstance(index, int) and not isinstance(index, bool):
                yield index, start, end


def _place(
    segment: JsonObject, text: str | None, encoded: bytes | None
) -> tuple[int | None, int | None]:
    """Characters from and to, where the passage is really there."""
    start, end, said = segment.get("startIndex", 0), segment.get("endIndex"), segment.get("text")
    if text is None or encoded is None or not isinstance(start, int) or not isinstance(end, int):
        return None, None
    if not 0 <= start < end <= len(encoded):
        return None, None
    before = encoded[:start].decode("utf-8", "ignore")
    piece = encoded[start:end].decode("utf-8", "ignore")
    if isinstance(said, str) and piece != said:
        at = text.find(said) if said else -1
        return (at, at + len(said)) if at >= 0 else (None, None)
    return len(before), len(before) + len(piece)


def _source(chunk: Any) -> tuple[str, str | None] | None:
    """The address and title of a web page, or of a document that was retrieved."""
    if not isinstance(chunk, dict):
        return None
    for kind in ("web", "retrievedContext", "maps", "image"):
        place = chunk.get(kind)
        if isinstance(place, dict) and isinstance(url := place.get("uri"), str) and url:
            title = place.get("title")
            return url, title if isinstance(title, str) and title else None
    return None


def _list(value: Any) -> list[Any]:
    return value[:MAX_ANNOTATIONS] if isinstance(value, list) else []
