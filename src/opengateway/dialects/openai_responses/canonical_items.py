"""Items to turns: what the model said between two turns of others is one turn, in its order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from opengateway.dialects.openai_responses import complaints as bad
from opengateway.dialects.openai_responses.items import read_item
from opengateway.dialects.openai_responses.shapes import (
    CallOutput,
    Compaction,
    Content,
    CustomCall,
    FunctionCall,
    Message,
    Part,
    ReasoningItem,
)
from opengateway.domain.canonical import (
    CacheMark,
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
)
from opengateway.kit.json import Raw
from opengateway.wires.openai_responses.answer import ORIGIN
from opengateway.wires.openai_responses.names import joined
from opengateway.wires.openai_responses.seals import seal_in

_DATA_URL: Final = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),", re.IGNORECASE)


def turns_of(items: Iterable[bytes]) -> tuple[Turn, ...]:
    """Raises `InvalidRequest`."""
    made = _Turns()
    for at, raw in enumerate(items):
        made.add(Raw(raw), f"input[{at}]")
    made.close()
    return tuple(made.turns)


class _Turns:
    """Turns in the making. What the assistant says is gathered until somebody else speaks."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self._said: list[Item] = []
        self._names: dict[str, str] = {}
        """The tools that were called so far, by call."""

    def close(self) -> None:
        if self._said:
            self.turns.append(Turn(Role.ASSISTANT, tuple(self._said)))
            self._said = []

    def add(self, raw: Raw, where: str) -> None:
        item = read_item(raw, where, takes_all=True)
        match item:
            case Message(role="assistant"):
                self._speak(item, where)
            case Message():
                self.close()
                self.turns.append(Turn(Role(item.role), _content(item.content, where)))
            case FunctionCall() | CustomCall():
                self._call(item)
            case CallOutput():
                self._result(item, where)
            case ReasoningItem():
                self._think(item)
            case Compaction() | None:
                self._said.append(ServerItem(raw=raw, origin=ORIGIN))
            case _:  # a reference: refused when it was decoded
                pass

    def _speak(self, item: Message, where: str) -> None:
        """A second message is a turn of its own, unless a call before it waits for its result."""
        has_text = any(isinstance(i, Text | Refusal) for i in self._said)
        if has_text and not any(isinstance(i, ToolCall) for i in self._said):
            self.close()
        self._said += _content(item.content, where)

    def _call(self, item: FunctionCall | CustomCall) -> None:
        name = self._names[item.call_id] = joined(item.namespace, item.name)
        if isinstance(item, CustomCall):
            self._said.append(
                ToolCall(id=item.call_id, name=name, arguments=item.input, kind="custom")
            )
        else:
            self._said.append(
                ToolCall(id=item.call_id, name=name, arguments=item.arguments or "{}")
            )

    def _result(self, item: CallOutput, where: str) -> None:
        self.close()
        content = tuple(
            part
            for part in _content(item.output, where, "output")
            if isinstance(part, Text | Image | Document)
        )
        result = ToolResult(
            call_id=item.call_id, name=self._names.get(item.call_id), content=content
        )
        self.turns.append(Turn(Role.TOOL, (result,)))

    def _think(self, item: ReasoningItem) -> None:
        thoughts = "".join(part.text for part in item.content or ())
        summary = "\n\n".join(part.text for part in item.summary or ())
        text, is_summary = (thoughts, False) if thoughts else (summary, bool(summary))
        if not item.encrypted_content:
            if text:
                self._said.append(Reasoning(text=text, summary=is_summary))
            return
        seal = seal_in(item.encrypted_content)
        if not seal.origin:
            return  # changed on its way: no vendor takes it back
        self._said.append(
            Reasoning(
                text=text,
                summary=is_summary and seal.signature is None,
                signature=seal.signature,
                encrypted=seal.encrypted,
                origin=seal.origin,
                call_id=seal.call_id,
            )
        )


def _content(content: Content, where: str, member: str = "content") -> tuple[Item, ...]:
    if isinstance(content, str):
        return (Text(text=content),)
    made = (_part(part, f"{where}.{member}[{at}]") for at, part in enumerate(content))
    return tuple(made) or (Text(text=""),)


def _part(part: Part, where: str) -> Item:
    mark = _mark(part)
    match part.type:
        case "refusal":
            return Refusal(text=part.refusal or "", cache=mark)
        case "input_image":
            url, data, media = _source(part.image_url or "", f"{where}.image_url")
            detail = part.detail
            return Image(url=url, data=data, media_type=media, detail=detail, cache=mark)
        case "input_file":
            return _file(part, where, mark)
        case _:
            return Text(text=part.text or "", cache=mark)


def _mark(part: Part) -> CacheMark | None:
    said = part.prompt_cache_breakpoint
    if said is None:
        return None
    ttl = said.get("ttl") if isinstance(said, dict) else None
    return CacheMark(ttl if isinstance(ttl, str) else None)


def _file(part: Part, where: str, mark: CacheMark | None) -> Document:
    name = part.filename
    if part.file_data is None:
        return Document(url=part.file_url, file_id=part.file_id, name=name, cache=mark)
    if not part.file_data.startswith("data:"):  # base64 without its head
        return Document(data=part.file_data, name=name, cache=mark)
    url, data, media = _source(part.file_data, f"{where}.file_data")
    media = media or "application/pdf"
    return Document(url=url, data=data, media_type=media, name=name, cache=mark)


def _source(url: str, where: str) -> tuple[str | None, str | None, str | None]:
    """A web address, or the base64 and the media type of a data URL."""
    if url[:5].lower() != "data:":
        return url, None, None
    head = _DATA_URL.match(url)
    if head is None or not head[2].lower().endswith(";base64"):
        raise bad.wrong(
            bad.INVALID_VALUE,
            where,
            f"{where!r} is wrong: send a web address or a base64 data URL",
        )
    return None, url[head.end() :], head[1] or None
