"""A recorded answer in two ways: what the vendor's blocks were, and what our events make of them.

Sent back as history, both must be the same, byte for byte where a signature depends on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from opengateway.checks.recorded_case import RecordedCase
from opengateway.domain.canonical import (
    CanonicalRequest,
    Item,
    Reasoning,
    Role,
    ServerItem,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from opengateway.domain.events import (
    Event,
    ReasoningDelta,
    ReasoningSeal,
    ServerEventItem,
    TextDelta,
    ToolArguments,
    ToolStart,
)
from opengateway.kit.json import JsonObject, loads
from opengateway.kit.sse import Decoder

_EVENT_LIMIT_BYTES: Final = 64 * 1024 * 1024


def next_request(events: Sequence[Event]) -> CanonicalRequest:
    """A request whose history is this answer, and the results of its calls."""
    items = items_of(events)
    calls = [item for item in items if isinstance(item, ToolCall)]
    results = tuple(ToolResult(call_id=c.id, name=c.name, content=()) for c in calls)
    turns = [Turn(Role.USER, (Text(text="hello"),)), Turn(Role.ASSISTANT, tuple(items))]
    turns += [Turn(Role.TOOL, results)] if results else []
    turns.append(Turn(Role.USER, (Text(text="go on"),)))
    return CanonicalRequest(turns=tuple(turns), stream=False)


def items_of(events: Sequence[Event]) -> list[Item]:
    """An answer as the items of an assistant's turn, one a block, in the order of their blocks."""
    texts: dict[int, list[str]] = {}
    made: dict[int, Item | None] = {}
    calls: dict[int, tuple[int, ToolStart]] = {}
    extra: list[tuple[int, Item]] = []
    for event in events:
        match event:
            case TextDelta() | ReasoningDelta():
                made.setdefault(event.block, None)
                texts.setdefault(event.block, []).append(event.text)
                is_text = isinstance(event, TextDelta)
                text = "".join(texts[event.block])
                made[event.block] = Text(text=text) if is_text else Reasoning(text=text)
            case ReasoningSeal():
                made[event.block] = Reasoning(
                    text="".join(texts.get(event.block, ())),
                    signature=event.signature,
                    encrypted=event.encrypted,
                    origin=event.origin,
                )
            case ToolStart():
                made[event.block] = ToolCall(id=event.id, name=event.name, arguments="")
                calls[event.slot] = (event.block, event)
            case ToolArguments():
                block, begun = calls[event.slot]
                texts.setdefault(block, []).append(event.text)
                arguments = "".join(texts[block])
                made[block] = ToolCall(id=begun.id, name=begun.name, arguments=arguments)
            case ServerEventItem():  # it has no number: it stands where it was told
                extra.append(
                    (max(made, default=-1), ServerItem(raw=event.raw, origin=event.origin))
                )
            case _:
                pass
    numbered = [(number, item) for number, item in made.items() if item is not None]
    return [item for _, item in sorted([*numbered, *extra], key=lambda pair: pair[0])]


def recorded_blocks(case: RecordedCase) -> list[JsonObject]:
    """What the vendor said, without what may not be said back: citations, and empty texts."""
    blocks = _streamed(case.response) if case.stream else loads(case.response)["content"]
    plain = [{n: v for n, v in block.items() if n != "citations"} for block in blocks]
    return [block for block in plain if block["type"] != "text" or block["text"].strip()]


def _streamed(body: bytes) -> list[JsonObject]:
    decoder = Decoder(_EVENT_LIMIT_BYTES)
    blocks: dict[int, JsonObject] = {}
    inputs: dict[int, str] = {}
    for event in [*decoder.feed(body), *decoder.end()]:
        told: Any = loads(event.data)
        if told["type"] == "content_block_start":
            blocks[told["index"]] = told["content_block"]
        if told["type"] != "content_block_delta":
            continue
        delta, block = told["delta"], blocks[told["index"]]
        for name, value in delta.items():
            if name == "partial_json":
                inputs[told["index"]] = inputs.get(told["index"], "") + value
            elif name not in ("type", "citation"):
                block[name] = (block.get(name) or "") + value
    for index, text in inputs.items():
        blocks[index]["input"] = loads(text) if text else blocks[index]["input"]
    return [blocks[index] for index in sorted(blocks)]
