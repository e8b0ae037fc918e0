"""Messages to turns: reasoning before what it led to, calls and their results by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import msgspec

from opengateway.dialects.openai_chat.canonical_parts import items_of, mark_in
from opengateway.dialects.openai_chat.complaints import INVALID_TYPE, wrong
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
from opengateway.kit.json import Raw, RawObject, ValidationError, loads
from opengateway.wires.openai_chat.parts import arguments_text
from opengateway.wires.openai_chat.reasoning import read_details, read_thinking_blocks

_decode = msgspec.json.Decoder(list[RawObject]).decode
_NULL: Final = b"null"
_RESULT_PARTS: Final = (Text, Image, Document, Audio, Video)


def turns_of(messages: Raw) -> tuple[Turn, ...]:
    """One turn a message, in order. Raises `InvalidRequest`."""
    names = _Names()
    return tuple(
        _turn({k: v for k, v in message.items() if bytes(v) != _NULL}, f"messages[{at}]", names)
        for at, message in enumerate(_decode(messages))
    )


@dataclass(slots=True)
class _Names:
    """The tools that were called so far, by call, and the call that waits for an old function."""

    by_id: dict[str, str] = field(default_factory=dict)
    waiting: str | None = None


def _turn(message: RawObject, where: str, names: _Names) -> Turn:
    said = str(loads(message.pop("role")))
    if said == "assistant":
        role, items = Role.ASSISTANT, _assistant(message, where, names)
    elif said in ("tool", "function"):
        role, items = Role.TOOL, [_result(message, where, names)]
    else:
        role, items = Role(said), items_of(message.pop("content"), f"{where}.content")
    if (mark := mark_in(message)) is not None and items:
        items[-1] = msgspec.structs.replace(items[-1], cache=mark)
    name = None if said == "function" else loads(message.pop("name", _RAW_NULL))
    return Turn(role=role, items=tuple(items), name=name, extra=message)


_RAW_NULL: Final = Raw(_NULL)


def _result(message: RawObject, where: str, names: _Names) -> ToolResult:
    if "tool_call_id" in message:
        call_id = loads(message.pop("tool_call_id"))
        name = names.by_id.get(call_id)
        if name is None and "name" in message:
            name = loads(message["name"])
    else:  # a function's answer: the old form has no ids
        name = loads(message.pop("name"))
        call_id = names.waiting or f"call_{where}"
    content: list[Text | Image | Document | Audio | Video] = []
    for item in items_of(message.pop("content", Raw(b'""')), f"{where}.content"):
        if isinstance(item, _RESULT_PARTS):
            content.append(item)
        elif isinstance(item, ServerItem):
            content.append(Text(text=bytes(item.raw).decode(), cache=item.cache))
    return ToolResult(call_id=call_id, name=name, content=tuple(content))


def _assistant(message: RawObject, where: str, names: _Names) -> list[Item]:
    calls = _calls(message, where, names)
    thoughts = _reasoning(message, [call.id for call, _ in calls], where)
    bound = {thought.call_id for thought in thoughts}
    items: list[Item] = [t for t in thoughts if t.call_id is None]
    if "content" in message:
        items += items_of(message.pop("content"), f"{where}.content")
    if "refusal" in message:
        refusal = loads(message.pop("refusal"))
        items += [Refusal(text=refusal)] if refusal else []
    items += _server_items(message, where)
    # An empty text beside something says nothing.
    items = [i for i in items if not (isinstance(i, Text) and not i.text and _is_plain(i))]
    for call, signature in calls:
        items += [t for t in thoughts if t.call_id == call.id]
        if signature is not None and call.id not in bound:
            items.append(Reasoning(signature=signature, origin=GOOGLE, call_id=call.id))
        items.append(call)
    return items or [Text(text="")]


def _is_plain(item: Text) -> bool:
    return item.cache is None and not item.opaque


def _reasoning(message: RawObject, calls: list[str], where: str) -> list[Reasoning]:
    """What was thought, from the member that says most. The others say the same, and go."""
    found = {
        name: loads(message.pop(name))
        for name in ("reasoning_details", "thinking_blocks", "reasoning_content", "reasoning")
        if name in message
    }
    if found.get("reasoning_details"):
        return read_details(found["reasoning_details"], calls, f"{where}.reasoning_details")
    if found.get("thinking_blocks"):
        return read_thinking_blocks(found["thinking_blocks"], f"{where}.thinking_blocks")
    for name in ("reasoning_content", "reasoning"):
        text = found.get(name)
        if text is not None and not isinstance(text, str):
            raise wrong(INVALID_TYPE, f"{where}.{name}", f"'{where}.{name}' must be a string")
        if text:
            return [Reasoning(text=text)]
    return []


def _calls(message: RawObject, where: str, names: _Names) -> list[tuple[ToolCall, str | None]]:
    """The calls, each with the signature that Google's clients keep with it."""
    made: list[tuple[ToolCall, str | None]] = []
    raw = message.pop("tool_calls", None)
    for member in _decode(raw) if raw is not None else ():
        call, signature = _call(member)
        names.by_id[call.id] = call.name
        made.append((call, signature))
    old = message.pop("function_call", None)
    if old is not None:
        said = loads(old)
        names.waiting = f"call_{where}"
        names.by_id[names.waiting] = said["name"]
        made.append(
            (ToolCall(id=names.waiting, name=said["name"], arguments=said["arguments"]), None)
        )
    return made


def _call(member: RawObject) -> tuple[ToolCall, str | None]:
    members = {name: raw for name, raw in member.items() if bytes(raw) != _NULL}
    identifier = loads(members.pop("id"))
    for name in ("index", "type"):
        members.pop(name, None)
    signature = _signature_in(members)
    mark = mark_in(members)
    if "custom" in members:
        said = loads(members.pop("custom"))
        made = ToolCall(
            id=identifier,
            name=said["name"],
            arguments=said["input"],
            kind="custom",
            cache=mark,
            opaque=members,
        )
        return made, signature
    said = loads(members.pop("function"))
    made = ToolCall(
        id=identifier,
        name=said["name"],
        arguments=arguments_text(said["arguments"]) or "{}",
        cache=mark,
        opaque=members,
    )
    return made, signature


def _signature_in(members: RawObject) -> str | None:
    """`extra_content.google.thought_signature`, taken out when it stands alone."""
    if "extra_content" not in members:
        return None
    said = loads(members["extra_content"])
    google = said.get(GOOGLE) if isinstance(said, dict) else None
    if not isinstance(google, dict) or not isinstance(google.get("thought_signature"), str):
        return None
    signature = str(google["thought_signature"])
    if len(said) == 1 and len(google) == 1:
        del members["extra_content"]
    return signature


def _server_items(message: RawObject, where: str) -> list[Item]:
    """Blocks of a vendor's own tools, as an answer of ours held them."""
    raw = message.pop("server_items", None)
    if raw is None:
        return []
    try:
        listed = [(loads(entry["origin"]), entry["item"]) for entry in _decode(raw)]
    except (ValidationError, KeyError):
        listed = [(None, raw)]
    if not all(isinstance(origin, str) for origin, _ in listed):
        raise wrong(
            INVALID_TYPE,
            f"{where}.server_items",
            f"'{where}.server_items' is wrong: send the list that the answer held, as it was",
        )
    return [ServerItem(raw=item, origin=origin) for origin, item in listed]
