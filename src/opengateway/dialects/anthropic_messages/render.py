"""The way out of the canonical form: events to a stream, or to one whole message.

A finish and the usage leave with the end marker, once the record is safe: a stream that breaks
never shows a stop reason. Most events are a piece of text: its frame is made of bytes.
"""

from __future__ import annotations

from collections.abc import Sequence as Listed
from typing import Any, Final

from opengateway.dialects.anthropic_messages.canonical import canonical_request
from opengateway.dialects.anthropic_messages.dialect import END, error_event
from opengateway.dialects.anthropic_messages.sequence import Sequence, Step
from opengateway.dialects.anthropic_messages.stops import ending_of
from opengateway.dialects.anthropic_messages.usage import (
    WHOLE_USAGE,
    estimated_input,
    estimated_usage,
    usage_object,
    usage_of,
)
from opengateway.domain.canonical import CanonicalRequest
from opengateway.domain.chat import ChatRequest, Meter
from opengateway.domain.errors import ShownError
from opengateway.domain.events import (
    End,
    Event,
    Finish,
    ReasoningDelta,
    RefusalDelta,
    Start,
    TextDelta,
    ToolArguments,
    UsageReport,
)
from opengateway.domain.usage import Usage
from opengateway.kit.ids import NewId
from opengateway.kit.json import JsonObject, Raw, dumps, loads

_OWN_ID: Final = "msg_"
_TEXT: Final = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
    b'"delta":{"type":"text_delta","text":%b}}\n\n'
)
_NOTHING: Final = Finish("stop", "")
_REFUSAL_BLOCK: Final = 1 << 30
"""A number that no provider's block has."""
_NOTHING_MORE: Final[JsonObject] = {"stop_details": None, "container": None}
_CALLER: Final = {"type": "direct"}
"""Who called a tool: the model itself, and no tool of a vendor's."""
_COUNTED: Final = (TextDelta, ReasoningDelta, ToolArguments, RefusalDelta)


class MessagesRendering:
    """This dialect as the translation lane takes it (`gateway.echoing.EchoingRenderer`).

    `new_id` names the answers of providers whose names are of another form.
    """

    __slots__ = ("_new_id",)

    def __init__(self, new_id: NewId) -> None:
        self._new_id = new_id

    def canonical(self, chat: ChatRequest, team_id: str) -> CanonicalRequest:
        return canonical_request(chat, team_id)

    def stream(self, chat: ChatRequest, model_id: str) -> MessageRenderer:
        return MessageRenderer(chat, model_id, self._new_id)

    def whole_of(
        self, chat: ChatRequest, events: Listed[Event], meter: Meter, model_id: str
    ) -> bytes:
        return whole_message(chat, events, meter, model_id, self._new_id)


class _Told:
    """What an answer says beside its blocks: refusals, and how it ended."""

    __slots__ = ("finish", "refusal")

    def __init__(self) -> None:
        self.finish: Finish | None = None
        self.refusal: list[str] = []

    def ending(self, chat: ChatRequest) -> JsonObject:
        """Of the first choice; where a provider numbers its only one otherwise, it said nothing."""
        return ending_of(self.finish or _NOTHING, chat, "".join(self.refusal))

    def said(self) -> TextDelta | None:
        """A refusal in the model's own words is what it answered. An explanation that came with
        the finish is none: it stands in `stop_details` alone."""
        text = "".join(self.refusal)
        if self.finish is not None and self.finish.message:
            text = text.removesuffix(self.finish.message)
        return TextDelta(text, _REFUSAL_BLOCK) if text else None


class MessageRenderer:
    """One stream. See `gateway.echoing.EndingRenderer`. It shows the first choice alone: there is
    no other in this dialect."""

    __slots__ = (
        "_characters",
        "_chat",
        "_model",
        "_new_id",
        "_sequence",
        "_told",
        "_usage",
        "ending",
    )

    def __init__(self, chat: ChatRequest, model_id: str, new_id: NewId) -> None:
        self._chat = chat
        self._model = model_id
        self._new_id = new_id
        self._sequence = Sequence()
        self._told = _Told()
        self._usage: Usage | None = None
        self._characters = 0
        self.ending = b""
        """What tells that the answer is whole; empty until it is."""

    def broken(self, error: ShownError) -> bytes:
        return error_event(error)

    def render(self, event: Event) -> bytes:
        sequence = self._sequence
        if isinstance(event, _COUNTED):
            if event.choice:
                return b""
            self._characters += len(event.text)
            if isinstance(event, TextDelta) and sequence.goes_on(event):
                return _TEXT % (sequence.index, dumps(event.text))
        match event:
            case Start():
                return self._start(event)
            case UsageReport():
                self._usage = event.usage
            case RefusalDelta():
                self._told.refusal.append(event.text)
            case Finish():
                if not event.choice:
                    self._told.finish = event
            case End():
                return self._end()
            case _ if getattr(event, "choice", 0) == 0:
                steps: list[Step] = []
                sequence.take(event, steps)
                return b"".join([_frame(step) for step in steps])
            case _:
                pass
        return b""

    def _start(self, event: Start) -> bytes:
        usage = {**usage_object(event.usage or estimated_input(self._chat)), "output_tokens": 0}
        message = _message(event, self._model, self._new_id, [], usage)
        return event_bytes("message_start", {"type": "message_start", "message": message})

    def _end(self) -> bytes:
        steps: list[Step] = []
        if (said := self._told.said()) is not None:
            self._sequence.take(said, steps)
        self._sequence.close(steps)
        usage = self._usage or estimated_usage(self._chat, None, self._characters)
        last = {
            "type": "message_delta",
            "delta": self._told.ending(self._chat),
            "usage": usage_object(usage),
        }
        self.ending = event_bytes("message_delta", last) + END
        return b"".join([_frame(step) for step in steps])


def event_bytes(name: str, told: JsonObject) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), dumps(told))


def _frame(step: Step) -> bytes:
    what, index, told = step
    name = f"content_block_{what}"
    if what == "stop":
        return event_bytes(name, {"type": name, "index": index})
    member = "content_block" if what == "start" else "delta"
    return event_bytes(name, {"type": name, "index": index, member: told})


def _message(
    start: Start, model_id: str, new_id: NewId, content: list[Any], usage: JsonObject
) -> JsonObject:
    return {
        "id": start.id if start.id.startswith(_OWN_ID) else new_id(_OWN_ID),
        "type": "message",
        "role": "assistant",
        "model": model_id,
        "content": content,
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }


def whole_message(
    chat: ChatRequest, events: Listed[Event], meter: Meter, model_id: str, new_id: NewId
) -> bytes:
    """The same as a stream's, put together."""
    sequence, told, start = Sequence(), _Told(), Start()
    steps: list[Step] = []
    for event in events:
        if getattr(event, "choice", 0):
            continue
        match event:
            case Start():
                start = event
            case RefusalDelta():
                told.refusal.append(event.text)
            case Finish():
                told.finish = event
            case _:
                sequence.take(event, steps)
    if (said := told.said()) is not None:
        sequence.take(said, steps)
    sequence.close(steps)
    usage = {**WHOLE_USAGE, **usage_object(usage_of(chat, meter))}
    message = _message(start, model_id, new_id, _blocks(steps), usage)
    return dumps({**message, **_NOTHING_MORE, **told.ending(chat)})


def _blocks(steps: Listed[Step]) -> list[JsonObject]:
    """What a client makes of the steps."""
    content: list[JsonObject] = []
    pieces: list[str] = []
    for what, _, told in steps:
        if what == "start":
            content.append(dict(told))
            pieces = []
        elif what == "stop":
            _put_pieces(content[-1], pieces)
        else:
            _grow(content[-1], told, pieces)
    return content


def _grow(block: JsonObject, delta: JsonObject, pieces: list[str]) -> None:
    match delta["type"]:
        case "text_delta":
            pieces.append(delta["text"])
        case "thinking_delta":
            pieces.append(delta["thinking"])
        case "input_json_delta":
            pieces.append(delta["partial_json"])
        case "signature_delta":
            block["signature"] = delta["signature"]
        case "citations_delta":
            block.setdefault("citations", []).append(delta["citation"])


def _put_pieces(block: JsonObject, pieces: list[str]) -> None:
    text = "".join(pieces)
    match block["type"]:
        case "text":
            block |= {"text": text, "citations": block.get("citations")}
        case "thinking":
            block["thinking"] = text
        case "tool_use":
            block |= {"input": _input(text), "caller": _CALLER}


def _input(text: str) -> Raw | JsonObject:
    """An object, as it came. What is none - a call that broke off - is put in one."""
    if not text.strip():
        return {}
    try:
        given = loads(text)
    except (ValueError, RecursionError):
        return {"arguments": text}
    return Raw(text.encode()) if isinstance(given, dict) else {"arguments": given}
