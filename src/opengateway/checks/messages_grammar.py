"""The grammar of a Messages stream as a machine, and the message that a client makes of one.

    message_start (content_block_start content_block_delta* content_block_stop)*
    message_delta message_stop

`ping` may stand anywhere behind the first, `error` may end it anywhere. Blocks count from 0 and never
overlap; a delta is of its block's kind; each event's name is its data's type (reference: providers,
A.8, E33 and E34).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from opengateway.kit.json import JsonObject, loads

_DELTAS: Final = {
    "text": frozenset(("text_delta", "citations_delta")),
    "thinking": frozenset(("thinking_delta", "signature_delta")),
    "tool_use": frozenset(("input_json_delta",)),
    "server_tool_use": frozenset(("input_json_delta",)),
    "mcp_tool_use": frozenset(("input_json_delta",)),
    "redacted_thinking": frozenset(),
}
"""Kinds of deltas by kind of block. Blocks that are not named may have any."""
STOP_REASONS: Final = frozenset(
    (
        *("end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal"),
        *("model_context_window_exceeded", "compaction"),
    )
)
_USAGE: Final = ("input_tokens", "output_tokens")


@dataclass(slots=True)
class SeenMessage:
    """The message so far, and the rules that were broken. `is_whole` once it has ended well."""

    message: JsonObject = field(default_factory=dict)
    error: JsonObject | None = None
    is_whole: bool = False
    faults: list[str] = field(default_factory=list)

    def blocks(self, kind: str) -> list[JsonObject]:
        return [block for block in self.message.get("content", ()) if block["type"] == kind]

    def text(self) -> str:
        return "".join(block["text"] for block in self.blocks("text"))

    def thinking(self) -> str:
        return "".join(block["thinking"] for block in self.blocks("thinking"))


class MessagesMachine:
    """Takes whole events in order. `model_id` is what the answer must call its model."""

    __slots__ = ("_model_id", "_open", "_pieces", "_stopped", "seen")

    def __init__(self, model_id: str) -> None:
        self._model_id = model_id
        self._open: int | None = None
        self._pieces: list[str] = []
        self._stopped = False
        self.seen = SeenMessage()

    def take(self, name: str, told: JsonObject) -> None:
        seen = self.seen
        kind = told.get("type")
        if name != kind:
            self._fault(f"the event {name!r} is of type {kind!r}")
        if seen.is_whole or seen.error is not None:
            self._fault(f"{kind} after the end")
        elif kind == "error":
            seen.error = told["error"]
        elif not seen.message and kind not in ("message_start", "ping"):
            self._fault(f"{kind} before message_start")
        elif kind == "message_start":
            self._start(told["message"])
        elif self._stopped and kind not in ("message_stop", "ping"):
            self._fault(f"{kind} after message_delta")
        else:
            self._take(str(kind), told)

    def _take(self, kind: str, told: JsonObject) -> None:
        match kind:
            case "content_block_start":
                self._begin(told)
            case "content_block_delta":
                self._delta(told)
            case "content_block_stop":
                self._close(told)
            case "message_delta":
                self._end(told)
            case "message_stop":
                if not self._stopped:
                    self._fault("message_stop without message_delta")
                self.seen.is_whole = True
            case _:  # a ping, or what nobody knows yet
                pass

    def _fault(self, what: str) -> None:
        self.seen.faults.append(what)

    def _start(self, message: JsonObject) -> None:
        if self.seen.message:
            self._fault("a second message_start")
        self.seen.faults += form_faults(message, self._model_id)
        if message.get("content") != [] or message.get("stop_reason") is not None:
            self._fault("message_start holds an answer")
        if not sum(v for n, v in message["usage"].items() if n.endswith("input_tokens")):
            self._fault("message_start tells of no input")
        self.seen.message = message

    def _begin(self, told: JsonObject) -> None:
        content = self.seen.message["content"]
        if self._open is not None:
            self._fault(f"block {told['index']} begins while {self._open} is open")
        if told["index"] != len(content):
            self._fault(f"block {told['index']} comes as number {len(content)}")
        self._open = told["index"]
        self._pieces = []
        content.append(told["content_block"])

    def _delta(self, told: JsonObject) -> None:
        if told["index"] != self._open:
            self._fault(f"a delta of block {told['index']} while {self._open} is open")
            return
        block, delta = self.seen.message["content"][-1], told["delta"]
        kinds = _DELTAS.get(block["type"])
        if kinds is not None and delta["type"] not in kinds:
            self._fault(f"a {delta['type']} within a block of type {block['type']}")
            return
        match delta["type"]:
            case "text_delta":
                block["text"] += delta["text"]
            case "thinking_delta":
                block["thinking"] += delta["thinking"]
            case "signature_delta":
                block["signature"] = delta["signature"]
            case "input_json_delta":
                self._pieces.append(delta["partial_json"])
            case "citations_delta":
                block["citations"] = [*(block.get("citations") or ()), delta["citation"]]
            case _:  # of a block that nobody knows: its texts go on the members of the same name
                for name, value in delta.items():
                    if name != "type" and isinstance(value, str):
                        block[name] = (block.get(name) or "") + value

    def _close(self, told: JsonObject) -> None:
        if told["index"] != self._open:
            self._fault(f"block {told['index']} ends while {self._open} is open")
            return
        self._open = None
        if text := "".join(self._pieces):
            try:
                self.seen.message["content"][-1]["input"] = loads(text)
            except ValueError:
                self._fault("a call's input is not JSON")

    def _end(self, told: JsonObject) -> None:
        if self._open is not None:
            self._fault(f"message_delta while block {self._open} is open")
        self._stopped = True
        message, delta = self.seen.message, told["delta"]
        if delta.get("stop_reason") not in STOP_REASONS:
            self._fault(f"the stop reason is {delta.get('stop_reason')!r}")
        message |= delta
        message["usage"] = {**message["usage"], **told["usage"]}


def form_faults(message: JsonObject, model_id: str) -> list[str]:
    """What is wrong with a message's own members, a whole one's or a start's."""
    faults = []
    if message.get("type") != "message" or message.get("role") != "assistant":
        faults.append("it is no message of an assistant")
    if message.get("model") != model_id:
        faults.append(f"the model is called {message.get('model')!r}")
    if not str(message.get("id", "")).startswith("msg_"):
        faults.append(f"the id is {message.get('id')!r}")
    if "stop_reason" not in message or "stop_sequence" not in message:
        faults.append("stop_reason or stop_sequence is missing")
    usage: Any = message.get("usage")
    if not isinstance(usage, dict) or not all(isinstance(usage.get(n), int) for n in _USAGE):
        faults.append("usage is missing")
    return faults


def see_messages(frames: bytes, model_id: str) -> SeenMessage:
    """The frames of a stream, its end marker or its error included where there is one."""
    machine = MessagesMachine(model_id)
    parts = frames.split(b"\n\n")
    if parts.pop():
        machine.seen.faults.append("a frame is not whole")
    for part in parts:
        head, _, data = part.partition(b"\n")
        if not head.startswith(b"event: ") or not data.startswith(b"data: ") or b"\n" in data:
            machine.seen.faults.append(f"not a named event: {part[:80]!r}")
            continue
        machine.take(head[7:].decode(), loads(data[6:]))
    return machine.seen


def see_message(body: bytes, model_id: str) -> SeenMessage:
    """A whole answer."""
    message = loads(body)
    faults = form_faults(message, model_id)
    if message.get("stop_reason") not in STOP_REASONS:
        faults.append(f"the stop reason is {message.get('stop_reason')!r}")
    return SeenMessage(message, is_whole=True, faults=faults)


def lean(message: JsonObject) -> JsonObject:
    """Without what says nothing: nulls, and that the model itself called a tool. Whole answers have
    all members of the vendor's document; streams have them not."""

    def said(block: JsonObject) -> JsonObject:
        return {
            name: value
            for name, value in block.items()
            if value is not None and not (name == "caller" and value == {"type": "direct"})
        }

    blocks = [said(block) for block in message.get("content") or ()]
    usage = {n: v for n, v in said(message.get("usage") or {}).items() if n != "service_tier"}
    return {**said(message), "content": blocks, "usage": usage}
