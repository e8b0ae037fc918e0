"""An answer as the official clients would put it together, and what is wrong with its form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from opengateway.domain.chat import FINISH_REASONS
from opengateway.kit.json import JsonObject, loads


@dataclass(slots=True)
class SeenCall:
    name: str = ""
    arguments: str = ""
    id: str = ""

    def parsed(self) -> JsonObject:
        try:
            arguments: Any = loads(self.arguments)
        except ValueError:
            arguments = self.arguments
        return {"name": self.name, "arguments": arguments}


@dataclass(slots=True)
class SeenChoice:
    text: str = ""
    reasoning: str = ""
    calls: dict[int, SeenCall] = field(default_factory=dict)
    finish: str | None = None
    roles: int = 0


@dataclass(slots=True)
class Seen:
    """The answer, and the rules that it breaks."""

    choices: dict[int, SeenChoice] = field(default_factory=dict)
    usage: JsonObject | None = None
    faults: list[str] = field(default_factory=list)

    def first(self) -> SeenChoice:
        return self.choices[min(self.choices)] if self.choices else SeenChoice()


def see_reply(body: bytes, model_id: str) -> Seen:
    """A whole answer."""
    answer = loads(body)
    seen = Seen(usage=answer.get("usage"))
    _check_names(answer, model_id, "chat.completion", seen)
    for choice in answer["choices"]:
        message = choice["message"]
        missing = [n for n in ("role", "content", "refusal") if n not in message]
        missing += [n for n in ("finish_reason", "index", "logprobs") if n not in choice]
        if missing:
            seen.faults.append(f"a choice lacks {', '.join(missing)}")
        shown = SeenChoice(
            text=message.get("content") or "",
            reasoning=message.get("reasoning_content") or "",
            finish=choice.get("finish_reason"),
        )
        for at, call in enumerate(message.get("tool_calls") or ()):
            name, given = _said(call)
            shown.calls[at] = SeenCall(name or "", given, call["id"])
        seen.choices[choice["index"]] = shown
        _check_finish(shown, seen)
    return seen


def see_stream(frames: bytes, model_id: str, *, include_usage: bool) -> Seen:
    """The frames of a stream, without its end marker (reference: providers, A.4)."""
    seen = Seen()
    chunks = []
    for frame in frames.split(b"\n\n")[:-1]:
        if not frame.startswith(b"data: {") or b"\n" in frame:
            seen.faults.append(f"not a data frame: {frame[:80]!r}")
            continue
        chunks.append(loads(frame[6:]))
    if len({chunk.get("id") for chunk in chunks}) > 1:
        seen.faults.append("the id changes")
    for at, chunk in enumerate(chunks):
        _check_names(chunk, model_id, "chat.completion.chunk", seen)
        _check_usage(chunk, at == len(chunks) - 1, include_usage, seen)
        for choice in chunk["choices"]:
            _see_delta(choice, seen)
    return seen


def _see_delta(choice: JsonObject, seen: Seen) -> None:
    shown = seen.choices.setdefault(choice["index"], SeenChoice())
    delta = choice["delta"]
    if shown.finish is not None:
        seen.faults.append("a delta or a second finish after the finish")
    if "finish_reason" not in choice:
        seen.faults.append("finish_reason is missing")
    if "role" in delta:
        shown.roles += 1
        if shown.roles > 1:
            seen.faults.append("the role comes twice")
    elif not shown.roles:
        seen.faults.append("the first delta has no role")
    shown.text += delta.get("content") or ""
    shown.reasoning += delta.get("reasoning_content") or ""
    for fragment in delta.get("tool_calls") or ():
        _see_fragment(fragment, shown, seen)
    if choice.get("finish_reason") is not None:
        shown.finish = choice["finish_reason"]
        _check_finish(shown, seen)


def _said(call: JsonObject) -> tuple[str | None, Any]:
    """The name, where it is told, and the arguments of a function, or the input of a custom tool."""
    if call.get("custom") and not call.get("function"):
        return call["custom"].get("name"), call["custom"].get("input", "")
    function = call.get("function", {})
    return function.get("name"), function.get("arguments", "")


def _see_fragment(fragment: JsonObject, shown: SeenChoice, seen: Seen) -> None:
    at = fragment["index"]
    name, arguments = _said(fragment)
    if at not in shown.calls:
        if at != len(shown.calls):
            seen.faults.append(f"call {at} comes as number {len(shown.calls)}")
        shown.calls[at] = SeenCall(name or "", "", fragment.get("id", ""))
        if not shown.calls[at].name or not shown.calls[at].id:
            seen.faults.append("a call begins without name or id")
    elif "id" in fragment or name is not None:
        seen.faults.append("a call's id or name comes twice")
    if not isinstance(arguments, str):
        seen.faults.append("arguments are not a string")
        return
    shown.calls[at].arguments += arguments


def _check_names(answer: JsonObject, model_id: str, kind: str, seen: Seen) -> None:
    if answer.get("model") != model_id:
        seen.faults.append(f"the model is called {answer.get('model')!r}")
    if answer.get("object") != kind:
        seen.faults.append(f"the object is {answer.get('object')!r}")
    if not answer.get("id") or not isinstance(answer.get("created"), int):
        seen.faults.append("id or created is missing")


def _check_usage(chunk: JsonObject, is_last: bool, include_usage: bool, seen: Seen) -> None:
    if not include_usage:
        if "usage" in chunk:
            seen.faults.append("usage that was not asked for")
    elif chunk.get("usage") is not None:
        if not is_last or chunk["choices"]:
            seen.faults.append("usage comes elsewhere than in a last chunk of its own")
        seen.usage = chunk["usage"]
    elif "usage" not in chunk:
        seen.faults.append("a chunk without usage: null")
    if not chunk["choices"] and chunk.get("usage") is None:
        seen.faults.append("a chunk with neither choices nor usage")


def _check_finish(shown: SeenChoice, seen: Seen) -> None:
    if shown.finish not in FINISH_REASONS:
        seen.faults.append(f"the finish reason is {shown.finish!r}")
    if len({call.id for call in shown.calls.values()}) < len(shown.calls):
        seen.faults.append("two calls share an id")
