"""Content parts to items, each with its marks, and with what only this shape knows of it."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from opengateway.dialects.openai_chat.complaints import INVALID_TYPE, INVALID_VALUE, wrong
from opengateway.domain.canonical import (
    Audio,
    CacheMark,
    Document,
    Image,
    Item,
    Reasoning,
    Refusal,
    ServerItem,
    Text,
    Video,
)
from opengateway.domain.origins import ANTHROPIC
from opengateway.kit.json import JsonObject, Raw, RawObject, loads

_DATA_URL: Final = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),", re.IGNORECASE)
_NULL: Final = b"null"
_MARKS: Final = ("cache_control", "prompt_cache_breakpoint")

decode_list = msgspec.json.Decoder(list[Raw]).decode
_decode_parts = msgspec.json.Decoder(list[RawObject]).decode


def cache_mark(raw: Raw, where: str) -> CacheMark | None:
    """`{"type": "ephemeral", "ttl": "1h"}` or `{"mode": "explicit"}`. Raises `InvalidRequest`."""
    said = loads(raw)
    if said is None:
        return None
    ttl = said.get("ttl") if isinstance(said, dict) else 0
    if ttl is not None and not isinstance(ttl, str):
        raise wrong(
            INVALID_TYPE,
            where,
            f"{where!r} is wrong: send an object such as {{'type': 'ephemeral', 'ttl': '1h'}}",
        )
    return CacheMark(ttl)


def mark_in(members: RawObject) -> CacheMark | None:
    """The mark of a part, a message or a tool; its member stays, for a way back."""
    for name in _MARKS:
        if name in members:
            return cache_mark(members[name], name)
    return None


def items_of(content: Raw, where: str) -> list[Item]:
    """The items of a message's content: a string, or parts. `where` is its path, for errors."""
    if bytes(content).startswith(b'"'):
        return [Text(text=loads(content))]
    return [
        _item(part, content_part, f"{where}[{at}]")
        for at, (part, content_part) in enumerate(
            zip(_decode_parts(content), decode_list(content), strict=True)
        )
    ]


def _item(part: RawObject, whole: Raw, where: str) -> Item:
    members = {name: raw for name, raw in part.items() if bytes(raw) != _NULL}
    kind = loads(members.pop("type"))
    mark = mark_in(members) if members else None
    match kind:
        case "text":
            return Text(text=loads(members.pop("text")), cache=mark, opaque=members)
        case "refusal":
            return Refusal(text=loads(members.pop("refusal")), cache=mark, opaque=members)
        case "image_url":
            return _image(loads(members.pop("image_url")), mark, members, f"{where}.image_url")
        case "input_audio":
            said = loads(members.pop("input_audio"))
            return Audio(data=said["data"], format=said["format"], cache=mark, opaque=members)
        case "file":
            return _file(loads(members.pop("file")), mark, members, f"{where}.file.file_data")
        case "video_url":
            return _video(loads(members.pop("video_url")), mark, members, f"{where}.video_url")
        case "document_url":  # Mistral; the member stays, and says how it came
            url = loads(members["document_url"])
            if isinstance(url, str) and not url.startswith("data:"):
                return Document(url=url, cache=mark, opaque=members)
        case "thinking":
            if (thought := _thinking(members)) is not None:
                return thought
        case _:
            pass
    return ServerItem(raw=whole, origin="openai_chat", cache=mark)


def _image(said: Any, mark: CacheMark | None, opaque: RawObject, where: str) -> Image:
    detail = None
    if isinstance(said, dict):
        said, detail = said["url"], said.get("detail")
    url, data, media = _source(said, where)
    detail = detail if isinstance(detail, str) else None
    return Image(url=url, data=data, media_type=media, detail=detail, cache=mark, opaque=opaque)


def _file(said: JsonObject, mark: CacheMark | None, opaque: RawObject, where: str) -> Document:
    name, identifier = said.get("filename"), said.get("file_id")
    given = said.get("file_data")
    if given is None:
        return Document(file_id=identifier, name=name, cache=mark, opaque=opaque)
    if not given.startswith(("data:", "http://", "https://")):  # base64 without its head
        return Document(data=given, file_id=identifier, name=name, cache=mark, opaque=opaque)
    url, data, media = _source(given, where)
    return Document(
        url=url,
        data=data,
        file_id=identifier,
        media_type=media or "application/pdf",
        name=name,
        cache=mark,
        opaque=opaque,
    )


def _video(said: Any, mark: CacheMark | None, opaque: RawObject, where: str) -> Video:
    url = said.get("url") if isinstance(said, dict) else said
    if not isinstance(url, str):
        raise wrong(INVALID_TYPE, where, f"{where!r} is wrong: send an object with 'url'")
    url, data, media = _source(url, where)
    return Video(url=url, data=data, media_type=media or "video/mp4", cache=mark, opaque=opaque)


def _source(url: str, where: str) -> tuple[str | None, str | None, str | None]:
    """A web address, or the base64 and the media type of a data URL."""
    if url[:5].lower() != "data:":
        return url, None, None
    head = _DATA_URL.match(url)
    if head is None or not head[2].lower().endswith(";base64"):
        raise wrong(
            INVALID_VALUE, where, f"{where!r} is wrong: send a web address or a base64 data URL"
        )
    return None, url[head.end() :], head[1] or None


def _thinking(members: RawObject) -> Reasoning | None:
    """Thought within the content: Anthropic's block, or Mistral's with its list of texts."""
    said = loads(members.get("thinking", Raw(_NULL)))
    if isinstance(said, list):
        texts = [part["text"] for part in said if isinstance(part, dict) and "text" in part]
        if len(texts) != len(said) or not all(isinstance(text, str) for text in texts):
            return None
        return Reasoning(text="".join(texts), opaque=members)
    if not isinstance(said, str):
        return None
    signature = loads(members["signature"]) if "signature" in members else None
    if not isinstance(signature, str):
        return Reasoning(text=said)
    return Reasoning(text=said, signature=signature, origin=ANTHROPIC)
