"""Items to content blocks. What has no block here is refused: without it the answer would be another.

Shapes: `{"type": "text", "text"}`, `{"type": "image" | "document", "source": {type: base64 | url |
text | file, ...}}`, `{"type": "tool_result", "tool_use_id", "content"}`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Final

from opengateway.domain.canonical import Audio, Document, Image, Text, ToolResult, Video
from opengateway.domain.errors import InvalidRequest
from opengateway.kit.json import JsonObject

_IMAGES: Final = frozenset(("image/jpeg", "image/png", "image/gif", "image/webp"))
_MAGIC: Final = {
    "/9j/": "image/jpeg",
    "iVBOR": "image/png",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
}
"""How the four begin in base64."""
_TEXTS: Final = frozenset(("application/json", "application/xml", "application/x-yaml"))
_PDF: Final = "application/pdf"
_OF_DOCUMENTS: Final = ("citations", "context")
"""Members of a document that only this shape has."""
_FILE_ID: Final = "file_"
"""How the ids of the vendor's own files begin; another vendor's mean nothing here."""

Part = Text | Image | Document | Audio | Video


def refused(vendor: str, what: str) -> InvalidRequest:
    return InvalidRequest(
        f"messages: {vendor} does not take {what}; leave it out or choose another model",
        code="unsupported_parameter",
        param="messages",
    )


def text_block(text: str) -> JsonObject | None:
    """None for a text that says nothing: the vendor sends such blocks and refuses them (E27)."""
    return {"type": "text", "text": text} if text.strip() else None


def part_block(part: Part, vendor: str) -> JsonObject | None:
    """A part of a user's turn or of a result. Raises `InvalidRequest`."""
    match part:
        case Text():
            return text_block(part.text)
        case Image():
            return _image(part, vendor)
        case Document():
            return _document(part, vendor)
        case Audio():
            raise refused(vendor, "sound")
        case Video():
            raise refused(vendor, "films")


def _image(image: Image, vendor: str) -> JsonObject:
    if image.data is None:
        return {"type": "image", "source": {"type": "url", "url": image.url or ""}}
    media = (image.media_type or "").lower().replace("image/jpg", "image/jpeg")
    if not media:
        begins = (kind for magic, kind in _MAGIC.items() if image.data.startswith(magic))
        media = next(begins, "without a media type")
    if media not in _IMAGES:
        raise refused(vendor, f"an image {media[:60]!r}, only JPEG, PNG, GIF and WebP")
    source = {"type": "base64", "media_type": media, "data": image.data}
    return {"type": "image", "source": source}


def _document(document: Document, vendor: str) -> JsonObject:
    block: JsonObject = {"type": "document", "source": _source(document, vendor)}
    if document.name:
        block["title"] = document.name
    block |= {name: raw for name, raw in document.opaque.items() if name in _OF_DOCUMENTS}
    return block


def _source(document: Document, vendor: str) -> JsonObject:
    if document.url is not None:
        return {"type": "url", "url": document.url}
    if document.data is None:
        identifier = document.file_id or ""
        if not identifier.startswith(_FILE_ID):
            raise refused(vendor, f"the file id {identifier[:60]!r}: it is not one of its own")
        return {"type": "file", "file_id": identifier}
    media = document.media_type.partition(";")[0].strip().lower()
    if media == _PDF:
        return {"type": "base64", "media_type": _PDF, "data": document.data}
    if not media.startswith("text/") and media not in _TEXTS:
        raise refused(vendor, f"a file {media[:60]!r}, only PDF and text")
    try:
        text = base64.b64decode(document.data, validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest(
            "messages: a text file is not base64 of UTF-8; encode it so", param="messages"
        ) from error
    return {"type": "text", "media_type": "text/plain", "data": text}


def result_block(result: ToolResult, call_id: str, vendor: str) -> JsonObject:
    """A plain text is a string; what is empty is left out, since an empty text is refused."""
    block: JsonObject = {"type": "tool_result", "tool_use_id": call_id}
    content = [made for part in result.content if (made := part_block(part, vendor)) is not None]
    if len(content) == 1 and content[0]["type"] == "text":
        block["content"] = content[0]["text"]
    elif content:
        block["content"] = content
    if result.is_error:
        block["is_error"] = True
    return block


def needs_files(blocks: Iterable[object]) -> bool:
    """Whether a block names one of the vendor's own files, results' blocks included."""
    for block in blocks:
        if not isinstance(block, dict):
            continue
        source = block.get("source")
        if isinstance(source, dict) and source.get("type") == "file":
            return True
        inner = block.get("content")
        if isinstance(inner, list) and needs_files(inner):
            return True
    return False
