"""From a vendor's stream to the caller's: bytes in, whole frames out. The straight lane.

Each event is decoded once, into undecoded members. Nearly all take the fast path: the choices are
looked at through a small struct, the members that name the answer are replaced, and the rest leaves
as the bytes that came. What needs mending takes the slow path (`chunks`, `choice`).

Finish reasons and usage are held until the end marker. A stream that is cut therefore never shows
a finish, wherever the cut falls; and there is one usage chunk, last, if the caller asked for it.
"""

from __future__ import annotations

from typing import Final

from opengateway.domain.catalog import Provider
from opengateway.domain.errors import ErrorClass
from opengateway.kit.json import (
    JsonObject,
    Raw,
    RawObject,
    ValidationError,
    dumps,
    loads,
    loads_raw_object,
)
from opengateway.kit.sse import ServerEvent
from opengateway.wires.openai_chat.choice import Choice
from opengateway.wires.openai_chat.chunks import ChunkReader
from opengateway.wires.openai_chat.parts import NULL, answer_id, created_of, mend_members
from opengateway.wires.openai_chat.tap import tap
from opengateway.wires.openai_chat.usage import for_caller, is_whole

_OBJECT: Final = Raw(b'"chat.completion.chunk"')
_NO_CHOICES: Final = Raw(b"[]")


class OpenAIChatStream(ChunkReader[bytes]):
    """One stream. See `ports.provider.ChatStream`."""

    __slots__ = ("_include_usage", "_mends", "_model", "_names")

    def __init__(self, provider: Provider, model_id: str, *, include_usage: bool) -> None:
        super().__init__(provider)
        self._include_usage = include_usage
        self._model = Raw(dumps(model_id))
        self._names: RawObject = {}
        """What every chunk says alike: id, object, created, model, maybe system_fingerprint."""
        self._mends = False
        """Whether the vendor's chunks say what OpenAI's never do, beside the choices."""

    def feed(self, chunk: bytes) -> bytes:
        return b"".join(self._read(chunk))

    def end(self) -> bytes:
        return b"".join(self._read_end())

    def _take(self, event: ServerEvent, out: list[bytes]) -> None:
        chunk = loads_raw_object(event.data)
        if event.event != "error" and self._pass_on(chunk, out):
            return
        self._take_slowly(event, chunk, out)

    def _pass_on(self, chunk: RawObject, out: list[bytes]) -> bool:
        """The fast path: True when the chunk was no more than text or arguments, and left."""
        if not self._named or "error" in chunk or "x_groq" in chunk:
            return False
        usage = chunk.get("usage")
        if usage is not None and usage != NULL:
            return False
        try:
            choices = tap(chunk["choices"])
        except (ValidationError, KeyError):
            return False
        if len(choices) != 1:
            return False
        delta = choices[0].delta
        text = self._text_of(choices[0])
        if not text:
            return False
        if delta.role is not None or (delta.reasoning and not delta.reasoning_content):
            chunk["choices"] = _with_plain_delta(chunk["choices"])
        self.meter.hand_on(text)
        if self._include_usage:
            chunk["usage"] = NULL
        elif usage is not None:
            del chunk["usage"]
        if self._mends:
            mend_members(chunk)
        chunk.update(self._names)
        out.append(b"data: ")
        out.append(dumps(chunk))
        out.append(b"\n\n")
        return True

    def _emit(self, chunk: RawObject, choices: list[JsonObject], out: list[bytes]) -> None:
        chunk["choices"] = Raw(dumps(choices))
        if self._include_usage:
            chunk["usage"] = NULL
        else:
            chunk.pop("usage", None)
        if self._mends:
            mend_members(chunk)
        chunk.update(self._names)
        out.append(b"data: %b\n\n" % dumps(chunk))

    def _begin(self, chunk: RawObject, out: list[bytes]) -> None:
        """The first chunk that is part of the answer names it; the later ones are made to agree."""
        identifier = self.meter.upstream_id or answer_id(dumps(chunk))
        self._names = {
            "id": Raw(dumps(identifier)),
            "object": _OBJECT,
            "created": Raw(dumps(created_of(chunk) or 0)),
            "model": self._model,
        }
        said = dict(chunk)
        mend_members(said)
        self._mends = len(said) < len(chunk)
        fingerprint = chunk.get("system_fingerprint", NULL)
        if fingerprint != NULL:
            self._names["system_fingerprint"] = fingerprint

    def _finish_usage(self, out: list[bytes]) -> None:
        if self._include_usage and self._usage is not None:
            chunk = self._usage_chunk or dict(self._names)
            chunk["choices"] = _NO_CHOICES
            chunk["usage"] = self._shown_usage(self._usage, chunk.get("usage"))
            mend_members(chunk)
            chunk.update(self._names)
            out.append(b"data: %b\n\n" % dumps(chunk))

    def _finish_choice(self, choice: Choice, held: RawObject, out: list[bytes]) -> None:
        finish = choice.finish
        assert not isinstance(finish, ErrorClass), "a failed choice sets the error at once"
        if fragments := choice.closing_fragments():
            delta = {"tool_calls": fragments}
            self._emit({}, [{"index": choice.index, "delta": delta, "finish_reason": None}], out)
            self.meter.hand_on("{}" * len(fragments))
        ending = loads(held["choices"]) if held else {"index": choice.index, "delta": {}}
        ending["finish_reason"] = finish
        self._emit({**held}, [ending], out)
        if choice.index == min(self._choices):
            self.meter.finish_reason = finish

    def _shown_usage(self, reported: JsonObject, raw: Raw | None) -> Raw:
        if is_whole(reported, self.meter.usage):
            if raw is not None and raw != NULL:
                return raw
            return Raw(dumps(reported))
        return Raw(dumps(for_caller(reported, self.meter.usage)))


def _with_plain_delta(raw: Raw) -> Raw:
    """The one choice in `raw` without a role, and with its reasoning where clients look for it."""
    choices = loads(raw)
    delta = choices[0]["delta"]
    delta.pop("role", None)
    if delta.get("reasoning") and not delta.get("reasoning_content"):
        delta["reasoning_content"] = delta["reasoning"]
    return Raw(dumps(choices))
