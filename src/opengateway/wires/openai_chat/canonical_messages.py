"""Turns to messages of this shape."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from opengateway.domain.canonical import (
    Audio,
    Document,
    Image,
    Item,
    Reasoning,
    Refusal,
    Role,
    ServerItem,
    Text,
    ToolCall,
    ToolResult,
    Turn,
    Video,
)
from opengateway.domain.origins import GOOGLE
from opengateway.kit.json import JsonObject
from opengateway.wires.openai_chat.delta_events import ORIGIN
from opengateway.wires.openai_chat.reasoning import details_of

_ALWAYS: Final = frozenset(("role", "content"))
_MODALITY: Final[dict[type, str]] = {
    Image: "image",
    Audio: "audio",
    Document: "file",
    Video: "video",
}
Part: TypeAlias = JsonObject | Any


@dataclass(slots=True)
class Written:
    """The messages, and what the vendor's rules have to know of them."""

    messages: list[JsonObject] = field(default_factory=list)
    modalities: set[str] = field(default_factory=lambda: {"text"})
    members: set[str] = field(default_factory=set)
    has_developer: bool = False
    has_reasoning: bool = False


def written_messages(turns: Sequence[Turn], *, is_own: bool, keeps_blocks: bool) -> Written:
    """`is_own`: what the items carry beside themselves is of this very shape.

    `keeps_blocks`: the vendor takes reasoning back in blocks; else it is told as one text.
    """
    written = Written()
    for turn in turns:
        for message in _messages(turn, is_own, keeps_blocks):
            written.messages.append(message)
            written.members |= message.keys() - _ALWAYS
        for item in _all_items(turn):
            if (modality := _MODALITY.get(type(item))) is not None:
                written.modalities.add(modality)
        written.has_developer |= turn.role is Role.DEVELOPER
        written.has_reasoning |= any(isinstance(item, Reasoning) for item in turn.items)
    return written


def _all_items(turn: Turn) -> Iterable[Item]:
    for item in turn.items:
        yield item
        if isinstance(item, ToolResult):
            yield from item.content


def _messages(turn: Turn, is_own: bool, keeps_blocks: bool) -> Iterable[JsonObject]:
    """Results of tools are messages of their own here, before what else their turn says."""
    extra: JsonObject = dict(turn.extra) if is_own else {}
    if turn.name is not None:
        extra = {"name": turn.name, **extra}
    results = [item for item in turn.items if isinstance(item, ToolResult)]
    shown: list[Item] = []
    for result in results:
        content = _content(result.content, is_own) if is_own else _told(result, shown)
        own = extra if len(turn.items) == 1 else {}
        yield {"role": "tool", "tool_call_id": result.call_id, "content": content, **own}
    rest = [*shown, *(item for item in turn.items if not isinstance(item, ToolResult))]
    if not rest and (results or turn.role is Role.TOOL):
        return
    if turn.role is Role.ASSISTANT:
        yield {**_assistant(rest, is_own, keeps_blocks), **extra}
    else:
        role = Role.USER if turn.role is Role.TOOL else turn.role
        yield {"role": role.value, "content": _content(rest, is_own), **extra}


def _told(result: ToolResult, shown: list[Item]) -> str:
    """A result of another shape: its text. Messages of tools hold no more here, and say nothing of
    failure. Its images and files go to `shown`, which the user says after all results."""
    texts = [item.text for item in result.content if isinstance(item, Text)]
    media = [item for item in result.content if not isinstance(item, Text)]
    if media:
        shown += (Text(text=f"What {result.call_id} gave:"), *media)
        texts += [] if texts else ["It is in the next message."]
    text = "\n".join(texts)
    return f"Error: {text}" if result.is_error else text


def _assistant(items: Sequence[Item], is_own: bool, keeps_blocks: bool) -> JsonObject:
    thoughts: list[Reasoning] = []
    calls: list[ToolCall] = []
    said: list[Item] = []
    for item in items:
        if isinstance(item, ToolCall):
            calls.append(item)
        elif isinstance(item, Reasoning) and not (is_own and "thinking" in item.opaque):
            thoughts.append(item)
        else:
            said.append(item)
    message: JsonObject = {"role": "assistant", "content": None}
    if len(said) == 1 and isinstance(said[0], Refusal) and not said[0].opaque:
        message["refusal"] = said[0].text
    elif said or not (thoughts or calls):
        message["content"] = _content(said, is_own)
    foreign = [i for i in said if isinstance(i, ServerItem) and i.origin != ORIGIN]
    if foreign and is_own:
        message["server_items"] = [{"origin": i.origin, "item": i.raw} for i in foreign]
    if keeps_blocks and any(_says_more(thought) for thought in thoughts):
        message["reasoning_details"] = details_of(thoughts)
    elif any(thought.text for thought in thoughts):
        message["reasoning_content"] = "".join(thought.text for thought in thoughts)
    if calls:
        bound = {t.call_id: t.signature for t in thoughts if t.call_id and t.origin == GOOGLE}
        message["tool_calls"] = [_call(call, bound.get(call.id), is_own) for call in calls]
    return message


def _says_more(thought: Reasoning) -> bool:
    """Whether a plain text would not bring it back."""
    is_sealed = thought.signature is not None or thought.encrypted is not None
    return is_sealed or thought.summary or bool(thought.opaque)


def _call(call: ToolCall, signature: str | None, is_own: bool) -> JsonObject:
    text = "input" if call.kind == "custom" else "arguments"
    made: JsonObject = {
        "id": call.id,
        "type": call.kind,
        call.kind: {"name": call.name, text: call.arguments},
    }
    if is_own:
        made |= call.opaque
    if signature is not None:
        made.setdefault("extra_content", {GOOGLE: {"thought_signature": signature}})
    return made


def _content(items: Sequence[Item], is_own: bool) -> str | list[Part]:
    """A string where one will do."""
    if not items:
        return ""
    only = items[0]
    if len(items) == 1 and isinstance(only, Text) and not (is_own and only.opaque):
        return only.text
    return [part for part in (_part(item, is_own) for item in items) if part is not None]


def _part(item: Item, is_own: bool) -> Part | None:
    """None for what this shape has no word for."""
    opaque: JsonObject = dict(item.opaque) if is_own else {}
    match item:
        case Text():
            return {"type": "text", "text": item.text, **opaque}
        case Reasoning():  # a part of the content, as it came (Mistral)
            return {"type": "thinking", **opaque} if "thinking" in opaque else None
        case Refusal():
            return {"type": "refusal", "refusal": item.text, **opaque}
        case Image():
            image = {"url": _source(item.url, item.data, item.media_type or "image/png")}
            if item.detail is not None:
                image["detail"] = item.detail
            return {"type": "image_url", "image_url": image, **opaque}
        case Audio():
            sound = {"data": item.data, "format": item.format}
            return {"type": "input_audio", "input_audio": sound, **opaque}
        case Document():
            return _document(item, opaque)
        case Video():
            url = _source(item.url, item.data, item.media_type)
            return {"type": "video_url", "video_url": {"url": url}, **opaque}
        case ServerItem() if item.origin == ORIGIN:
            return item.raw
        case _:
            return None


def _document(item: Document, opaque: JsonObject) -> JsonObject:
    if "document_url" in opaque:
        return {"type": "document_url", **opaque}
    file: JsonObject = {}
    if item.url is not None or item.data is not None:
        file["file_data"] = _source(item.url, item.data, item.media_type)
    if item.file_id is not None:
        file["file_id"] = item.file_id
    if item.name is not None:
        file["filename"] = item.name
    return {"type": "file", "file": file, **opaque}


def _source(url: str | None, data: str | None, media_type: str) -> str:
    return url if url is not None else f"data:{media_type};base64,{data or ''}"
