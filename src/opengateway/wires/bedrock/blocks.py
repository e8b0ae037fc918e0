"""Items to content blocks: `{"text"}`, `{"image" | "document" | "video": {"format", "source"}}`.

Media are bytes or lie in S3; no address is fetched (reference: providers, B.5).
"""

from __future__ import annotations

import re
from typing import Final

from opengateway.domain.canonical import Audio, Document, Image, Text, ToolResult, Video
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.model_rules import ModelRule
from opengateway.domain.origins import AMAZON, ANTHROPIC
from opengateway.kit.json import JsonObject

Part = Text | Image | Document | Audio | Video

_MAGIC: Final = {"/9j/": "jpeg", "iVBOR": "png", "R0lGOD": "gif", "UklGR": "webp"}
"""How the four kinds of image begin in base64."""
_IMAGES: Final = frozenset(_MAGIC.values())
_DOCUMENTS: Final = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}
_VIDEOS: Final = {
    "quicktime": "mov",
    "x-matroska": "mkv",
    "mp4": "mp4",
    "webm": "webm",
    "x-flv": "flv",
    "mpeg": "mpeg",
    "x-ms-wmv": "wmv",
    "3gpp": "three_gp",
}
_TELL_STATUS: Final = frozenset((ANTHROPIC, AMAZON))
"""Whose models take a result's `status`; to others the result's own words say it."""
_S3: Final = "s3://"
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9()\[\] -]+")
_SPACES: Final = re.compile(r"\s{2,}")
_MAX_NAME: Final = 200


def refused(vendor: str, what: str) -> InvalidRequest:
    return InvalidRequest(
        f"messages: {vendor} does not take {what}; leave it out or choose another model",
        code="unsupported_parameter",
        param="messages",
    )


def text_block(text: str) -> JsonObject | None:
    """None for a text that says nothing: such blocks are refused (E27)."""
    return {"text": text} if text.strip() else None


def part_block(part: Part, vendor: str) -> JsonObject | None:
    """A part of a user's turn or of a result. Raises `InvalidRequest`."""
    match part:
        case Text():
            return text_block(part.text)
        case Image():
            return {"image": _image(part, vendor)}
        case Document():
            return {"document": _document(part, vendor)}
        case Video():
            media = part.media_type.partition(";")[0].rpartition("/")[2].lower()
            kind = _VIDEOS.get(media)
            if kind is None:
                raise refused(vendor, f"a film {part.media_type[:60]!r}")
            return {"video": {"format": kind, "source": _source(part.data, part.url, vendor)}}
        case Audio():
            return {"audio": {"format": part.format, "source": {"bytes": part.data}}}


def _source(data: str | None, url: str | None, vendor: str) -> JsonObject:
    if data is not None:
        return {"bytes": data}
    if url is not None and url.startswith(_S3):
        return {"s3Location": {"uri": url}}
    raise InvalidRequest(
        f"messages: {vendor} does not fetch {(url or '')[:80]!r}; send the data itself, as base64",
        param="messages",
    )


def _image(image: Image, vendor: str) -> JsonObject:
    media = (image.media_type or "").partition(";")[0].rpartition("/")[2].lower()
    kind = media.replace("jpg", "jpeg")
    if not kind:
        begins = (known for magic, known in _MAGIC.items() if (image.data or "").startswith(magic))
        ending = (image.url or "").rpartition(".")[2].lower().replace("jpg", "jpeg")
        kind = next(begins, ending)
    source = _source(image.data, image.url, vendor)
    if kind not in _IMAGES:
        raise refused(vendor, f"an image {media[:60]!r}, only JPEG, PNG, GIF and WebP")
    return {"format": kind, "source": source}


def _document(document: Document, vendor: str) -> JsonObject:
    media = document.media_type.partition(";")[0].strip().lower()
    kind = _DOCUMENTS.get(media)
    if kind is None:
        raise refused(vendor, f"a file {media[:60]!r}")
    url = document.url if document.url is not None else document.file_id
    return {
        "format": kind,
        "name": document_name(document.name),
        "source": _source(document.data, url, vendor),
        # The same words as Anthropic's, and the same values.
        **{n: raw for n, raw in document.opaque.items() if n in ("citations", "context")},
    }


def document_name(name: str | None) -> str:
    """A name of the letters that are taken; what is none has a plain one."""
    made = _SPACES.sub(" ", _NOT_IN_NAMES.sub(" ", name or "")).strip()[:_MAX_NAME]
    return made or "Document"


def result_block(
    result: ToolResult, call_id: str, rule: ModelRule, vendor: str
) -> tuple[JsonObject, list[JsonObject]]:
    """The result, and the media that have to follow it where results hold text only."""
    content: list[JsonObject] = []
    after: list[JsonObject] = []
    for part in result.content:
        made = part_block(part, vendor)
        if made is not None:
            (content if "text" in made or rule.rich_results else after).append(made)
    if not content:
        # It must say something. What it gave stands behind it, or there was nothing.
        content.append({"text": "See the attached file." if after else "(no output)"})
    block: JsonObject = {"toolUseId": call_id, "content": content}
    if result.is_error and rule.family in _TELL_STATUS:
        block["status"] = "error"
    return {"toolResult": block}, after
