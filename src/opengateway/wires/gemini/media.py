"""Images, sounds, films and documents as parts."""

from __future__ import annotations

from typing import Final

from opengateway.domain.canonical import Audio, Document, Image, Video
from opengateway.domain.catalog import Provider
from opengateway.domain.errors import InvalidRequest
from opengateway.kit.json import JsonObject

Media = Image | Audio | Document | Video

RICH_TYPES: Final = frozenset(
    ("image/png", "image/jpeg", "image/webp", "application/pdf", "text/plain")
)
"""What a function's response may hold (reference: providers, B.3)."""
_SIGNATURES: Final = (
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("_9j_", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
)
"""How the base64 of an image begins."""
_ENDINGS: Final = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "webm": "video/webm",
    "mpeg": "video/mpeg",
}
_SOUNDS: Final = {
    "mpeg": "audio/mp3",
    "mpga": "audio/mp3",
    "m4a": "audio/mp4",
    "pcm16": "audio/pcm",
}


def media_part(item: Media, provider: Provider) -> JsonObject:
    """The part. Raises `InvalidRequest` for an address that the vendor does not fetch."""
    if isinstance(item, Audio):
        kind = _SOUNDS.get(item.format, f"audio/{item.format}")
        return {"inlineData": {"mimeType": kind, "data": item.data}}
    if item.data is not None:
        return {"inlineData": {"mimeType": _type_of_data(item), "data": item.data}}
    address = item.url
    if isinstance(item, Document) and address is None:
        address = item.file_id
    if address is not None and address.startswith(provider.profile.fetched_urls):
        return {"fileData": {"mimeType": _type_of_address(item, address), "fileUri": address}}
    raise InvalidRequest(
        f"messages: {provider.id} does not fetch {(address or '')[:80]!r}; send the data itself, as"
        " base64",
        param="messages",
    )


def _type_of_data(item: Image | Document | Video) -> str:
    if item.media_type:
        return item.media_type
    data = item.data or ""
    return next((kind for start, kind in _SIGNATURES if data.startswith(start)), "image/jpeg")


def _type_of_address(item: Image | Document | Video, address: str) -> str:
    """What an ending says; else what was said; else an image's usual form."""
    ending = address.partition("?")[0].rpartition(".")[2].lower()
    return _ENDINGS.get(ending) or item.media_type or "image/jpeg"
