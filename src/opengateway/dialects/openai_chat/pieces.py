"""What a delta and a whole message show alike."""

from __future__ import annotations

from opengateway.domain.events import Annotation, ImageOut, ServerEventItem
from opengateway.kit.json import JsonObject, Raw, dumps


def image_object(image: ImageOut, index: int) -> JsonObject:
    """An image that the model made, as a member of `images`. The form is OpenRouter's."""
    return {
        "type": "image_url",
        "image_url": {"url": f"data:{image.media_type};base64,{image.data}"},
        "index": index,
    }


def annotation_object(note: Annotation) -> JsonObject | Raw:
    """A citation of a page, or what the provider said as it is."""
    if note.raw is not None and note.url is None:
        return note.raw
    return {
        "type": "url_citation",
        "url_citation": {
            "start_index": note.start or 0,
            "end_index": note.end or 0,
            "title": note.title or "",
            "url": note.url or "",
        },
    }


def server_item(item: ServerEventItem) -> Raw:
    """A block of a vendor's own tool, to be sent back unread."""
    return Raw(dumps({"origin": item.origin, "item": item.raw}))
